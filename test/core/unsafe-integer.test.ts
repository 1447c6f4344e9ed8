import fc from "fast-check";
import { expect, test } from "vitest";

import { parsePayload } from "../../src/core/values/parse-payload.ts";
import { findUnsafeInteger } from "../../src/core/values/unsafe-integer.ts";

/** The digits of the number that JSON.parse makes of an integer, by the shortest text that names it. */
function parsed(token: string): bigint | undefined {
  const [mantissa = "", exponent = "0"] = String(Number(token)).split("e+");
  if (!Number.isFinite(Number(token))) return undefined;
  const [whole = "", fraction = ""] = mantissa.split(".");
  return BigInt(whole + fraction.padEnd(Number(exponent), "0"));
}

const digits = fc
  .tuple(
    fc.boolean(),
    fc.integer({ min: 1, max: 9 }),
    fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 320 }),
  )
  .map(([minus, first, rest]) => `${minus ? "-" : ""}${first}${rest.join("")}`);

test("an integer is found exactly if JSON.parse would change it", () => {
  const near = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String);
  const doubles = fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((number) => Number.isInteger(number) && !Object.is(number, -0))
    .map((number) => String(parsed(String(number))));
  fc.assert(
    fc.property(fc.oneof(digits, near, doubles), (token) => {
      const changed = parsed(token) !== BigInt(token);
      expect(findUnsafeInteger(`{"a":[1,${token}]}`, "payload")).toBe(changed ? "payload.a[1]" : undefined);
    }),
    { numRuns: 2_000 },
  );
});

test.for([
  ["2^53 - 1", "9007199254740991", undefined],
  ["2^53", "9007199254740992", undefined],
  ["2^53 + 1", "9007199254740993", "p"],
  ["-2^53 - 1", "-9007199254740993", "p"],
  ["int8's greatest", "9223372036854775807", "p"],
  ["a double's integer", "100000000000000000000", undefined],
  ["beyond all doubles", "1".repeat(400), "p"],
  ["a fraction", "12345678901234567.5", undefined],
  ["an exponent", "12345678901234567e5", undefined],
  ["digits in a string", '"12345678901234567890"', undefined],
  ["digits in a string behind an escaped quote", String.raw`"\"12345678901234567890"`, undefined],
] as const)("%s", ([, json, path]) => {
  expect(findUnsafeInteger(json, "p")).toBe(path);
});

test("the path of the first one is told, through lists, objects and odd keys", () => {
  const key = JSON.stringify('b"]{,:');
  const json = `{"a": [1, {"n": 2}, [], {${key}: {"c": [true, null, 12345678901234567891]}}], "d": 12345678901234567892}`;
  expect(findUnsafeInteger(json, "payload")).toBe('payload.a[3].b"]{,:.c[2]');
});

test("of any JSON text the path leads to the integer", () => {
  const marked = fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(marked, fc.string(), fc.nat(3), (json, key, before) => {
      const list = [...Array.from({ length: before }, () => json), "12345678901234567891"].join(",");
      const text = `{"x":${json},${JSON.stringify(key === "x" ? "y" : key)}:[${list}]}`;
      const path = findUnsafeInteger(text, "payload");
      // JSON.stringify writes no integer that is changed, so the only one is ours.
      expect(path).toBe(`payload.${key === "x" ? "y" : key}[${before}]`);
    }),
  );
});

test("a payload with such an integer is refused by its path, and others are parsed", () => {
  expect(() => parsePayload(`{"orders":[{"id":9007199254740993}]}`)).toThrow(
    /^payload\.orders\[0\]\.id: expected an integer within/,
  );
  expect(parsePayload(`{"id":"9007199254740993","n":1e3}`)).toEqual({ id: "9007199254740993", n: 1000 });
});
