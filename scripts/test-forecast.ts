import { globSync } from "node:fs";

/** Measured with nothing else running. */
const MINUTES = 9;

/** Which files a run of vitest takes, in globs from `root`. */
interface Files {
  readonly root: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** What a whole run of the tests will do, and about how long it takes. */
export function testForecast({ root, include, exclude }: Files, databaseUrl: string | undefined): string {
  const files = globSync([...include], { cwd: root, exclude: [...exclude] }).length;
  const server = databaseUrl
    ? "yours, of DATABASE_URL"
    : "in a container where an engine runs, else from npm's binaries";
  return `${files} files of tests on a real PostgreSQL (${server}): about ${MINUTES} minutes on two cores that do nothing else`;
}
