import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { Answer, Task } from "./tasks/task.ts";

type Message = { readonly answer: Answer } | { readonly progress: number };

/** A measured process that is under way. */
export interface RunningChild {
  readonly answer: Promise<Answer>;
  /** Resolves when it has begun: a worker runs. */
  readonly begun: Promise<void>;
  /** Tells a worker that all jobs have started somewhere. */
  finish(): void;
}

const entry = fileURLToPath(new URL("child.ts", import.meta.url));
const MINUTES = 60_000;
const LIMIT_MS = 5 * MINUTES;

/** How a child is started. */
export interface ChildOptions {
  /** The folder of another build of pqrun than this checkout's, as a URL. */
  readonly dist?: string;
  readonly onProgress?: (jobs: number) => void;
}

/** Starts a process for one task. */
export function startChild(
  task: Task,
  { dist, onProgress = () => undefined }: ChildOptions = {},
): RunningChild {
  const env = dist === undefined ? process.env : { ...process.env, PQRUN_BENCH_DIST: dist };
  const child = fork(entry, [JSON.stringify(task)], { stdio: ["ignore", "inherit", "inherit", "ipc"], env });
  const begun = Promise.withResolvers<undefined>();
  const answer = answerOf(child, task, (jobs) => {
    begun.resolve(undefined);
    onProgress(jobs);
  });
  answer.catch(() => {
    begun.resolve(undefined);
  });
  return { answer, begun: begun.promise, finish: () => void child.send("finish") };
}

/** Runs one task in a process of its own. */
export async function runChild(task: Task, options: ChildOptions = {}): Promise<Answer> {
  return startChild(task, options).answer;
}

function answerOf(child: ChildProcess, task: Task, onProgress: (jobs: number) => void): Promise<Answer> {
  const kill = (): void => void child.kill("SIGKILL");
  const timer = setTimeout(kill, LIMIT_MS);
  process.once("exit", kill);
  return new Promise<Answer>((resolve, reject) => {
    let answer: Answer | undefined;
    child.on("message", (message: Message) => {
      if ("answer" in message) answer = message.answer;
      else onProgress(message.progress);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      process.off("exit", kill);
      if (answer !== undefined) resolve(answer);
      else reject(new Error(`${task.system}, ${task.kind}: ended with ${String(code ?? signal)}`));
    });
  });
}
