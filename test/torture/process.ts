// One process of a torture run: workers, drains, a producer, or the stand-in for Neon.
import { neonStandIn } from "../support/neon-stand-in.ts";
import { STARVED } from "./ledger-view.ts";
import { LedgerWriter } from "./ledger.ts";
import { runProducer } from "./producer.ts";
import { runDrains, runWorkers } from "./runners.ts";
import { databaseOf } from "./store.ts";
import { VARIABLE, type Order, type Task } from "./task.ts";

/** A machine too busy to run this process at all costs leases too; that is told, and counted. */
const PULSE_MS = 200;
const STARVED_MS = 800;

const task = JSON.parse(process.env[VARIABLE] ?? "{}") as Task;
const ledger = new LedgerWriter(task.folder, task.name);
// Without its conductor it has nothing to do.
process.once("disconnect", () => process.exit());
process.on("unhandledRejection", (error) => {
  // Seen, unlike what it writes to stderr.
  console.log(task.name, "unhandled", error);
});

if (task.role === "stand-in") {
  process.send?.((await neonStandIn()).fetchEndpoint);
} else {
  const database = databaseOf(task);
  const quiet = new AbortController();
  process.on("message", (order: Order) => {
    if (order === "enqueue no more") quiet.abort();
    else void database.forget(order);
  });
  process.send?.("ready");
  if (task.role === "producer") await runProducer(task, database, ledger).then(() => process.exit());
  watchPulse();
  if (task.role === "worker") runWorkers(task, database, ledger, quiet.signal);
  else await runDrains(task, database, ledger);
}

function watchPulse(): void {
  let last = Date.now();
  setInterval(() => {
    const late = Date.now() - last - PULSE_MS;
    if (late > STARVED_MS)
      ledger.write({ k: "hurt", why: STARVED, p: task.name, t: last, until: Date.now() });
    last = Date.now();
  }, PULSE_MS).unref();
}
