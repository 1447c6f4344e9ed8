import { defineConfig } from "tsup";

import { ENTRIES } from "./scripts/entries.ts";
import { inlineMigrations } from "./scripts/inline-migrations.ts";
import { squeezeSql } from "./scripts/squeeze-sql.ts";

export default defineConfig({
  entry: ENTRIES,
  format: "esm",
  target: "es2022",
  platform: "node",
  // The entries share their classes: one PgJobStore, whichever path it came by.
  splitting: true,
  clean: true,
  // Drivers and Node's modules stay imports, spelt as they are: workerd wants `node:`.
  skipNodeModulesBundle: true,
  removeNodeProtocol: false,
  esbuildPlugins: [squeezeSql, inlineMigrations],
  dts: {
    // For `await using`: without it the declarations need that lib of their user's, or Node's types.
    banner: '/// <reference lib="esnext.disposable" />',
    compilerOptions: {
      noEmit: false,
      allowImportingTsExtensions: true,
      emitDeclarationOnly: true,
      declaration: true,
      // The runners' protocol: `pqrun/runner` has it for those who write another.
      stripInternal: true,
    },
  },
});
