import { inspect } from "node:util";

/** Planted in all that is thrown; nothing that is written may hold it. */
export const SECRET = "pl4nted-s3cret";

const URLS = [
  `postgres://app:${SECRET}@db.example:5432/app`,
  `postgresql://app:a@b:c/${SECRET}@db.example/app?sslmode=require`,
  `postgres://db.example/app?user=app&password=${SECRET}`,
  `postgres://app:my ${SECRET}@db.example/app`,
  `https://db.example/sql?dsn=postgres%3A%2F%2Fapp%3A${SECRET}%40db.example%2Fapp`,
  `host=db.example user=app password='my ${SECRET}' dbname=app`,
  `Server=db.example;User Id=app;Password=${SECRET};Database=app`,
  `PGPASSWORD=${SECRET} psql -h db.example`,
  `ALTER ROLE app PASSWORD 'my ${SECRET}'`,
] as const;

const CONFIG = { host: "db.example", user: "app", password: `my ${SECRET}`, connectionString: URLS[0] };

/** What drivers and query builders are known to put into the texts of their errors. */
const TEXTS: readonly string[] = [
  ...URLS,
  ...URLS.map((url) => `connect ECONNREFUSED (${url})`),
  ...URLS.map((url) => `Failed query: select 1\nparams: \nconnection: ${url}`),
  JSON.stringify(CONFIG),
  JSON.stringify({ config: JSON.stringify(CONFIG) }),
  inspect(CONFIG),
  inspect(new URL(URLS[0])),
  `request to ${URLS[0]} failed, reason: ${JSON.stringify(CONFIG)}`,
];

/** As query builders do: an error that carries the client's whole configuration. */
function queryError(text: string): Error {
  return Object.assign(new Error(text), {
    code: "ECONNREFUSED",
    config: CONFIG,
    client: { connectionParameters: CONFIG },
    query: text,
    detail: text,
  });
}

/** The secret, thrown in every shape. */
export const LEAKY: readonly unknown[] = TEXTS.flatMap((text) => [
  text,
  new Error(text),
  queryError(text),
  new Error("outer", { cause: new Error("middle", { cause: queryError(text) }) }),
  new Error("outer", { cause: text }),
  new AggregateError([new Error(text), queryError(text)], text),
  Object.assign(new Error("by its name"), { name: text }),
  Object.assign(new Error("by its code"), { code: text }),
  Object.assign(new Error("by its stack"), { stack: `Error: x\n    at f (${text})` }),
  { message: text, config: CONFIG },
  CONFIG,
]);

const trap = (): never => {
  throw new Error(`trap ${URLS[0]}`);
};
const cyclic = new Error("cyclic");
cyclic.cause = new Error("round", { cause: cyclic });
const deep = Array.from({ length: 20_000 }).reduce<Error>(
  (cause, _, index) => new Error(`level ${index}`, { cause }),
  new Error("bottom"),
);
const revoked = Proxy.revocable({}, {});
revoked.revoke();

/** What breaks whoever looks at it without care. */
export const HOSTILE: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  "no text": "",
  "a NUL": "a\u0000b",
  "a lone surrogate": new Error("a\ud800"),
  "50 MB": new Error("x".repeat(50_000_000)),
  "50 MB of three bytes each": new Error("\u20ac".repeat(16_000_000)),
  "50 MB in the cause": new Error("outer", { cause: "y".repeat(50_000_000) }),
  "a stack of 50 MB": Object.assign(new Error("stacked"), { stack: "z".repeat(50_000_000) }),
  "a cyclic cause": cyclic,
  "20,000 causes": deep,
  "a Proxy whose traps throw": new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap }),
  "a Proxy of an error": new Proxy(new Error("inner"), { get: trap }),
  "a revoked Proxy": revoked.proxy,
  "getters that throw": Object.defineProperties(new Error("x"), {
    message: { get: trap },
    stack: { get: trap },
    name: { get: trap },
    code: { get: trap },
    cause: { get: trap },
  }),
  "toString and toJSON that throw": { toString: trap, toJSON: trap, [Symbol.toPrimitive]: trap },
  "an object without a prototype": Object.create(null) as object,
  "a function": () => 1,
  "a symbol": Symbol("s"),
  "a bigint": 10n ** 1_000n,
  "an own __proto__": JSON.parse('{"message":"m","__proto__":{"polluted":true}}') as object,
  "a thenable": { then: trap },
};
