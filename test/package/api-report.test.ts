import { expect, test } from "vitest";

import { apiReport, writtenReport } from "../../scripts/api-report.ts";

test("docs/api.txt shows the public surface as it is; where it does not, `npm run api` writes it anew", () => {
  expect(apiReport()).toBe(writtenReport());
});
