import { equal } from "./assert.ts";
import type { Promises } from "./subject.ts";
import { ZOMBIE_CALLS } from "./zombie-calls.ts";
import { penOf } from "./zombie-pen.ts";
import { SUCCESSORS } from "./zombie-successors.ts";

/** What is promised of attempts that have lost their lease and don't know: they write nothing, and learn it. */
export function zombiePromises<Tx>(promise: Promises<Tx>): void {
  for (const needs of [[], ["transaction"], ["batch"]] as const) {
    const calls = ZOMBIE_CALLS.filter((call) => String(call.needs) === String(needs));
    const whose = needs.length === 0 ? "" : `, in a ${needs.join()}`;
    promise(
      `a zombie writes nothing and learns it, whatever became of its job${whose}`,
      needs,
      async (bench) => {
        for (const successor of SUCCESSORS) {
          await bench.sql(`DELETE FROM ${bench.names.jobs}`);
          const pen = await penOf(
            bench,
            calls.reduce((sum, { pairs }) => sum + pairs, 1),
          );
          await successor.becomes(pen);
          const image = await pen.image();
          for (const call of calls) {
            const cell = `${call.name}, the job being ${successor.name}`;
            equal(await call.make(pen), call.learns(successor.learns), cell);
            equal(await pen.image(), image, cell);
          }
        }
      },
    );
  }
}
