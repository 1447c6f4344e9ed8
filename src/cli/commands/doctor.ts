import { tableNames } from "../../core/sql/table-names.ts";
import { tableState } from "../../migrate/table-state.ts";
import { readOptions } from "../arguments.ts";
import { EXIT, type CliIo, type Command } from "../command.ts";
import { ormCheck, rolesCheck } from "../doctor/access-checks.ts";
import type { Check, Finding, Patient } from "../doctor/finding.ts";
import { jobsCheck, pythonCheck } from "../doctor/job-checks.ts";
import { listenCheck } from "../doctor/listen-check.ts";
import { clockCheck, settingsCheck, transactionsCheck, vacuumCheck } from "../doctor/server-checks.ts";
import { tableCheck } from "../doctor/table-checks.ts";
import { tableOf } from "../environment.ts";
import { QUEUE_OPTIONS } from "../options.ts";
import { withStore } from "../queue.ts";
import { failureText } from "../terminal/failure-text.ts";
import { jsonLine, printable } from "../terminal/printable.ts";
import { tableTitle } from "../terminal/table-title.ts";

const CHECKS: Readonly<Record<string, Check>> = {
  table: tableCheck,
  settings: settingsCheck,
  vacuum: vacuumCheck,
  transactions: transactionsCheck,
  clock: clockCheck,
  listen: listenCheck,
  jobs: jobsCheck,
  python: pythonCheck,
  rights: rolesCheck,
  orm: ormCheck,
};

/** `pqrun doctor`: what is wrong, and what cures it. */
export const doctorCommand: Command = {
  name: "doctor",
  summary: "look for what is wrong, and say what cures it",
  usage: "pqrun doctor [options]",
  about: `Compares the table with what this version makes, and looks at the server's settings, open
transactions, VACUUM, LISTEN through this URL, leases, types that nobody runs, failures, roles,
and an ORM's configuration in this folder. It changes nothing: what it makes to compare is
rolled back. Each finding has the statement that cures it. Ends in 3 where there is a problem.`,
  options: QUEUE_OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, QUEUE_OPTIONS);
    const table = tableOf(io, options);
    const names = tableNames(table);
    const named = Object.entries({ schema: options.schema, table: options.table })
      .flatMap(([name, value]) => (value === undefined ? [] : [` --${name} ${value}`]))
      .join("");
    const findings = await withStore(io, options, async (store, { executor }) =>
      (await tableState(executor, table)).exists
        ? await examine({ io, store, executor, table, names, named })
        : [absent(tableTitle(table), named)],
    );
    io.stdout.write(
      options.json === true ? findings.map(jsonLine).join("") : findings.map(findingText).join("\n"),
    );
    if (findings.length === 0) io.stderr.write(`${tableTitle(table)}: nothing found\n`);
    return findings.some(({ severity }) => severity === "problem") ? EXIT.found : EXIT.done;
  },
};

async function examine(patient: Patient): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    patient.io.signal.throwIfAborted();
    try {
      findings.push(...(await check(patient)));
    } catch (error) {
      unlooked(patient.io, name, error);
    }
  }
  return findings.sort((a, b) => Number(a.severity === "hint") - Number(b.severity === "hint"));
}

function unlooked({ stderr }: CliIo, name: string, error: unknown): void {
  stderr.write(`pqrun: ${name} could not be looked at: ${failureText(error)}\n`);
}

function absent(title: string, named: string): Finding {
  return {
    ...{ check: "table", severity: "problem", cure: `pqrun migrate${named}` },
    what: `there is no table ${title}`,
  };
}

function findingText({ severity, what, cure }: Finding): string {
  return `${severity}: ${printable(what)}\n${cure === null ? "" : `  cure: ${printable(cure)}\n`}`;
}
