import type { Mark } from "../tasks/task.ts";

/** Jobs per second after the first `warmUp` jobs, until the last was durable. */
export function rateAfter(warmUp: number, marks: readonly Mark[], jobs: number, endedMs: number): number {
  const from = marks.find(([count]) => count >= warmUp);
  if (from === undefined || from[0] >= jobs) throw new Error(`no mark at ${warmUp} of ${jobs} jobs`);
  return ((jobs - from[0]) * 1_000) / (endedMs - from[1]);
}

/** Jobs per second in each of `parts` equal parts of the jobs, warm-up left out. */
export function ratesOfParts(parts: number, warmUp: number, marks: readonly Mark[]): readonly number[] {
  const after = marks.filter(([count]) => count >= warmUp);
  const bounds = Array.from({ length: parts + 1 }, (_, part) =>
    after.at(Math.round((part * (after.length - 1)) / parts)),
  );
  return bounds.slice(1).map((end, part) => {
    const start = bounds[part];
    if (end === undefined || start === undefined) throw new Error("no marks");
    return ((end[0] - start[0]) * 1_000) / (end[1] - start[1]);
  });
}
