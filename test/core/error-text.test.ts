import fc from "fast-check";
import { expect, test } from "vitest";

import {
  causesText,
  errorText,
  MAX_ERROR_BYTES,
  redactConnectionStrings,
} from "../../src/core/values/error-text.ts";

test.for([
  ["undefined", undefined, "thrown: undefined"],
  ["null", null, "thrown: null"],
  ["a string", "no", "thrown: no"],
  ["a symbol", Symbol("s"), "thrown: Symbol(s)"],
  ["a bigint", 7n, "thrown: 7"],
  ["an object", { a: 1 }, "thrown: [object Object]"],
  ["an object without a prototype", Object.create(null), "thrown: [object Object]"],
  ["an error-like object", { name: "Oops", message: "no" }, "Oops: no"],
  ["a message that is no text", Object.assign(new Error(), { message: 5 }), "thrown: [object Error]"],
] as const)("%s that was thrown is told", ([, thrown, text]) => {
  expect(errorText(thrown)).toBe(text);
});

test("an error without a message, as Node's of several addresses, is told by its name and code", () => {
  const several = Object.assign(new AggregateError([new Error("one"), new Error("two")]), {
    code: "ECONNREFUSED",
  });
  expect(errorText(several)).toMatch(/^AggregateError \(ECONNREFUSED\)\n\s+at /);
  expect(causesText(new Error("outer", { cause: several }))).toBe("outer: one: two");
});

test("what an AggregateError holds is told with it, and then its cause", () => {
  const errors = [new Error("mirror A said 503"), new TypeError("mirror B timed out"), "C"];
  const text = errorText(new AggregateError(errors, "all failed", { cause: new Error("the network") }));
  const heads = text.split("\n").filter((line) => !line.startsWith("    at "));
  expect(heads).toEqual([
    "AggregateError: all failed",
    "one of them: Error: mirror A said 503",
    "one of them: TypeError: mirror B timed out",
    "one of them: thrown: C",
    "caused by Error: the network",
  ]);
  expect(causesText(new AggregateError(errors, "all failed"))).toBe(
    "all failed: mirror A said 503: mirror B timed out: thrown: C",
  );
});

test("of a thousand errors in one, as of one that holds itself, a few are told", () => {
  const many = new AggregateError(
    Array.from({ length: 1_000 }, (_, n) => new Error(`error ${n}`)),
    "all",
  );
  expect(errorText(many).match(/one of them/g)).toHaveLength(5);
  const circle = new AggregateError([], "circle");
  circle.errors.push(circle);
  expect(errorText(circle).match(/circle/g)?.length).toBeLessThan(20);
});

test("name, message, code and the first frames are told, then the causes", () => {
  const cause = Object.assign(new TypeError("inner"), { code: "ECONNRESET" });
  const text = errorText(new Error("outer", { cause }));
  expect(text).toMatch(
    /^Error: outer\n\s+at .*\n(?:\s+at .*\n)*caused by TypeError: inner \(ECONNRESET\)\n\s+at /,
  );
});

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error("trap");
    },
    getPrototypeOf: () => {
      throw new Error("trap");
    },
    has: () => {
      throw new Error("trap");
    },
  },
);
const throwing = {
  get message(): string {
    throw new Error("getter");
  },
};

test.for([
  ["a Proxy whose traps throw", hostile],
  ["a getter that throws", throwing],
  ["a cause that is such a Proxy", new Error("outer", { cause: hostile })],
  [
    "a toString that throws",
    {
      toString: () => {
        throw new Error("no");
      },
    },
  ],
] as const)("%s harms nobody", ([, thrown]) => {
  expect(errorText(thrown)).toMatch(/thrown|outer/);
});

test("a message of 50 MB is cut to 10,000 bytes", () => {
  const text = errorText(new Error("x".repeat(50_000_000)));
  expect(text).toHaveLength(MAX_ERROR_BYTES);
  expect(text.startsWith("Error: xxx")).toBe(true);
});

test.for(["é", "€", "\u{1F600}", "a€", "\u0000", "\ud800"])(
  "a text of %j is cut to 10,000 bytes, and no character in two",
  (character) => {
    for (const before of ["", "x", "xx", "xxx"]) {
      const text = errorText(before + character.repeat(20_000));
      const bytes = Buffer.byteLength(text);
      expect(bytes).toBeLessThanOrEqual(MAX_ERROR_BYTES);
      expect(bytes).toBeGreaterThan(MAX_ERROR_BYTES - 4);
      expect(text.isWellFormed()).toBe(true);
      expect(Buffer.from(text).toString()).toBe(text);
    }
  },
);

test("a cyclic chain of causes ends", () => {
  const [one, two] = [new Error("one"), new Error("two")];
  one.cause = two;
  two.cause = one;
  const text = errorText(one);
  expect(text.match(/caused by/g)).toHaveLength(5);
});

test("what PostgreSQL can't store is replaced", () => {
  expect(errorText("a\u0000b\ud800c")).toBe("thrown: a\uFFFDb\uFFFDc");
  // A pair cut in two at the very end.
  const text = errorText(`${"x".repeat(MAX_ERROR_BYTES - "thrown: ".length - 1)}\u{1F600}`);
  expect(text.isWellFormed()).toBe(true);
});

