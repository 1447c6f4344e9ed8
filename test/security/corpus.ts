import fc from "fast-check";

/** Run as SQL by whoever glues it into a statement: each would remove the canary, or say something. */
const INJECTIONS = [
  "'; DROP TABLE canary; --",
  '"; DROP TABLE canary; --',
  "'); DROP TABLE canary; --",
  '"); DROP TABLE canary; --',
  "'; DROP TABLE canary; SELECT '",
  "\\'; DROP TABLE canary; --",
  "$$; DROP TABLE canary; --",
  "$pqrun$; DROP TABLE canary; --",
  "$body$; DROP TABLE canary; $body$",
  "1; DROP TABLE canary",
  "' OR '1'='1",
  "' OR 1=1 --",
  "' UNION SELECT version() --",
  "'||(SELECT pg_sleep(9))||'",
  "E'\\x27; DROP TABLE canary; --",
  "*/ DROP TABLE canary; /*",
  "--",
  "/*",
  "%s%n%x",
  "%I %L %1$s",
  "$1",
  "$0 $& $` $'",
  "{{7*7}} ${7*7} #{7*7}",
  "`id` $(id) ; id | id",
  "jobs'::regclass",
  'x" (id int); DROP TABLE canary; --',
  "x'), ('y'); DELETE FROM canary; --",
  "\u02bc; DROP TABLE canary; --",
  "\uff07; DROP TABLE canary; --",
] as const;

const NAMES = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "toJSON",
  "then",
  "select",
  "table",
  "null",
  "undefined",
  "true",
  "NaN",
  "../../etc/passwd",
  "C:\\windows\\system32",
  "pg_catalog",
  "pg_temp",
  "public",
  "jobs",
  "a".repeat(63),
  "a".repeat(64),
  "\u00e9".repeat(31),
  "\u00e9".repeat(32),
  "\u{1F600}".repeat(15),
  "\u{1F600}".repeat(16),
] as const;

const TERMINAL = [
  "\u001b[2J\u001b[H",
  "\u001b]0;owned\u0007",
  "\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007",
  "\u009b2J",
  "\u0090q\u009c",
  "\b\b\b\b",
  "\rpqrun: all is well",
  "\u202eevil\u202c",
  "\u2066a\u2069",
  "\u200fa",
  "\u2028a\u2029b",
  "\ufeffa",
  "a\u200db",
] as const;

const MARKUP = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "javascript:alert(1)",
  "<!--",
  "]]>",
  "&lt;b&gt;",
] as const;

const UNSTORABLE = ["\u0000", "a\u0000b", "\ud800", "\udc00a", "a\ud83d", "\ud800\u0000"] as const;
const LINES = ["a\nb", "a\r\nb", "\n", "\t", " ", "\u00a0", "\u0085", "\u007f"] as const;

const HAND_PICKED = [...INJECTIONS, ...NAMES, ...TERMINAL, ...MARKUP, ...UNSTORABLE, ...LINES];

/** The seed of the generated part: a failure names the string, and the string is there again. */
const SEED = 20_261_124;

const fragment = fc.oneof(
  fc.constantFrom(...INJECTIONS, ...NAMES, ...TERMINAL, ...MARKUP),
  fc.constantFrom("'", '"', "\\", "$", ";", "--", "%", "\n", "\u0000", "\ud83d", "\u202e", "\u001b"),
  fc.string({ unit: "binary", minLength: 1, maxLength: 12 }),
);
const generated = fc.array(fragment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));

/** Hostile strings, hand-picked and generated, each once; none is empty. */
export const CORPUS: readonly string[] = [
  ...new Set<string>([...HAND_PICKED, ...fc.sample(generated, { seed: SEED, numRuns: 600 })]),
];

/** Whether PostgreSQL can hold it. */
export function isStorable(text: string): boolean {
  return !text.includes("\u0000") && text.isWellFormed();
}
