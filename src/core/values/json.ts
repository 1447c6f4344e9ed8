import { InvalidInputError } from "../errors.ts";
import { byteLength } from "./utf8.ts";

/** What {@link encodeJson} accepts. */
export interface JsonLimits {
  /** Most bytes of the JSON text, in UTF-8. */
  readonly maxBytes: number;
  /** Most levels of nesting. */
  readonly maxDepth: number;
  /** What becomes of an undefined or a function inside an object: an error, or left out as JSON.stringify does. */
  readonly absent: "refuse" | "omit";
  /** Is called where what JSON gives back is another value than what was given: a Date's text, a class's bare fields. */
  readonly onChange?: (() => void) | undefined;
}

/** Bounds of a payload. PostgreSQL's own parser gives up near a depth of 6,000. */
export const PAYLOAD_LIMITS: JsonLimits = Object.freeze({
  maxBytes: 1_048_576,
  maxDepth: 100,
  absent: "refuse",
});

/** Bounds of a result: as a payload's, but what JSON leaves out is left out. */
export const RESULT_LIMITS: JsonLimits = Object.freeze({ ...PAYLOAD_LIMITS, absent: "omit" });

/** Of one UTF-16 unit, in UTF-8. */
const MOST_BYTES = 3;

/**
 * `value` as JSON text that jsonb takes and gives back unchanged. As with
 * JSON.stringify, a Date or anything else with `toJSON` is stored as what that
 * returns, and a class instance as its own enumerable fields. What would be
 * stored as `{}`, whatever is in it, is refused (Map, Set, Promise), and bytes are.
 *
 * @throws InvalidInputError naming the path of what JSON or jsonb can't hold.
 */
export function encodeJson(value: unknown, field: string, limits: JsonLimits): string {
  const text = encode(value, field, 0, limits);
  if (text === undefined) throw new InvalidInputError(field, "a JSON value", value);
  if (MOST_BYTES * text.length > limits.maxBytes && byteLength(text) > limits.maxBytes) {
    throw new InvalidInputError(field, `at most ${limits.maxBytes} bytes of JSON`, byteLength(text));
  }
  return text;
}

/** As {@link encodeJson}, for a payload: the value must be a JSON object. */
export function encodePayload(value: unknown, field: string, limits: JsonLimits = PAYLOAD_LIMITS): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidInputError(field, "a JSON object", value);
  }
  const text = encodeJson(value, field, limits);
  // A Date is an object, and its JSON is a string.
  if (!text.startsWith("{")) throw new InvalidInputError(field, "a JSON object", value);
  return text;
}

function encode(given: unknown, path: string, depth: number, limits: JsonLimits): string | undefined {
  // Of a Buffer that would be a list of numbers.
  const value = hasToJson(given) && !ArrayBuffer.isView(given) ? given.toJSON() : given;
  if (value !== given) limits.onChange?.();
  // Its JSON is null: of all that JSON changes in silence, the only loss that nobody can want.
  if (value === null && given instanceof Date) throw new InvalidInputError(path, "a valid Date", given);
  switch (typeof value) {
    case "string":
      return encodeText(value, path);
    case "number":
      if (!Number.isFinite(value)) throw new InvalidInputError(path, "a finite number", value);
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      // A circle is told from a deep value by nothing but its depth.
      if (depth >= limits.maxDepth) {
        throw new InvalidInputError(
          path,
          `at most ${limits.maxDepth} levels of nesting and no circle`,
          value,
        );
      }
      if (Array.isArray(value)) return encodeArray(value, path, depth, limits);
      if (!isPlain(value)) checkInstance(value, path, limits);
      return encodeObject(value as Readonly<Record<string, unknown>>, path, depth, limits);
    case "bigint":
      throw new InvalidInputError(path, "a JSON value (a bigint as a string)", value);
    case "symbol":
    case "undefined":
    case "function":
      if (limits.absent === "omit") return undefined;
      throw new InvalidInputError(path, "a JSON value", value);
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** @throws InvalidInputError for bytes, and where JSON would keep nothing of what is in it. */
function checkInstance(value: object, path: string, { onChange }: JsonLimits): void {
  // A plain object of another realm has the tag of any object.
  const tag = Object.prototype.toString.call(value);
  if (ArrayBuffer.isView(value) || (tag !== "[object Object]" && Object.keys(value).length === 0)) {
    throw new InvalidInputError(
      path,
      "a JSON value (a Map as an object, a Set as a list, bytes as text)",
      value,
    );
  }
  onChange?.();
}

function encodeArray(list: readonly unknown[], path: string, depth: number, limits: JsonLimits): string {
  const parts: string[] = [];
  // Not map(): it skips the holes of a sparse array.
  for (let index = 0; index < list.length; index += 1) {
    parts.push(encode(list[index], `${path}[${index}]`, depth + 1, limits) ?? "null");
  }
  return `[${parts.join(",")}]`;
}

function encodeObject(
  object: Readonly<Record<string, unknown>>,
  path: string,
  depth: number,
  limits: JsonLimits,
): string {
  const parts: string[] = [];
  for (const key of Object.keys(object)) {
    const inner = `${path}.${key.length <= 40 ? key : `${key.slice(0, 40)}…`}`;
    // Own `__proto__` keys come from hostile JSON and poison the object of a handler that copies the payload by assignment.
    if (key === "__proto__") throw new InvalidInputError(inner, "another key than __proto__", object[key]);
    const text = encode(object[key], inner, depth + 1, limits);
    if (text !== undefined) parts.push(`${encodeText(key, inner)}:${text}`);
  }
  return `{${parts.join(",")}}`;
}

function encodeText(text: string, path: string): string {
  // jsonb refuses both: SQLSTATE 22P05 and 22P02.
  if (text.includes("\u0000")) throw new InvalidInputError(path, "text without the NUL character", text);
  if (!text.isWellFormed()) throw new InvalidInputError(path, "text without a lone surrogate", text);
  return JSON.stringify(text);
}

function hasToJson(value: unknown): value is { toJSON(): unknown } {
  return (
    typeof value === "object" && value !== null && "toJSON" in value && typeof value.toJSON === "function"
  );
}
