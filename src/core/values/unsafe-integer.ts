/** A string, a number, or one of `{}[]:,` of a JSON text; blanks and literals need no look. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[{}[\]:,]/g;

/** Only an integer of 16 digits or more can lie beyond 2^53. */
const SUSPECT = /\d{16}/;

interface Level {
  /** The index within an array, or the key within an object. */
  at: number | string;
  /** Whether the next string of an object is a key. */
  keyNext: boolean;
}

/**
 * The path of the first integer in a JSON text that JSON.parse would change,
 * such as `payload.orders[2].id`, or undefined. jsonb holds any integer;
 * producers in other languages write them.
 */
export function findUnsafeInteger(json: string, root: string): string | undefined {
  if (!SUSPECT.test(json)) return undefined;
  const levels: Level[] = [];
  for (const [token] of json.matchAll(TOKEN)) {
    const level = levels.at(-1);
    if (token === "{") levels.push({ at: "", keyNext: true });
    else if (token === "[") levels.push({ at: 0, keyNext: false });
    else if (token === "}" || token === "]") levels.pop();
    else if (token === ",") advance(level);
    else if (token.startsWith('"')) nameKey(level, token);
    else if (isRounded(token)) return root + levels.map(({ at }) => step(at)).join("");
  }
  return undefined;
}

function advance(level: Level | undefined): void {
  if (level === undefined) return;
  if (typeof level.at === "number") level.at += 1;
  else level.keyNext = true;
}

function nameKey(level: Level | undefined, token: string): void {
  if (level?.keyNext !== true) return;
  level.at = String(JSON.parse(token));
  level.keyNext = false;
}

function isRounded(token: string): boolean {
  return /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) && token !== digitsOf(Number(token));
}

/** The integer as jsonb writes it, without an exponent: JavaScript's own large numbers come back as these. */
function digitsOf(integer: number): string {
  const [mantissa = "", exponent] = String(integer).split("e+");
  if (exponent === undefined) return mantissa;
  const [whole = "", fraction = ""] = mantissa.split(".");
  return whole + fraction.padEnd(Number(exponent), "0");
}

function step(at: number | string): string {
  return typeof at === "number" ? `[${at}]` : `.${at}`;
}
