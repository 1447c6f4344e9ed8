import { html } from "../html.ts";

import { ago, number } from "../format.ts";
import { workers } from "../../core/operations/workers.ts";
import { tableOf } from "../table.ts";
import type { Page, View } from "../view.ts";

/** Who runs jobs, and who waits to be woken. */
export async function workersPage({ store }: View): Promise<Page> {
  const found = await workers(store);
  const rows = found.map(({ worker, running, oldestLockedAt, leaseEndsAt, waitsUntil }) => [
    worker,
    number(running),
    ago(oldestLockedAt),
    ago(leaseEndsAt),
    ago(waitsUntil),
  ]);
  const heads = ["Worker", "Running", "Longest since", "Lease ends", "Waits until"];
  return {
    title: "Workers",
    body: html`${tableOf("Workers that run a job, or wait to be woken", heads, rows)}
      <p class="dim">One that polls and has nothing to do is not seen.</p>`,
  };
}
