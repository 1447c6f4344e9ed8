import { tableNames } from "../../core/sql/table-names.ts";
import { readArguments } from "../arguments.ts";
import { EXIT, UsageError, type Command } from "../command.ts";
import { tableOf } from "../environment.ts";
import { graphileWorker } from "../import/graphile-worker.ts";
import { pgBoss } from "../import/pg-boss.ts";
import type { ImportSource } from "../import/source.ts";
import { CAREFUL_OPTIONS, QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { withStore } from "../queue.ts";
import { suggestion } from "../suggestion.ts";
import { confirmed } from "../terminal/confirm.ts";
import { printable, printableJson } from "../terminal/printable.ts";
import { tableTitle } from "../terminal/table-title.ts";

const SOURCES: Readonly<Record<string, ImportSource>> = {
  "pg-boss": pgBoss,
  "graphile-worker": graphileWorker,
};

const OPTIONS = {
  from: { type: "string", value: "S", help: "its schema (default: pgboss, or graphile_worker)" },
  ...CAREFUL_OPTIONS,
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun import`: another queue's waiting jobs. */
export const importCommand: Command = {
  name: "import",
  summary: "move waiting jobs here from another queue",
  usage: `pqrun import pg-boss [options]
pqrun import graphile-worker [options]`,
  about: `Moves the jobs that wait in another queue of the same database into this one, in one
statement: none is lost, and none is in both. What runs there stays with its workers. Says on
stderr what doesn't carry over; look first with --dry-run.`,
  options: OPTIONS,
  words: Object.keys(SOURCES),
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const [name = "", ...more] = positionals;
    const source = Object.hasOwn(SOURCES, name) ? SOURCES[name] : undefined;
    if (source === undefined || more.length > 0) {
      const known = Object.keys(SOURCES);
      throw new UsageError(`the queue is not one of ${known.join(", ")}${suggestion(name, known)}`);
    }
    const { from: schema = source.schema, yes, json, "dry-run": dryRun = false } = values;
    const names = tableNames(tableOf(io, values));
    return await withStore(io, values, async (_store, { executor }) => {
      const ask = async (text: string): Promise<readonly (readonly unknown[])[]> =>
        (await executor.query(text, [], { signal: io.signal })).map((row) => Object.values(row));
      const matched = Number((await ask(source.count(schema)))[0]?.[0]);
      const left = (await ask(source.left(schema))).map(
        ([n, what]) => `${String(n)} ${String(what)} stay there`,
      );
      for (const note of [...left, ...source.notes]) io.stderr.write(`- ${printable(note)}\n`);
      const question = `Move ${matched.toLocaleString("en")} jobs from ${printable(schema)} to ${tableTitle(names)}?`;
      if (!dryRun && matched > 0 && !(await confirmed(io, question, yes))) return EXIT.failed;
      const moved = dryRun || matched === 0 ? 0 : Number((await ask(source.move(schema, names)))[0]?.[0]);
      const text = dryRun ? `${matched} jobs would be moved` : `${moved} jobs moved`;
      io.stdout.write(json === true ? `${printableJson({ matched, moved, dryRun, left })}\n` : `${text}\n`);
      return EXIT.done;
    });
  },
};
