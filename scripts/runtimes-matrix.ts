import manifest from "../package.json" with { type: "json" };

/** As much of vitest's JSON report as the matrix needs. */
export interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      /** Row and column, where the test belongs to a cell. */
      readonly ancestorTitles: readonly string[];
      readonly status: string;
      readonly duration?: number | null;
    }[];
  }[];
}

interface CellCount {
  passed: number;
  all: number;
  ms: number;
}

const { devDependencies: versions } = manifest;

/** Each column's title in the tests, and what it is of. */
const COLUMNS = {
  pg: `pg ${versions.pg}`,
  postgres: `postgres ${versions.postgres}`,
  "Neon HTTP": `Neon HTTP ${versions["@neondatabase/serverless"]}`,
  "Neon WebSocket Pool": `Neon WebSocket Pool ${versions["@neondatabase/serverless"]}`,
  PGlite: `PGlite ${versions["@electric-sql/pglite"]}`,
  "Bun.SQL": "Bun.SQL",
  "Hyperdrive, pg": "pg over Hyperdrive (local)",
  "Hyperdrive, postgres": "postgres over Hyperdrive (local)",
} as const;

/** What the rows' titles begin with, in their order. */
const ROWS = ["Node", "Bun", "Deno", "workerd", "Vercel", "PgBouncer"] as const;

type Column = keyof typeof COLUMNS;
const columns = Object.keys(COLUMNS) as Column[];

function rowsOf({ testResults }: Report): Map<string, Map<Column, CellCount>> {
  const rows = new Map<string, Map<Column, CellCount>>();
  for (const { ancestorTitles, status, duration } of testResults.flatMap((file) => file.assertionResults)) {
    const [title, column] = ancestorTitles;
    if (title === undefined || !isColumn(column)) continue;
    const row = rows.get(title) ?? new Map<Column, CellCount>();
    const cell = row.get(column) ?? { passed: 0, all: 0, ms: 0 };
    if (status === "passed") cell.passed += 1;
    cell.all += 1;
    cell.ms += duration ?? 0;
    rows.set(title, row.set(column, cell));
  }
  const place = (title: string): number => ROWS.findIndex((name) => title.startsWith(name));
  return new Map(
    [...rows].sort(([one], [other]) => place(one) - place(other) || one.localeCompare(other, "en")),
  );
}

function isColumn(title: string | undefined): title is Column {
  return title !== undefined && title in COLUMNS;
}

/** Markdown: how many tests passed in each cell, and where not all did, of how many. */
export function matrixOf(report: Report): string {
  const text = ({ passed, all }: CellCount): string =>
    passed === all ? `✓ ${passed}` : `✗ ${passed} of ${all}`;
  return table(report, "", columns, (column) => COLUMNS[column], text);
}

/** How many seconds each cell's tests took. */
export function rowTimes(report: Report): string {
  return table(
    report,
    "seconds",
    columns,
    (column) => column,
    ({ ms }) => (ms / 1000).toFixed(1),
  );
}

function table(
  report: Report,
  corner: string,
  all: readonly Column[],
  head: (column: Column) => string,
  text: (cell: CellCount) => string,
): string {
  const lines = [
    [corner, ...all.map(head)],
    ...[...rowsOf(report)].map(([title, row]) => [
      title,
      ...all.map((column) => {
        const cell = row.get(column);
        return cell === undefined ? "" : text(cell);
      }),
    ]),
  ];
  return aligned(lines);
}

/** As prettier lays a table out, which checks the README. */
function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, place) =>
    Math.max(3, ...lines.map((line) => line[place]?.length ?? 0)),
  );
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, place) => cell.padEnd(widths[place] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = lines;
  return [row(head), row(widths.map((width) => "-".repeat(width))), ...body.map(row)].join("\n");
}
