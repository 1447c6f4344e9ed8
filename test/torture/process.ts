// One process of a torture run: a worker, drains, a producer, or the stand-in for Neon.
import { neonStandIn } from "../support/neon-stand-in.ts";
import { LedgerWriter } from "./ledger.ts";
import { runProducer } from "./producer.ts";
import { runDrains, runWorker } from "./runners.ts";
import { VARIABLE, type Task } from "./task.ts";

/** A machine too busy to run this process at all costs leases too; that is told, and counted. */
const PULSE_MS = 200;
const STARVED_MS = 800;

const task = JSON.parse(process.env[VARIABLE] ?? "{}") as Task;
const ledger = new LedgerWriter(task.folder, task.name);
// Without its conductor it has nothing to do.
process.once("disconnect", () => process.exit());
process.on("unhandledRejection", (error) => {
  console.error(task.name, "unhandled", error);
});

switch (task.role) {
  case "worker":
    watchPulse();
    runWorker(task, ledger);
    break;
  case "drain":
    watchPulse();
    await runDrains(task, ledger);
    break;
  case "producer":
    await runProducer(task, ledger).then(() => process.exit());
    break;
  case "stand-in":
    process.send?.((await neonStandIn()).fetchEndpoint);
    break;
  default:
    task.role satisfies never;
}

function watchPulse(): void {
  let last = Date.now();
  setInterval(() => {
    const late = Date.now() - last - PULSE_MS;
    if (late > STARVED_MS)
      ledger.write({ k: "hurt", why: "starved", p: task.name, t: last, until: Date.now() });
    last = Date.now();
  }, PULSE_MS).unref();
}
