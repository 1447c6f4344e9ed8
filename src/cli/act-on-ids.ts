import type { AnyStatus, JobStatus } from "../core/job.ts";
import type { PgJobStore } from "../core/store.ts";
import { EXIT, type CliIo } from "./command.ts";
import { jsonLine, printable } from "./terminal/printable.ts";

/** What is done to one job after the other. */
export interface IdAct {
  /** What it has become, as a field of the JSON: `retried`. */
  readonly done: string;
  /** The states in which it can be done. */
  readonly from: readonly JobStatus[];
  act(store: PgJobStore, id: string): Promise<ActAnswer>;
}

/** What became of one job. */
export interface ActAnswer {
  readonly done: boolean;
  /** Its state now; null where there is no such job. */
  readonly status: AnyStatus | null;
  /** Why it was not done, where its state doesn't say so. */
  readonly why?: string;
}

interface Asked {
  readonly json?: boolean | undefined;
  readonly "dry-run"?: boolean | undefined;
}

/** @returns 0 where all was done, 4 where a job isn't there, 1 where one was in no state for it. */
export async function actOnIds(
  io: CliIo,
  store: PgJobStore,
  ids: readonly string[],
  options: Asked,
  act: IdAct,
): Promise<number> {
  let code: number = EXIT.done;
  for (const id of ids) {
    io.signal.throwIfAborted();
    const answer = options["dry-run"] === true ? await foreseen(store, id, act) : await act.act(store, id);
    const { done, status, why } = answer;
    if (options.json === true) io.stdout.write(jsonLine({ id, [act.done]: done, status, why: why ?? null }));
    else if (done) io.stdout.write(`${id} ${options["dry-run"] === true ? "would be " : ""}${act.done}\n`);
    if (status === null) {
      code = EXIT.noJob;
      io.stderr.write(`no job ${id}\n`);
    } else if (!done) {
      if (code === EXIT.done) code = EXIT.failed;
      io.stderr.write(`job ${id} is ${printable(status)}${why === undefined ? "" : `: ${printable(why)}`}\n`);
    }
  }
  return code;
}

async function foreseen(store: PgJobStore, id: string, { from }: IdAct): Promise<ActAnswer> {
  const status = (await store.get(id))?.status ?? null;
  return { done: from.some((one) => one === status), status };
}
