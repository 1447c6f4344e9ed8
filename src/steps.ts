/** `pqrun/steps`: what a job has done outlives its attempt. Who uses it gives `steps` to the runner. */
export { stepsOf } from "./core/operations/read-steps.ts";
export type { Step } from "./core/operations/read-steps.ts";
export { steps } from "./runners/job/job-steps.ts";
export type { Sleep, Steps } from "./runners/job/run-steps.ts";
