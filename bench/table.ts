import { figure, ratioFigure, spreadText } from "./figures.ts";
import type { LaneResult, ScenarioResult } from "./measure.ts";
import { valuesOf } from "./results.ts";
import type { Row } from "./scenarios/scenario.ts";
import { ratios } from "./statistics.ts";

const PEERS = ["graphile-worker", "pg-boss", "BullMQ"] as const;

/** Each figure as a line: pqrun's, and beside each peer's the ratio of pqrun's to it. */
export function table(results: readonly ScenarioResult[]): string {
  const head = ["", "pqrun", ...PEERS];
  const lines = results.flatMap(({ scenario, lanes }) => scenario.rows.flatMap((row) => linesOf(row, lanes)));
  return [head, head.map(() => "-"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function linesOf(row: Row, lanes: readonly LaneResult[]): readonly (readonly string[])[] {
  const peers = PEERS.map((label) => lanes.find((lane) => lane.label === label));
  const ours = lanes.filter((lane) => !peers.includes(lane));
  if (ours.length === 0) return [[row.title, "", ...peers.map((peer) => cell(row, peer, undefined))]];
  return ours.map((own, place) => [
    place === 0 ? row.title : `– ${own.label}`,
    spreadText(valuesOf(own, row.metric), figure),
    ...peers.map((peer) => cell(row, peer, own, place === 0)),
  ]);
}

function cell(
  { metric }: Row,
  peer: LaneResult | undefined,
  ours: LaneResult | undefined,
  withValue = true,
): string {
  if (peer === undefined) return "";
  const theirs = valuesOf(peer, metric);
  const value = withValue ? spreadText(theirs, figure) : "";
  if (ours === undefined) return value;
  const ratio = `**${spreadText(ratios(valuesOf(ours, metric), theirs), ratioFigure)}**`;
  const fewer = peer.lane.jobs !== undefined && withValue ? ` [${figure(peer.lane.jobs)} jobs]` : "";
  return [value + fewer, ratio].filter((part) => part !== "").join("<br>");
}
