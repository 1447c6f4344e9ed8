import type { Plugin } from "esbuild";

import { migrationFiles } from "../src/migrate/migration-files.ts";

/** Puts the texts of `sql/`'s numbered files in the place of the module that reads them. */
export const inlineMigrations: Plugin = {
  name: "inline-migrations",
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/]migrate[\\/]migration-files\.ts$/ }, () => ({
      contents: inlinedMigrations(),
      loader: "js",
    }));
  },
};

/** The module's source, with the files as they are now. */
export function inlinedMigrations(): string {
  return `const FILES = ${JSON.stringify(migrationFiles(), null, 2)};
export function migrationFiles() { return FILES; }
`;
}
