import type { PgJobStore } from "../core/store.ts";
import { send } from "../core/sql/run-statement.ts";
import type { WorkerHealth } from "../runners/worker/worker-health.ts";

/** Options of {@link healthRoute}; at least one of them. */
export interface HealthRouteOptions {
  /** Its `health` must be ok. */
  readonly worker?: { readonly health: WorkerHealth } | undefined;
  /** Its database must answer, within two seconds. */
  readonly store?: Pick<PgJobStore, "connection"> | undefined;
}

const PATIENCE_MS = 2_000;

/**
 * A route for health checks: 200 where all is well, 503 where not, with what is known as JSON, and nothing secret in it. With
 * the worker alone it asks nobody, which is for a check that restarts a process: one that asked the database would restart all
 * processes whenever that is away.
 *
 * ```ts
 * const alive = healthRoute({ worker }); // restarts
 * const ready = healthRoute({ worker, store }); // takes out of a load balancer
 * ```
 */
export function healthRoute({ worker, store }: HealthRouteOptions): () => Promise<Response> {
  return async () => {
    const health = worker?.health;
    const database = store === undefined ? undefined : await answers(store);
    const ok = (health?.ok ?? true) && (database ?? true);
    return Response.json(
      { ok, ...(health !== undefined && { worker: health }), ...(database !== undefined && { database }) },
      { status: ok ? 200 : 503, headers: { "cache-control": "no-store" } },
    );
  };
}

async function answers({ connection }: Pick<PgJobStore, "connection">): Promise<boolean> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const asked = send(
    connection,
    "health",
    { text: "SELECT now()::text AS a", params: [] },
    { signal, reads: true },
  );
  return await asked.then(
    () => true,
    () => false,
  );
}
