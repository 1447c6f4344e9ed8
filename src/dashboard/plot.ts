import { html } from "./html.ts";
import type { Html } from "./html.ts";

/** One line of a plot: its name and a value a minute, null where nothing is known. */
export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/** A plot of one line or two, on one scale. */
export interface Plot {
  readonly title: string;
  readonly series: readonly Series[];
  /** How a value reads. */
  readonly unit: (value: number) => string;
}

const WIDTH = 300;
const HEIGHT = 60;

/** A plot, drawn where the page is made. The live script changes the paths, the label and the texts below. */
export function plotOf(id: string, plot: Plot): Html {
  const { path, label, text } = figuresOf(id, plot);
  return html`<figure>
    <figcaption>
      <strong>${plot.title}</strong>
      ${plot.series.map(
        ({ name }, place) =>
          html`<div class="${place === 0 ? "" : "second"}">
            ${place === 0 ? "—" : "- -"} ${name}:
            <span data-text="${id}.${place}">${text[`${id}.${place}`]}</span>
          </div>`,
      )}
    </figcaption>
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      role="img"
      data-label="${id}"
      aria-label="${label[id]}"
    >
      ${plot.series.map((_, place) => html`<path data-plot="${id}.${place}" d="${path[`${id}.${place}`]}"></path>`)}
    </svg>
  </figure>`;
}

/** What of a plot changes: the live script sets it by these names. */
export function figuresOf(
  id: string,
  { title, series, unit }: Plot,
): Readonly<Record<"path" | "label" | "text", Readonly<Record<string, string>>>> {
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null));
  const most = Math.max(0, ...known);
  const last = ({ values }: Series): string => {
    const value = values.findLast((one) => one !== null) ?? null;
    return value === null ? "–" : unit(value);
  };
  const named = (write: (one: Series) => string): Record<string, string> =>
    Object.fromEntries(series.map((one, place) => [`${id}.${place}`, write(one)]));
  const ends = series.map((one) => `${one.name} ${last(one)} at the end`).join(", ");
  return {
    path: named(({ values }) => pathOf(values, most)),
    label: { [id]: `${title}: at most ${unit(most)}; ${ends}` },
    text: named(
      (one) => `${last(one)}, at most ${unit(Math.max(0, ...one.values.filter((value) => value !== null)))}`,
    ),
  };
}

/** From left to right, with gaps where nothing is known; the highest value of the plot is at its top. */
function pathOf(values: readonly (number | null)[], most: number): string {
  const step = WIDTH / Math.max(1, values.length - 1);
  let gap = true;
  return values
    .map((value, place) => {
      if (value === null) gap = true;
      if (value === null) return "";
      const point = `${gap ? "M" : "L"}${(place * step).toFixed(1)} ${(HEIGHT - 1 - ((HEIGHT - 2) * value) / (most || 1)).toFixed(1)}`;
      // A lone point is a dot.
      const dot = gap ? "h.1" : "";
      gap = false;
      return point + dot;
    })
    .join("");
}
