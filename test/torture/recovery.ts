import type { LedgerView } from "./ledger-view.ts";

/** Two percentiles of some times, in milliseconds. */
export interface Times {
  readonly count: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

/** From the kill of a worker to the next start of each job it was running. */
export function recoveryTimes(ledger: LedgerView): Times {
  const killed = new Map(
    ledger.hurts
      .filter(({ why, process }) => why === "killProcess" && process?.startsWith("worker") === true)
      .map(({ process, from }) => [process, from]),
  );
  const times: number[] = [];
  for (const [id, starts] of ledger.starts) {
    for (const [index, start] of starts.entries()) {
      const at = killed.get(start.process);
      const next = starts[index + 1];
      if (at === undefined || next === undefined) continue;
      if (ledger.ended.has(`${id}/${start.process}/${String(start.attempts)}`)) continue;
      times.push(next.at - at);
    }
  }
  return percentiles(times);
}

/** From the server's being ready again to the first start after it. */
export function firstPickUps(ledger: LedgerView): Times {
  const all = [...ledger.starts.values()].flatMap((starts) => starts.map(({ at }) => at));
  all.sort((one, other) => one - other);
  const times = ledger.hurts
    .filter(({ why }) => why === "killPostmaster")
    .flatMap(({ until }) => {
      const next = all.find((at) => at >= until);
      return next === undefined ? [] : [next - until];
    });
  return percentiles(times);
}

function percentiles(times: number[]): Times {
  times.sort((one, other) => one - other);
  const at = (share: number): number | null =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? null;
  return { count: times.length, p50: at(0.5), p99: at(0.99) };
}
