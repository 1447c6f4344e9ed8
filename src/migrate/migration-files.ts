import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A numbered file of `sql/`, as it stands there: for `public.jobs`. */
export interface MigrationFile {
  readonly number: number;
  readonly text: string;
}

const FOLDER = fileURLToPath(new URL("../../sql/", import.meta.url));
const FILE = /^(\d{3})_\w+\.sql$/;

/**
 * The numbered files, in order. In the built package their texts stand in this
 * module's place (`scripts/inline-migrations.ts`): a bundler, or a platform that
 * deploys only the files that imports lead to, would leave a folder behind.
 */
export function migrationFiles(): readonly MigrationFile[] {
  return readdirSync(FOLDER)
    .filter((file) => FILE.test(file))
    .sort()
    .map((file) => ({ number: Number(file.slice(0, 3)), text: readFileSync(FOLDER + file, "utf8") }));
}
