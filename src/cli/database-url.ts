import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";

import type { Environment } from "../runners/worker-environment.ts";
import { UsageError, type CliIo } from "./command.ts";

/** The option by which a command takes its connection from a file. */
export const DATABASE_OPTIONS = { "env-file": { type: "string" } } as const;

/** The lines of help for {@link DATABASE_OPTIONS}. */
export const DATABASE_HELP = `  --env-file F     a file of NAME=value lines to read beside the environment, which wins

The database is that of PQRUN_DATABASE_URL, or else of DATABASE_URL. It is reached
through pg, postgres or @neondatabase/serverless, whichever is installed.`;

const NAMES = ["PQRUN_DATABASE_URL", "DATABASE_URL"] as const;

/**
 * The URL of the database.
 *
 * @throws UsageError where there is none, or one that can't be read; never with the URL in it.
 */
export function requireDatabaseUrl(io: CliIo, envFile: string | undefined): string {
  const url = findDatabaseUrl(io, envFile);
  if (url !== undefined) return url;
  throw new UsageError(
    "which database? Set PQRUN_DATABASE_URL or DATABASE_URL, or name a file with --env-file",
  );
}

/** As {@link requireDatabaseUrl}, but undefined where there is none. */
export function findDatabaseUrl({ env }: CliIo, envFile: string | undefined): string | undefined {
  const all: Environment = envFile === undefined ? env : { ...readEnvFile(envFile), ...env };
  const name = NAMES.find((candidate) => (all[candidate] ?? "").trim() !== "");
  if (name === undefined) return undefined;
  const url = (all[name] ?? "").trim();
  if (/^postgres(ql)?:\/\//i.test(url) && URL.canParse(url)) return url;
  throw new UsageError(
    `${name}: expected postgres://user:password@host:port/database; ` +
      "write special characters of a password as %23 and so on",
  );
}

function readEnvFile(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    // Without the cause, whose message quotes the argument.
    throw new UsageError(`--env-file: the file can't be read (${code})`);
  }
}
