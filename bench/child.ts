// One measured process: it does the task that its first argument says, and sends the answer to its parent.
import { systemByName } from "./systems/by-name.ts";
import { drain } from "./tasks/drain.ts";
import { enqueue, fill } from "./tasks/enqueue.ts";
import { produce } from "./tasks/spaced-out.ts";
import { nowMs, type Answer, type Task } from "./tasks/task.ts";

const task = JSON.parse(process.argv[2] ?? "") as Task;
const told = new Promise<void>((resolve) => {
  process.once("message", () => {
    resolve();
  });
});

const answer = await perform(task);
process.send?.({ answer });
// What a system leaves open (timers, idle connections) must not keep the process.
setImmediate(() => process.disconnect());
setTimeout(() => process.exit(), 100).unref();

async function perform(task: Task): Promise<Answer> {
  const system = await systemByName(task.system);
  const { url } = task;
  switch (task.kind) {
    case "migrate": {
      const startedMs = nowMs();
      await system.migrate(url);
      return { jobs: 0, startedMs, endedMs: nowMs() };
    }
    case "fill":
      return fill(system, url, task.jobs);
    case "enqueue":
      return enqueue(system, url, task);
    case "drain":
      return drain(system, url, task, told);
    case "produce":
      return produce(system, url, task.jobs);
    case "http":
      return (await import("./tasks/http.ts")).drainOverHttp(url, task);
    default:
      return task satisfies never;
  }
}
