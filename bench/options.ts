import { parseArgs } from "node:util";

import type { Scenario } from "./scenarios/scenario.ts";
import { POSTGRES_MAJORS } from "../test/support/postgres-releases.ts";
import { SYSTEM_NAMES, type SystemName } from "./systems/system.ts";

/** What the command line asks for. */
export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly systems: readonly SystemName[];
  readonly repetitions: number;
  readonly scale: number;
  readonly quick: boolean;
  /** PostgreSQL's major. */
  readonly postgres: string;
  /** Where the report is written to, beside the terminal. */
  readonly out: string | undefined;
}

/** @throws Error naming what is wrong. */
export function readOptions(args: readonly string[], all: readonly Scenario[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      systems: { type: "string", default: SYSTEM_NAMES.join(",") },
      repetitions: { type: "string" },
      scale: { type: "string" },
      out: { type: "string" },
      postgres: { type: "string", default: "18" },
      quick: { type: "boolean", default: false },
    },
  });
  const { quick } = values;
  return {
    scenarios: values.only === undefined ? all : chosen("only", values.only, all, ({ id }) => id),
    systems: chosen("systems", values.systems, SYSTEM_NAMES, (name) => name),
    repetitions: Math.round(positive("repetitions", values.repetitions ?? (quick ? "1" : "5"))),
    scale: positive("scale", values.scale ?? (quick ? "0.05" : "1")),
    quick,
    postgres: chosen("postgres", values.postgres, POSTGRES_MAJORS, (major) => major)[0] ?? "18",
    out: values.out,
  };
}

function chosen<T>(
  option: string,
  list: string,
  all: readonly T[],
  nameOf: (item: T) => string,
): readonly T[] {
  const names = list.split(",");
  const unknown = names.find((name) => !all.some((item) => nameOf(item) === name));
  if (unknown !== undefined) {
    throw new Error(`--${option}: there is no ${unknown}; there are ${all.map(nameOf).join(", ")}`);
  }
  return all.filter((item) => names.includes(nameOf(item)));
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${option} is a positive number, not ${text}`);
  return value;
}
