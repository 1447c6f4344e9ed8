import { UsageError, type CliIo } from "./command.ts";
import { environmentOf, type DatabaseOptions } from "./environment.ts";

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
export function findDatabaseUrl(io: CliIo, options: DatabaseOptions): string | undefined {
  const all = environmentOf(io, options);
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

/** Where the host is a parameter (`postgres://user@/app?host=/cloudsql/…`), none stands in its place. */
function withHost(url: string): string {
  return /[?&]host=/.test(url) ? url.replace(/^([^:]+:\/\/(?:[^/@]*@)?)\//, "$1localhost/") : url;
}
