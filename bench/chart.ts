/** One line of a chart. */
export interface ChartLine {
  readonly label: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A chart of lines. */
export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Whether each step of x is ten times the last. */
  readonly logarithmic: boolean;
  readonly lines: readonly ChartLine[];
}

const SIZE = { width: 760, height: 420 } as const;
const PLOT = { left: 84, right: 590, top: 48, bottom: 356 } as const;
/** Legible on white and on black. */
const INK = "#768390";
const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

/** Draws it as an SVG with no background of its own: the page's theme shows through. */
export function drawChart(chart: Chart): string {
  const scale = scalesOf(chart);
  const parts = [
    text(PLOT.left, 26, chart.title, 'font-size="16" font-weight="600"'),
    ...scale.yTicks.flatMap((value) => horizontal(scale.y(value), short(value))),
    ...scale.xTicks.map((value) =>
      text(scale.x(value), PLOT.bottom + 20, short(value), 'text-anchor="middle"'),
    ),
    `<path d="M${PLOT.left} ${PLOT.bottom}H${PLOT.right}" stroke="${INK}"/>`,
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 46, chart.xLabel, 'text-anchor="middle"'),
    text(
      0,
      0,
      chart.yLabel,
      `text-anchor="middle" transform="translate(22 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)"`,
    ),
    ...chart.lines.flatMap((line, place) => drawLine(line, place, scale)),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" width="${SIZE.width}" height="${SIZE.height}" role="img" aria-label="${escape(chart.title)}" font-family="${FONT}" font-size="13">
${parts.join("\n")}
</svg>
`;
}

interface Scales {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

function scalesOf({ lines, logarithmic }: Chart): Scales {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => (logarithmic ? Math.log10(x) : x));
  const yTicks = ticks(Math.max(...points.map(([, y]) => y)));
  const xTicks = logarithmic ? powers(Math.min(...xs), Math.max(...xs)) : ticks(Math.max(...xs));
  const [from, to] = logarithmic ? [Math.min(...xs), Math.max(...xs)] : [0, xTicks.at(-1) ?? 1];
  const high = yTicks.at(-1) ?? 1;
  return {
    x: (value) =>
      PLOT.left +
      (((logarithmic ? Math.log10(value) : value) - from) / (to - from || 1)) * (PLOT.right - PLOT.left),
    y: (value) => PLOT.bottom - (value / high) * (PLOT.bottom - PLOT.top),
    xTicks,
    yTicks,
  };
}

/** Four to eight round steps from 0 to the greatest value or a little beyond. */
export function ticks(greatest: number): readonly number[] {
  const power = 10 ** Math.floor(Math.log10(greatest));
  const step =
    [0.2, 0.25, 0.5, 1, 2].map((part) => part * power).find((size) => greatest / size <= 7) ?? power;
  return Array.from({ length: Math.ceil(greatest / step) + 1 }, (_, place) => place * step);
}

function powers(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.round(to - from) + 1 }, (_, place) => 10 ** Math.round(from + place));
}

function horizontal(y: number, label: string): readonly string[] {
  return [
    `<path d="M${PLOT.left} ${fixed(y)}H${PLOT.right}" stroke="${INK}" stroke-opacity="0.25"/>`,
    text(PLOT.left - 10, y + 4, label, 'text-anchor="end"'),
  ];
}

function drawLine({ label, colour, points }: ChartLine, place: number, { x, y }: Scales): readonly string[] {
  const path = points.map(([px, py]) => `${fixed(x(px))} ${fixed(y(py))}`).join("L");
  const legend = PLOT.top + 10 + place * 24;
  return [
    `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2.5" stroke-linejoin="round"/>`,
    ...points.map(([px, py]) => `<circle cx="${fixed(x(px))}" cy="${fixed(y(py))}" r="3" fill="${colour}"/>`),
    `<path d="M${PLOT.right + 20} ${legend}h24" stroke="${colour}" stroke-width="2.5"/>`,
    text(PLOT.right + 52, legend + 4, label, ""),
  ];
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" fill="${INK}" ${attributes}>${escape(words)}</text>`;
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en");
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
