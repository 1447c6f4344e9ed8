import { defineConfig } from "vitest/config";

import { MORE_TESTS } from "./scripts/more-tests.ts";
import everyday from "./vitest.config.ts";

/** `npm run test:more`: what `npm test` leaves out. */
export default defineConfig({
  ...everyday,
  test: { ...everyday.test, include: [...MORE_TESTS] },
});
