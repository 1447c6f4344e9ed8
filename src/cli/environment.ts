import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";

import type { TableOptions } from "../core/sql/table-names.ts";
import type { Environment } from "../runners/worker-environment.ts";
import { UsageError, type CliIo } from "./command.ts";

/** What the command line says of a file beside the environment. */
export interface DatabaseOptions {
  readonly env?: string | undefined;
  readonly "env-file"?: string | undefined;
}

/** What the command line says of the table. */
export interface NamedTable extends DatabaseOptions {
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
}

/** The environment, and what a file of `--env` has beside it. @throws UsageError where that can't be read. */
export function environmentOf(
  { env }: CliIo,
  { env: file, "env-file": envFile = file }: DatabaseOptions,
): Environment {
  return envFile === undefined ? env : { ...readEnvFile(envFile), ...env };
}

/** The table that the command line names, or else the environment. */
export function tableOf(io: CliIo, options: NamedTable): TableOptions {
  const env = environmentOf(io, options);
  // An empty variable counts as unset, as those of a worker do.
  const named = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  return {
    schema: options.schema ?? named("PQRUN_SCHEMA"),
    table: options.table ?? named("PQRUN_TABLE"),
  };
}

function readEnvFile(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    // Without the cause, whose message quotes the argument.
    throw new UsageError(`--env: the file can't be read (${code})`);
  }
}
