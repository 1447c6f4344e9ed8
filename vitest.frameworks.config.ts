import { defineConfig } from "vitest/config";

import everyday from "./vitest.config.ts";

/** `npm run test:frameworks`: applications of other people's frameworks, which start and stop. */
export default defineConfig({
  ...everyday,
  test: { ...everyday.test, include: ["test/frameworks/*.test.ts"], exclude: [], maxWorkers: 1 },
});
