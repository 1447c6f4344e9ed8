import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

import { expect, test } from "vitest";

import type { PostgresBinaries } from "../support/postgres-embedded.ts";

const POSTGRES = "/usr/lib/postgresql";

/** PgBouncer's program; Debian puts it where only root's PATH leads. */
export function pgbouncerProgram(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, "pgbouncer")).find(isProgram);
}

/** The newest PostgreSQL of Debian's that pg_cron is installed for. */
export function postgresWithCron(): PostgresBinaries | undefined {
  const majors = existsSync(POSTGRES) ? readdirSync(POSTGRES).map(Number).filter(Number.isInteger) : [];
  return majors
    .sort((one, other) => other - one)
    .map((major) => `${POSTGRES}/${major}`)
    .filter((folder) => existsSync(`${folder}/lib/pg_cron.so`))
    .map((folder) => ({ initdb: `${folder}/bin/initdb`, postgres: `${folder}/bin/postgres` }))
    .find(({ postgres }) => isProgram(postgres));
}

/** In place of tests that can't run: CI fails, anybody else is told what to install. */
export function testWithout(packages: string, title: string): void {
  const advice = `apt-get install ${packages} (bash scripts/debian-packages.sh does)`;
  if (process.env["CI"] === undefined) {
    // PgBouncer and pg_cron come from Debian alone: another system can't have them, and its user is told.
    console.log(`${title}: not tested here: ${advice}`);
    test.skip(`${title}: ${advice}`);
  } else {
    test(title, () => expect.fail(`not installed: ${advice}`));
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
