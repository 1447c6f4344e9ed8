import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";

import type { Environment } from "../runners/worker-environment.ts";
import { UsageError, type CliIo } from "./command.ts";

/**
 * The option by which a command takes its connection from a file. `--env-file` is the same, for those whose file is
 * there: Node reads that option itself, wherever it stands, and exits with 9 where the file is not.
 */
export const DATABASE_OPTIONS = { env: { type: "string" }, "env-file": { type: "string" } } as const;

/** The lines of help for {@link DATABASE_OPTIONS}. */
export const DATABASE_HELP = `  --env F          a file of NAME=value lines to read beside the environment, which wins

The database is that of PQRUN_DATABASE_URL, or else of DATABASE_URL. It is reached
through pg, postgres or @neondatabase/serverless, whichever is installed.`;

/** What the command line says of {@link DATABASE_OPTIONS}. */
export interface DatabaseOptions {
  readonly env?: string | undefined;
  readonly "env-file"?: string | undefined;
}

const NAMES = ["PQRUN_DATABASE_URL", "DATABASE_URL"] as const;

/**
 * The URL of the database.
 *
 * @throws UsageError where there is none, or one that can't be read; never with the URL in it.
 */
export function requireDatabaseUrl(io: CliIo, options: DatabaseOptions): string {
  const url = findDatabaseUrl(io, options);
  if (url !== undefined) return url;
  throw new UsageError("which database? Set PQRUN_DATABASE_URL or DATABASE_URL, or name a file with --env");
}

/** As {@link requireDatabaseUrl}, but undefined where there is none. */
export function findDatabaseUrl(
  { env }: CliIo,
  { env: file, "env-file": envFile = file }: DatabaseOptions,
): string | undefined {
  const all: Environment = envFile === undefined ? env : { ...readEnvFile(envFile), ...env };
  const name = NAMES.find((candidate) => (all[candidate] ?? "").trim() !== "");
  if (name === undefined) return undefined;
  const url = (all[name] ?? "").trim();
  if (/^postgres(ql)?:\/\//i.test(url) && URL.canParse(withHost(url))) return url;
  // Without what would look like a password, which is never printed.
  throw new UsageError(
    `${name}: expected postgres://host:port/database, with user:password before the host; ` +
      "write special characters of a password as %23 and so on",
  );
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

/** Where the host is a parameter (`postgres://user@/app?host=/cloudsql/…`), none stands in its place. */
function withHost(url: string): string {
  return /[?&]host=/.test(url) ? url.replace(/^([^:]+:\/\/(?:[^/@]*@)?)\//, "$1localhost/") : url;
}
