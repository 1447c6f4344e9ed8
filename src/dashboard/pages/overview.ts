import { html } from "../html.ts";
import type { Html } from "../html.ts";

import { duration, number } from "../format.ts";
import { query } from "../filter.ts";
import { history } from "../../core/operations/history.ts";
import { overview } from "../../core/operations/overview.ts";
import type { History, HistoryMinute } from "../../core/operations/history.ts";
import type { Overview, TypeOverview } from "../../core/operations/overview.ts";
import { figuresOf, plotOf } from "../plot.ts";
import type { Plot } from "../plot.ts";
import { tableOf } from "../table.ts";
import type { Page, View } from "../view.ts";

/** What the live script asks for: texts and attributes by their names on the page. */
export interface Live {
  readonly text: Readonly<Record<string, string>>;
  readonly plot: Readonly<Record<string, string>>;
  readonly label: Readonly<Record<string, string>>;
}

const COLUMNS = ["ready", "due", "oldest", "running", "failed"] as const;
const HEADS = {
  ready: "Ready",
  due: "Due",
  oldest: "Oldest due",
  running: "Running",
  failed: "Failed",
} as const;

/** Counters, plots of the last hour, and the types. */
export async function overviewPage(view: View): Promise<Page> {
  const [now, past] = await read(view);
  const { text } = liveOf(now, past);
  const figure = (name: string): Html => html`<span data-text="${name}">${text[name]}</span>`;
  const cards = COLUMNS.map(
    (name) =>
      html`<div>
        <dt>${HEADS[name]}</dt>
        <dd>${figure(name)}</dd>
      </div>`,
  );
  return {
    title: "Overview",
    live: true,
    body: html`<p>
        <button id="live" type="button" hidden aria-pressed="false" data-url="${view.root}live">
          Stop updates
        </button>
        <span id="stale" hidden role="status">Not up to date: <a href="">look again</a></span>
      </p>
      <dl class="cards">${cards}</dl>
      <p class="${now.leasesEnded > 0 ? "bad" : "dim"}">
        Running with a lease that has ended: ${figure("ended")}.
        ${now.leasesEnded > 0 ? "The next worker that looks takes them over." : ""}
      </p>
      <h2>The last hour, by minute</h2>
      <p class="dim">${figure("span")}</p>
      <div class="cards plots">${Object.entries(plots(past)).map(([id, plot]) => plotOf(id, plot))}</div>
      ${tableOf(
        "Types with a job that waits, runs or has failed",
        ["Type", ...COLUMNS.map((name) => HEADS[name])],
        now.types.map(({ type }) => [
          html`<a href="${view.root}jobs${query({ type })}">${type}</a>`,
          ...COLUMNS.map((name) => figure(cell(type, name))),
        ]),
        "numbers",
      )}`,
  };
}

/** What has changed, for the live script. */
export async function live(view: View): Promise<Live> {
  return liveOf(...(await read(view)));
}

async function read({ store }: View): Promise<[Overview, History]> {
  return await Promise.all([overview(store), history(store, { minutes: 60 })]);
}

function liveOf(now: Overview, past: History): Live {
  const figures = Object.entries(plots(past)).map(([id, plot]) => figuresOf(id, plot));
  const all = (name: keyof (typeof figures)[number]): Readonly<Record<string, string>> =>
    Object.fromEntries(figures.flatMap((figure) => Object.entries(figure[name])));
  const cells = now.types.flatMap((type) => {
    const texts = countsOf(type, []);
    return COLUMNS.map((name) => [cell(type.type, name), texts[name]] as const);
  });
  const looked = past.sampled === 0 ? "No job" : `${number(past.sampled)} jobs`;
  const newest = past.complete ? "" : ": the newest ones, which do not go back an hour";
  return {
    text: {
      ...countsOf(now, now.atLeast),
      ended: number(now.leasesEnded),
      span: `${looked} since ${past.since.toISOString().slice(11, 16)} UTC${newest}`,
      ...all("text"),
      ...Object.fromEntries(cells),
    },
    plot: all("path"),
    label: all("label"),
  };
}

/** A type's text may be any: behind a name of ours it is none of ours. */
function cell(type: string, column: string): string {
  return `${column} of ${type}`;
}

function countsOf(
  { ready, due, oldestDueSeconds, running, failed }: Omit<TypeOverview, "type">,
  atLeast: Overview["atLeast"],
): Readonly<Record<(typeof COLUMNS)[number], string>> {
  const count = (value: number, state: Overview["atLeast"][number]): string =>
    number(value) + (atLeast.includes(state) ? "+" : "");
  return {
    ready: count(ready, "READY"),
    due: count(due, "READY"),
    oldest: duration(oldestDueSeconds === null ? null : oldestDueSeconds * 1000),
    running: count(running, "RUNNING"),
    failed: count(failed, "FAILED"),
  };
}

function plots({ minutes }: History): Readonly<Record<string, Plot>> {
  type Figure = keyof Omit<HistoryMinute, "at">;
  const plot = (
    title: string,
    unit: Plot["unit"],
    of: readonly HistoryMinute[],
    ...series: readonly [name: string, figure: Figure][]
  ): Plot => ({
    title,
    unit,
    series: series.map(([name, figure]) => ({ name, values: of.map((minute) => minute[figure]) })),
  });
  // What counts by the minute would seem to fall in the one that is under way.
  const ended = minutes.slice(0, -1);
  return {
    throughput: plot("Jobs a minute", number, ended, ["done", "done"], ["enqueued", "enqueued"]),
    failures: plot("Failures a minute", number, ended, ["failed", "failed"]),
    wait: plot("Wait from due to start", duration, minutes, ["median", "waitP50Ms"], ["95 %", "waitP95Ms"]),
    duration: plot("Duration", duration, minutes, ["median", "durationP50Ms"], ["95 %", "durationP95Ms"]),
    depth: plot("Waiting or running", number, minutes, ["jobs", "depth"]),
  };
}
