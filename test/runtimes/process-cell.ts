import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

import { afterAll } from "vitest";

import { PROJECT } from "../../scripts/install-built.ts";
import type { Cell } from "./cell.ts";
import type { BudgetDrain } from "./cells/budgets.ts";
import type { Place } from "./cells/place.ts";
import type { Listing, Verdict } from "./cells/suite.ts";

const MARK = "pqrun-cell ";

/** A cell that is a process: `command` and the program's path, in the project where pqrun is installed. */
export async function processCell(command: readonly string[], driver: string, place: Place): Promise<Cell> {
  const answers = lines<Listing & { readonly pqrun: string }>(start(command, driver, "list", place));
  const { value: listing } = await answers.next();
  if (listing === undefined) throw new Error(`${command.join(" ")} ${driver} listed no tests`);
  if (!listing.pqrun.includes("/.runtimes/node_modules/pqrun/dist/")) {
    throw new Error(`not the built package, but ${listing.pqrun}`);
  }
  let running:
    { readonly child: ChildProcess; readonly verdicts: AsyncGenerator<Verdict, undefined> } | undefined;
  const told = new Map<number, Verdict>();
  afterAll(() => {
    running?.child.kill("SIGKILL");
  });
  return {
    listing,
    run: async (index) => {
      if (running === undefined) {
        const child = start(command, driver, "run", place);
        running = { child, verdicts: lines<Verdict>(child) };
      }
      while (!told.has(index)) {
        const { value } = await running.verdicts.next();
        if (value === undefined) return { index, error: `${command.join(" ")} ended before this test` };
        told.set(value.index, value);
      }
      return told.get(index) ?? { index };
    },
    budgets: async (seed, drains) => {
      const child = start(command, driver, `budgets ${seed} ${drains}`, place);
      const { value } = await lines<readonly BudgetDrain[]>(child).next();
      if (value === undefined) throw new Error(`${command.join(" ")} ${driver} measured nothing`);
      return value;
    },
  };
}

function start(command: readonly string[], driver: string, act: string, place: Place): ChildProcess {
  const [program = "", ...args] = command;
  return spawn(program, [...args, "cells/process.ts", driver, ...act.split(" ")], {
    cwd: PROJECT,
    env: { ...process.env, PQRUN_PLACE: JSON.stringify(place), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function* lines<T>(child: ChildProcess): AsyncGenerator<T, undefined> {
  if (child.stdout === null) return undefined;
  child.once("error", (error) => child.stdout?.destroy(error));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith(MARK)) yield JSON.parse(line.slice(MARK.length)) as T;
    else console.log(line);
  }
  return undefined;
}
