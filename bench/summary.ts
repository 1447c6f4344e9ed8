import { figure, ratioFigure } from "./figures.ts";
import type { Report } from "./report.ts";
import { Results } from "./results.ts";
import { ratios, spread } from "./statistics.ts";

/** What README shows of the table: a scenario, its metric, and what it is called there. */
const SHOWN = [
  ["enqueue-1", "rate", "enqueue, 1 in flight, jobs/s"],
  ["enqueue-10", "rate", "enqueue, 10 in flight, jobs/s"],
  ["bulk", "rate", "enqueue in bulk, jobs/s"],
  ["drain-1", "rate", "run no-op jobs, 1 slot, jobs/s"],
  ["drain-100", "rate", "run no-op jobs, 100 slots, jobs/s"],
  ["two-processes", "rate", "… in two processes, jobs/s"],
  ["latency", "p50", "idle, enqueue to start, p50, ms"],
  ["drain-finished", "rate", "run beside 1,000,000 finished, jobs/s"],
  ["drain-future", "rate", "… 1,000,000 planned, jobs/s"],
  ["drain-ready", "rate", "… 1,000,000 due of its type, jobs/s"],
  ["drain-other", "rate", "… 1,000,000 due of another type, jobs/s"],
  ["held", "fifth5", "under a snapshot held for 500,000 jobs, last fifth, jobs/s"],
  ["memory", "rss", "memory after 200,000 jobs, MiB"],
] as const;
const PEERS = ["graphile-worker", "pg-boss", "BullMQ"] as const;
const LOWER_IS_BETTER = new Set(["p50", "rss"]);

/** The part of README between its marks: medians, and where a peer is ahead. */
export function summary({ startedAt, machine, postgres, repetitions, results }: Report): string {
  const all = new Results(results);
  const lines: string[] = [];
  const behind: string[] = [];
  for (const [id, metric, title] of SHOWN) {
    const ours = all.values(id, "pqrun", metric);
    if (ours === undefined) continue;
    const cells = PEERS.map((peer) => {
      const theirs = all.values(id, peer, metric);
      if (theirs === undefined) return "";
      const ratio = spread(ratios(ours, theirs)).median;
      const worse = LOWER_IS_BETTER.has(metric) ? ratio > 1 : ratio < 1;
      if (worse) behind.push(`${peer} in “${title}”`);
      return `${figure(spread(theirs).median)} (${ratioFigure(ratio)})`;
    });
    lines.push(`| ${[title, figure(spread(ours).median), ...cells].join(" | ")} |`);
  }
  const { versions } = machine;
  const head = PEERS.map((peer) => `${peer} ${versions[peer.toLowerCase()] ?? ""}`.trim());
  return [
    [`| | pqrun | ${head.join(" | ")} |`, "| - | - | - | - | - |", ...lines].join("\n"),
    [
      `Medians of ${repetitions} repetitions, in parentheses: pqrun ÷ peer; ${startedAt.toISOString().slice(0, 10)},`,
      `PostgreSQL ${postgres.version} with \`fsync\` on, Node ${machine.node}, ${machine.cores} cores (${machine.processor}) for the`,
      "server and the workers together. Each peer has its best documented settings; graphile-worker deletes what is done,",
      "the others keep it.",
      behind.length === 0 ? "No peer is ahead." : `A peer is ahead: ${behind.join("; ")}.`,
    ].join(" "),
  ].join("\n\n");
}

const MARKS = /(<!-- benchmark -->)[\s\S]*?(<!-- \/benchmark -->)/;

/** README with the summary between its marks. */
export function withSummary(readme: string, report: Report): string {
  return readme.replace(
    MARKS,
    (_, open: string, close: string) => `${open}\n\n${summary(report)}\n\n${close}`,
  );
}
