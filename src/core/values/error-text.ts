import { ignored, safely } from "../safely.ts";

/** Most bytes of `last_error`, in UTF-8. */
export const MAX_ERROR_BYTES = 10_000;

/** Most errors of a `cause` chain that are written out. */
const MAX_CAUSES = 5;

const utf8 = new TextEncoder();

/** Stands where a text was cut off, and tells that a password at its end may be half a one. */
const CUT = "…";

/**
 * What was thrown, as text for `last_error`: name, message and stack, then the
 * chain of causes, without passwords, NUL or lone surrogates. Handlers may
 * throw anything, so nothing here may throw in turn.
 *
 * @param redact a further pass of the user's own, over the text.
 * @param before what the text begins with.
 */
export function errorText(
  thrown: unknown,
  redact: (text: string) => string = (text) => text,
  before = "",
): string {
  const parts = behind(thrown).map(({ error, how }) => (how === "" ? before : how) + told(error));
  const text = redactConnectionStrings(cut(parts.join("\n"), 2 * MAX_ERROR_BYTES));
  return redacted(text, redact);
}

/** A text after a pass of the user's own, which may fail: then nothing of it is shown. */
export function redacted(text: string, redact: (text: string) => string): string {
  return attempt(() => storable(textOnly(redact(storable(text))))) ?? "the error could not be redacted";
}

/** An error, and how it comes to be told: as the cause of the one before, or among those that it holds. */
interface Layer {
  readonly error: unknown;
  readonly how: "" | "caused by " | "one of them: ";
}

/**
 * What was thrown and what is behind it, at most six: the causes, and what an AggregateError holds (`Promise.any`; Node's
 * connect to a host of several addresses, whose own message is empty).
 */
function behind(thrown: unknown): readonly Layer[] {
  const found: Layer[] = [{ error: thrown, how: "" }];
  for (const { error } of found) {
    const several = read(error, "errors");
    const held =
      attempt(() => (Array.isArray(several) ? (several.slice(0, MAX_CAUSES) as unknown[]) : [])) ?? [];
    for (const one of held) found.push({ error: one, how: "one of them: " });
    const cause = read(error, "cause");
    if (cause !== undefined && cause !== null) found.push({ error: cause, how: "caused by " });
    if (found.length > MAX_CAUSES) break;
  }
  return found.slice(0, MAX_CAUSES + 1);
}

/** Of a `redact` that is asynchronous by mistake the rejection would end the process. */
function textOnly(text: string): string {
  void safely(() => text, ignored);
  return text;
}

/**
 * The messages of an error and of those behind it in one line, without passwords: for logs.
 *
 * @param redact a further pass of the user's own, over the text.
 */
export function causesText(error: unknown, redact?: (text: string) => string): string {
  const messages = behind(error)
    .map(({ error: layer }) => layer)
    // An AggregateError without a message says nothing that those in it don't.
    .filter((layer) => read(layer, "message") !== "" || !Array.isArray(read(layer, "errors")))
    .map((layer) => textOf(read(layer, "message")) ?? headline(layer));
  const text = storable(redactConnectionStrings(cut(messages.join(": "), MAX_ERROR_BYTES)));
  return redact === undefined ? text : redacted(text, redact);
}

/**
 * Up to the last @ before a blank: a password may hold anything else, unescaped. JSON may escape the
 * slashes, and a URL within a URL all of it.
 */
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]{1,20}(?::\\*\/\\*\/|%3A%2F%2F))\S*(?:@|%40|…)/gi;

/** pg takes blanks in a password too: up to the last @ of the line. */
const PG_URL_CREDENTIALS = /\b(postgres(?:ql)?:\/\/)[^\s:@/]*:[^\n]{1,200}(?:@|…)/gi;

/**
 * A value in quotes, which JSON within JSON escapes, ends at the like quote; one
 * without quotes at a blank. Rather too much is taken than too little.
 */
const KEYWORD_PASSWORD =
  /((?:password|passwd|passphrase|pwd|(?<![a-z])pass)\\*["'`]?(?:\s*(?:=>|[=:>])\s*|[\s,]+(?=\\*["'`])))(?:(\\*)(["'`])(?:\3\3|(?!(?<!\\)\2\3)[^])*(?:\2\3|$)|\S+)/gi;

/** `text` with the credentials of any URL or connection string in it replaced by `***`. */
export function redactConnectionStrings(text: string): string {
  return text
    .replace(PG_URL_CREDENTIALS, "$1***@")
    .replace(URL_CREDENTIALS, "$1***@")
    .replace(KEYWORD_PASSWORD, "$1***");
}

/** `text` as PostgreSQL can store it, and no longer than it should. */
function storable(text: string): string {
  const whole = text.slice(0, MAX_ERROR_BYTES).replaceAll("\u0000", "\uFFFD").toWellFormed();
  // Whole characters only, as many as fit.
  return whole.slice(0, utf8.encodeInto(whole, new Uint8Array(MAX_ERROR_BYTES)).read);
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length - CUT.length) + CUT;
}

function told(error: unknown): string {
  const stack = textOf(read(error, "stack"));
  if (typeof read(error, "message") !== "string" || stack === undefined) return headline(error);
  return headline(error) + cut(framesOf(stack, error), 2_000).trimEnd();
}

/** V8 begins a stack with name and message, JavaScriptCore with the first frame. */
function framesOf(stack: string, error: unknown): string {
  const message = textOf(read(error, "message"));
  const head = message ?? /^\w*Error.*/.exec(stack)?.[0];
  const start = head === undefined ? -1 : stack.indexOf(head);
  return head === undefined || start === -1 ? `\n${stack}` : stack.slice(start + head.length);
}

/** Name, message and code in one line, if they are there. */
function headline(error: unknown): string {
  const message = read(error, "message");
  if (typeof message !== "string") return `thrown: ${cut(printed(error), MAX_ERROR_BYTES)}`;
  const name = textOf(read(error, "name")) ?? "Error";
  const code = textOf(read(error, "code"));
  const head = message === "" ? name : `${name}: ${cut(message, MAX_ERROR_BYTES)}`;
  return code === undefined ? head : `${head} (${cut(code, MAX_ERROR_BYTES)})`;
}

function printed(thrown: unknown): string {
  const print = (): string =>
    typeof thrown === "object" && thrown !== null ? Object.prototype.toString.call(thrown) : String(thrown);
  return attempt(print) ?? "something unprintable";
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function read(holder: unknown, key: string): unknown {
  if (typeof holder !== "object" || holder === null) return undefined;
  return attempt(() => (holder as Readonly<Record<string, unknown>>)[key]);
}

/** A getter, a Proxy's trap or a `toString` may throw. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
