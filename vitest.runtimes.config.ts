import { defineConfig } from "vitest/config";

/** `npm run test:runtimes`: every runtime against the package as it is installed; so without aliases to sources. */
export default defineConfig({
  test: {
    include: ["test/runtimes/**/*.test.ts"],
    // Each file keeps processes and servers of its own busy, and budgets are measured.
    maxWorkers: 1,
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
