import { encodeJson, PAYLOAD_LIMITS } from "../core/values/json.ts";
import type { RunSteps, Steps } from "../runners/job/run-steps.ts";

/** Steps of a run without a database: each is done, and a sleep is over at once. */
export const memorySteps: Steps = {
  of: () => {
    const nothing = (): undefined => undefined;
    const run = {
      step: async (name: string, work: () => unknown): Promise<unknown> => {
        const value = await work();
        return value === undefined
          ? undefined
          : JSON.parse(encodeJson(value, `step "${name}"`, PAYLOAD_LIMITS));
      },
      stepIn: () => Promise.resolve(),
      stepStatement: () => ({ text: "SELECT 1", params: [] }),
      sleep: () => Promise.resolve(),
      list: () => Promise.resolve([]),
      throwIfOver: nothing,
      atRest: () => Promise.resolve(),
      settlement: (concluded) => concluded,
    } satisfies Omit<RunSteps, "step"> & { readonly step: unknown };
    return run as RunSteps;
  },
};
