import type { Overview } from "./operations/overview.ts";

/**
 * An overview in Prometheus' text format, for a route of the application's own (`text/plain; version=0.0.4`).
 *
 * @param labels are added to each sample, such as `{ queue: "mail" }` where one process serves several
 */
export function metricsText(overview: Overview, labels: Readonly<Record<string, string>> = {}): string {
  const { types, atLeast, leasesEnded } = overview;
  const line = (name: string, own: Readonly<Record<string, string>>, value: number): string => {
    const pairs = Object.entries({ ...labels, ...own }).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
  };
  const gauge = (name: string, help: string, lines: readonly string[]): string =>
    `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join("")}`;
  return [
    gauge(
      "pqrun_jobs",
      "Jobs by type and state.",
      types.flatMap(({ type, ready, running, failed }) => [
        line("pqrun_jobs", { type, status: "READY" }, ready),
        line("pqrun_jobs", { type, status: "RUNNING" }, running),
        line("pqrun_jobs", { type, status: "FAILED" }, failed),
      ]),
    ),
    gauge(
      "pqrun_jobs_at_least",
      "1 where the counts of a state ended at their bound, and are lower bounds.",
      (["READY", "RUNNING", "FAILED"] as const).map((status) =>
        line("pqrun_jobs_at_least", { status }, atLeast.includes(status) ? 1 : 0),
      ),
    ),
    gauge(
      "pqrun_jobs_due",
      "READY jobs that are due.",
      types.map(({ type, due }) => line("pqrun_jobs_due", { type }, due)),
    ),
    gauge(
      "pqrun_oldest_due_seconds",
      "How long the oldest due job has waited; 0 where none is due.",
      types.map(({ type, oldestDueSeconds }) =>
        line("pqrun_oldest_due_seconds", { type }, oldestDueSeconds ?? 0),
      ),
    ),
    gauge("pqrun_leases_ended", "RUNNING jobs whose lease has ended.", [
      line("pqrun_leases_ended", {}, leasesEnded),
    ]),
  ].join("");
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
