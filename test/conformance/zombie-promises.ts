import { equal } from "./assert.ts";
import type { Promises } from "./subject.ts";
import { ZOMBIE_CALLS } from "./zombie-calls.ts";
import { penOf } from "./zombie-pen.ts";
import { SUCCESSORS } from "./zombie-successors.ts";

/** What is promised of attempts that have lost their lease and don't know: they write nothing, and learn it. */
export function zombiePromises<Tx>(promise: Promises<Tx>): void {
  for (const needs of [[], ["transaction"], ["batch"]] as const) {
    const calls = ZOMBIE_CALLS.filter((call) => String(call.needs) === String(needs));
    const pairs = calls.reduce((sum, call) => sum + call.pairs, 1);
    const whose = needs.length === 0 ? "" : `, in a ${needs.join()}`;
    for (const successor of SUCCESSORS) {
      promise(
        `a zombie whose job is ${successor.name} writes nothing and learns it${whose}`,
        needs,
        async (bench) => {
          const pen = await penOf(bench, pairs);
          await successor.becomes(pen);
          const image = await pen.image();
          for (const call of calls) {
            equal(await call.make(pen), call.learns(successor.learns), call.name);
            equal(await pen.image(), image, call.name);
          }
        },
      );
    }
  }
}
