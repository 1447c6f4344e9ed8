import { NonRetriableError, RetryAfterError, type Handlers } from "pqrun";

import { required } from "./environment.ts";
import type { jobs } from "./jobs.ts";
import { sign } from "./sign.ts";

/** The handlers: `deliver` posts an event to its subscriber, signed. */
export const handlers: Handlers<typeof jobs> = {
  deliver: async ({ payload, job, signal }) => {
    // At least once is sometimes twice: the id tells the subscriber what it has had before.
    const id = `job_${job.id}`;
    const timestamp = String(Math.floor(Date.now() / 1000));
    const body = JSON.stringify(payload);
    const response = await fetch(required("WEBHOOK_URL"), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": await sign(`${id}.${timestamp}.${body}`, required("WEBHOOK_SECRET")),
      },
      body,
      signal,
    });
    const { ok, status, headers } = response;
    await response.body?.cancel();
    if (ok) return { status };
    if (status === 410) throw new NonRetriableError("the subscriber is gone");
    const seconds = Number(headers.get("retry-after"));
    if (seconds > 0) throw new RetryAfterError(seconds * 1000, `status ${status}`);
    throw new Error(`status ${status}`);
  },
};
