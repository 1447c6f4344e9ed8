import { setTimeout as sleep } from "node:timers/promises";

import { isPqrunError } from "../../src/core/errors.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { JobEvent } from "../../src/runners/job/job-event.ts";
import type { WorkerOptions } from "../../src/runners/worker/worker-options.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import type { FaultClient } from "./fault-clients.ts";
import { FaultLedger, type FinalRow } from "./fault-ledger.ts";
import { withClient } from "./postgres.ts";

/** Who works while a fault strikes. */
export interface FaultRunOptions {
  /** Opens the connections of one process. */
  readonly open: () => FaultClient;
  /** @default 2 */
  readonly workers?: number;
  /** Loops of drains, one after the other. @default 1 */
  readonly drains?: number;
  /** @default 4 */
  readonly producers?: number;
  /** How long each producer waits after an enqueue, in milliseconds. @default 10 */
  readonly paceMs?: number;
  /** How long a handler takes, in milliseconds. @default 5 */
  readonly jobMs?: number;
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly worker?: Pick<Partial<WorkerOptions>, "concurrency" | "leaseMs" | "safetyPollSeconds" | "logger">;
}

/** Producers, workers and drains that go on whatever their database does, and a ledger of what they were told. */
export class FaultRun implements AsyncDisposable {
  readonly ledger = new FaultLedger();
  /** How often each error came, by who had it and by its SQLSTATE or name. */
  readonly errors = new Map<string, number>();
  readonly events = new Map<JobEvent["event"], number>();
  readonly #options: FaultRunOptions;
  readonly #clients: FaultClient[] = [];
  readonly #workers: Worker[] = [];
  readonly #producing = new AbortController();
  readonly #draining = new AbortController();
  #producers: Promise<unknown> = Promise.resolve();
  #drains: Promise<unknown> = Promise.resolve();

  constructor(options: FaultRunOptions) {
    this.#options = options;
  }

  /** Begins. */
  start(): this {
    const { workers = 2, drains = 1, producers = 4 } = this.#options;
    for (let count = 0; count < workers; count += 1) this.#workers.push(this.#worker().start());
    const store = this.#store();
    this.#producers = Promise.all(Array.from({ length: producers }, () => this.#produce(store)));
    this.#drains = Promise.all(Array.from({ length: drains }, () => this.#drain(this.#store())));
    return this;
  }

  /** Ends the producers, and waits until every job has ended. @returns the rows */
  async finish(url: string, withinMs = 60_000): Promise<readonly FinalRow[]> {
    this.#producing.abort();
    await this.#producers;
    const end = performance.now() + withinMs;
    for (;;) {
      const rows = await finalRows(url);
      const open = rows.filter(({ status }) => status === "READY" || status === "RUNNING").length;
      if (open === 0) return rows;
      if (performance.now() > end) throw new Error(`${open} of ${rows.length} jobs have not ended`);
      await sleep(100);
    }
  }

  /** Ends all. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#producing.abort();
    this.#draining.abort();
    await Promise.all(this.#workers.map((worker) => worker.stop({ graceMs: 0 })));
    await Promise.all([this.#producers, this.#drains]);
    await Promise.all(this.#clients.map((client) => client.end()));
  }

  #store(): PgJobStore {
    const client = this.#options.open();
    this.#clients.push(client);
    return new PgJobStore(client.executor);
  }

  #worker(): Worker {
    return new Worker({
      concurrency: 10,
      ...this.#runner(),
      store: this.#store(),
      env: {},
      ...this.#options.worker,
    });
  }

  #runner(): Pick<WorkerOptions, "handlers" | "backoff" | "onEvent"> {
    const { jobMs = 5 } = this.#options;
    return {
      handlers: {
        a: async ({ job }) => {
          this.ledger.start(job);
          await sleep(jobMs);
        },
      },
      backoff: { delayMs: () => 100 },
      onEvent: ({ event }) => {
        this.events.set(event, (this.events.get(event) ?? 0) + 1);
      },
    };
  }

  async #produce(store: PgJobStore): Promise<void> {
    const { signal } = this.#producing;
    const { payload = {}, paceMs = 10 } = this.#options;
    while (!signal.aborted) {
      const n = this.ledger.next();
      try {
        const { id } = await store.enqueue("a", { ...payload, n });
        this.ledger.acknowledge(id, n);
      } catch (error) {
        this.#count("enqueue", error);
        if (isPqrunError(error, "unknown-outcome")) this.ledger.doubt(n);
        await sleep(50);
      }
      await sleep(paceMs);
    }
  }

  async #drain(store: PgJobStore): Promise<void> {
    const { signal } = this.#draining;
    while (!signal.aborted) {
      try {
        const report = await drainOnce({ store, ...this.#runner(), budgetMs: 1_000, signal });
        if (report.error !== undefined) this.#count("drain", report.error);
      } catch (error) {
        this.#count("drain", error);
      }
      await sleep(100);
    }
  }

  #count(who: string, error: unknown): void {
    const name = error instanceof Error ? error.name : typeof error;
    const what = isPqrunError(error, "unknown-outcome") ? name : (sqlState(error) ?? codeOf(error) ?? name);
    const key = `${who} ${what}`;
    this.errors.set(key, (this.errors.get(key) ?? 0) + 1);
  }
}

function codeOf(error: unknown): string | undefined {
  const code: unknown =
    typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

async function finalRows(url: string): Promise<readonly FinalRow[]> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<FinalRow>(
      "SELECT id::text, (payload->>'n')::int AS n, status::text FROM public.jobs",
    );
    return rows;
  });
}
