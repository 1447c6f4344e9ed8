/** `pqrun/batch`: handlers that run jobs of a type together. */
export { batch } from "./runners/job/batch.ts";
export type {
  BatchContext,
  BatchHandler,
  BatchJob,
  BatchOptions,
  BatchResults,
} from "./runners/job/batch.ts";
