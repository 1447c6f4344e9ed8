import { expect, test } from "vitest";

import manifest from "../../package.json" with { type: "json" };

test("the tests run under the Node of the devDependencies, whatever Node the machine has", () => {
  expect(process.version).toBe(`v${manifest.devDependencies.node}`);
});
