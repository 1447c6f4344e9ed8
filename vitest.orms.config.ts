import { fileURLToPath } from "node:url";

import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

import { ORMS, releaseOf, type Release } from "./scripts/orms.ts";
import { sourceAliases } from "./scripts/entries.ts";

/** What `npm run test:orms` sets for each of its two runs: no module of one release may be seen by the tests of the other. */
const release = releaseOf(process.env["PQRUN_ORMS"]);

/** `npm run test:orms`: the ORMs' own transactions, with the packages of one folder. */
export default defineConfig({
  plugins: [ormsOf(release)],
  resolve: { alias: sourceAliases() },
  test: {
    name: release,
    // A cached module knows where its imports were found: with the first release's packages, for the second too.
    fsModuleCache: false,
    include: ["test/orms/*.test.ts", ...(release === "newest" ? ["test/orms/recipes/*.test.ts"] : [])],
    globalSetup: ["test/support/global-setup.ts"],
    maxWorkers: 2,
    silent: "passed-only",
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

/** Resolves what the tests import of an ORM in the folder of that release. */
function ormsOf(release: Release): Plugin {
  const folder = fileURLToPath(new URL(`test/orms/${release}/`, import.meta.url));
  return {
    name: "orms-of-a-release",
    enforce: "pre",
    async resolveId(source) {
      if (source === "prisma-generated") return `${folder}generated/client.ts`;
      return ORMS.test(source)
        ? await this.resolve(source, `${folder}package.json`, { skipSelf: true })
        : undefined;
    },
  };
}
