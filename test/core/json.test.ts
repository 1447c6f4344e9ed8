import fc from "fast-check";
import { expect, test } from "vitest";

import { PAYLOAD_LIMITS, RESULT_LIMITS, encodeJson, encodePayload } from "../../src/core/values/json.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** JSON has one zero, and an object read from it the usual prototype. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

const json = (): fc.Arbitrary<unknown> =>
  fc.jsonValue({ maxDepth: 6, stringUnit: "binary" }).filter((value) => accepts(value));

function accepts(value: unknown): boolean {
  try {
    encodeJson(value, "value", PAYLOAD_LIMITS);
    return true;
  } catch {
    return false;
  }
}

test("whatever JSON value is accepted as a payload is stored and comes to the handler equal", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(json(), { minLength: 40, maxLength: 40 }), async (values) => {
      await queue.rows("DELETE FROM jobs");
      const answers = await store.enqueueMany(values.map((value) => ({ type: "a", payload: { value } })));
      const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: values.length }) });
      const picked = new Map(jobs.map((job) => [job.id, store.parse(job.payloadText)]));
      expect(answers.map(({ id }) => picked.get(id))).toEqual(values.map((value) => asJson({ value })));
    }),
    { numRuns: 10, endOnFailure: true },
  );
});

test("every double that JSON can hold comes to the handler unchanged, the greatest integers too", async () => {
  const doubles = [
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    Number.MIN_VALUE,
    1e20,
    1e21,
    1e22,
    -1e300,
    2 ** 53,
    2 ** 64,
    0.1,
    5e-324,
  ];
  const { id } = await store.enqueue("a", { doubles });
  const job = await pickUpOne(store);
  expect(job.id).toBe(id);
  expect(store.parse(job.payloadText)).toEqual({ doubles });
});

test("whatever value is accepted as a result is stored and comes back equal", async () => {
  await fc.assert(
    fc.asyncProperty(json(), async (value) => {
      await queue.insert();
      const job = await pickUpOne(store);
      await store.markDone(job, value);
      expect((await store.get(job.id))?.result).toEqual(asJson(value));
    }),
    { numRuns: 30, endOnFailure: true },
  );
});

test("arbitrary values are either refused by name or encoded as JSON.stringify does", () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
      (value) => {
        try {
          expect(encodeJson(value, "value", PAYLOAD_LIMITS)).toBe(JSON.stringify(value));
        } catch (error) {
          expect(error).toMatchObject({
            name: "InvalidInputError",
            field: expect.stringMatching(/^value/) as string,
          });
        }
      },
    ),
  );
});

test("what JSON changes in silence is stored as JSON.stringify would", () => {
  class Point {
    readonly x = 1;
    readonly #hidden = 2;
    get y(): number {
      return this.#hidden;
    }
  }
  const value = {
    date: new Date("2030-01-02T03:04:05.678Z"),
    url: new URL("https://example.com/a"),
    point: new Point(),
    own: { toJSON: () => ["own"] },
    zero: -0,
    [Symbol("s")]: 1,
  };
  expect(encodePayload(value, "payload")).toBe(JSON.stringify(value));
});

test("of a result what JSON leaves out is left out, and what it can't hold is refused", () => {
  const list = [undefined, () => 1, Symbol("s")];
  const value = { a: undefined, b: () => 1, c: list, d: 1 };
  expect(encodeJson(value, "result", RESULT_LIMITS)).toBe(`{"c":[null,null,null],"d":1}`);
  for (const refused of [undefined, () => 1, { a: 1n }, { a: Number.NaN }, { a: "\u0000" }]) {
    expect(() => encodeJson(refused, "result", RESULT_LIMITS)).toThrow(/^result.*: expected/);
  }
});

test("an error that a getter or a toJSON throws is the caller's own", () => {
  const value = {
    toJSON: () => {
      throw new RangeError("mine");
    },
  };
  expect(() => encodePayload(value, "payload")).toThrow(RangeError);
});
