import type { CheckedWorker } from "./worker-options.ts";

/** Most job types that the line names. */
const MAX_TYPES = 10;

/** Logs what a worker does and how it wakes: the one line of a worker that has nothing to complain about. */
export function logStart(
  { logger, store, types, concurrency }: Pick<CheckedWorker, "logger" | "store" | "types" | "concurrency">,
  id: string,
): void {
  const some = types.slice(0, MAX_TYPES).join(", ");
  logger.info("worker started", {
    id,
    types: types.length > MAX_TYPES ? `${some} and ${types.length - MAX_TYPES} more` : some,
    slots: concurrency,
    wakes: store.listen === undefined ? "by polling" : "by LISTEN, by polling until it is heard",
  });
}