test("an application's own pass comes last, and one that throws leaves nothing unredacted", () => {
  expect(errorText("card 4111", (text) => text.replace("4111", "****"))).toBe("thrown: card ****");
  const text = errorText("card 4111", () => {
    throw new Error("broken");
  });
  expect(text).not.toContain("4111");
  expect(errorText("card 4111", () => 5 as never)).not.toContain("4111");
});

const SECRETS = [
  ["a URL", "postgres://user:s3cret@host:5432/db"],
  ["a URL with @ in the password", "postgres://user:s3c@s3cret@host/db"],
  ["a URL with : and / in the password", "postgresql://user:a:b/s3cret@host/db"],
  ["a URL with quotes in the password", `postgres://user:it's"s3cret@host/db`],
  ["a URL in quotes", `connect "postgres://user:s3cret@host/db" failed`],
  ["a URL of another scheme", "mysql+ssh://user:s3cret@host"],
  ["a URL that says it in its query", "postgres://host/db?user=u&password=s3cret&x=1"],
  ["keywords", "host=h user=u password=s3cret dbname=d"],
  ["keywords with blanks around", "password = s3cret"],
  ["keywords with quotes", "password='my s3cret' host=h"],
  ["keywords with an escaped quote", String.raw`password='it\'s s3cret' host=h`],
  ["keywords with a comma, a semicolon and a brace", "password=a,b;c}s3cret host=h"],
  ["keywords with an ampersand", "password=a&s3cret host=h"],
  ["keywords of ADO", "Server=h;User Id=u;Password=s3cret;Database=d"],
  ["an environment", "PGPASSWORD=s3cret psql"],
  ["an environment of another name", "POSTGRES_PASSWORD=s3cret DB_PASSWORD=s3cret"],
  ["JSON", `{"host":"h","password":"s3cret"}`],
  ["JSON with an escaped quote", `{"password":"it\\"s3cret","host":"h"}`],
  ["JSON with blanks", `{ "password": "my s3cret", "host": "h" }`],
  ["JSON of another name", `{"dbPassword":"s3cret"}`],
  ["JSON within JSON", JSON.stringify({ config: JSON.stringify({ password: 'my "s3cret' }) })],
  ["a URL with blanks in the password", "postgres://user:my s3c@s3cret@host/db"],
  ["a URL in JSON that escapes slashes", String.raw`{"url":"postgres:\/\/user:s3cret@host\/db"}`],
  ["a URL within a URL", "https://h/?dsn=postgres%3A%2F%2Fuser%3As3cret%40host%2Fdb"],
  ["a hash of Ruby's", `{"password" => "my s3cret"}`],
  ["SQL", "ALTER ROLE app WITH LOGIN PASSWORD 'my s3cret'"],
  ["a list of entries", `[["host","h"],["password","my s3cret"]]`],
  ["a template's quotes", "password: `my s3cret`"],
  ["XML", "<password>s3cret</password>"],
  ["an environment that says it short", "DB_PASS=s3cret"],
  ["an inspected object", "{ host: 'h', password: 'my s3cret' }"],
  ["an inspected object without quotes", "{ host: h, pwd: s3cret }"],
] as const;

test.for(SECRETS)("the password of %s is not shown", ([, text]) => {
  const shown = redactConnectionStrings(text);
  expect(shown).not.toContain("s3cret");
  expect(shown).toContain("***");
  const thrown = new Error("outer", { cause: Object.assign(new Error(text), { code: text }) });
  expect(errorText(thrown) + causesText(thrown)).not.toContain("s3cret");
});

test.for([
  "connect ECONNREFUSED 127.0.0.1:5432",
  "fetch of https://example.com/a?b=c failed",
  "see https://example.com/a and write to joe@example.com",
  'password authentication failed for user "postgres"',
])("nothing is taken from %s", (text) => {
  expect(redactConnectionStrings(text)).toBe(text);
});

test("a password is not shown where the text is cut", () => {
  // The redaction makes what comes before shorter, so that the cut's place moves into what is kept.
  const long = `postgres://u:${"s3cret".repeat(100)}@h `;
  for (const secret of [
    "postgres://user:s3crets3crets3cret@host/db",
    "password='s3cret s3cret s3cret'",
    '"password":"s3cret s3cret"',
  ]) {
    for (let at = 0; at < secret.length + 40; at += 1) {
      const text = `${long}${"x".repeat(MAX_ERROR_BYTES - long.length - at)} ${secret}`;
      for (const thrown of [text, new Error(text), new Error("outer", { cause: new Error(text) })]) {
        expect(errorText(thrown)).not.toContain("s3cret");
      }
      const later = new Error("now another message");
      later.stack = `${"x".repeat(Math.max(0, 2_000 - at))} ${secret}`;
      expect(errorText(later)).not.toContain("s3cret");
    }
  }
});

test("whatever is thrown becomes well-formed text of at most 10,000 bytes", () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, withMap: true }),
      (thrown) => {
        const text = errorText(thrown);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_ERROR_BYTES);
        expect(text.isWellFormed() && !text.includes("\u0000")).toBe(true);
      },
    ),
  );
});
