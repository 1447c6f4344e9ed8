/** As much of other test runners as the pages use. */
declare module "bun:test" {
  export function test(name: string, run: () => Promise<void>, timeoutMs?: number): void;
  export { expect } from "vitest";
}

declare namespace Deno {
  function test(name: string, run: () => Promise<void>): void;
}
