import { createHmac } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

import { EdgeVM } from "@edge-runtime/vm";
import { neonConfig } from "@neondatabase/serverless";
import { build } from "esbuild";
import { afterAll, beforeEach, expect, test } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";
import { neonStandIn } from "../../support/neon-stand-in.ts";
import { tableDatabase } from "../../support/table-database.ts";

type Route = (request: Request) => Promise<Response>;

const folder = `${PROJECT}examples/vercel-cron`;
const database = await tableDatabase();
await database.migrate();
const standIn = await neonStandIn();

/** The subscriber: it answers as it is told, and keeps what it got. */
let answer: { readonly status: number; readonly headers?: Readonly<Record<string, string>> } = {
  status: 204,
};
const delivered: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
const subscriber = createServer((request, response) => {
  void text(request).then((body) => {
    delivered.push({ headers: request.headers, body });
    response.writeHead(answer.status, answer.headers).end();
  });
}).listen(0, "127.0.0.1");
await once(subscriber, "listening");

const key = Buffer.from("a key that the subscriber has too");
const env = {
  DATABASE_URL: database.url,
  API_TOKEN: "a-token-of-some-length",
  CRON_SECRET: "a-secret-of-the-cron",
  WEBHOOK_URL: `http://127.0.0.1:${(subscriber.address() as AddressInfo).port}/events`,
  WEBHOOK_SECRET: `whsec_${key.toString("base64")}`,
};
Object.assign(process.env, env);
neonConfig.fetchEndpoint = standIn.fetchEndpoint;

const { POST } = (await import(`${folder}/api/events.ts`)) as { readonly POST: Route };
const { GET } = (await import(`${folder}/api/drain.ts`)) as { readonly GET: Route };

afterAll(async () => {
  subscriber.close();
  subscriber.closeAllConnections();
  await standIn[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  answer = { status: 204 };
  delivered.length = 0;
  await database.rows("TRUNCATE jobs RESTART IDENTITY");
});

const event = { type: "order.paid", data: { orderId: 7 } };
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const post = (body: unknown, token = env.API_TOKEN): Promise<Response> =>
  POST(
    new Request("https://app.example/api/events", {
      ...{ method: "POST", headers: bearer(token), body: JSON.stringify(body) },
    }),
  );
const cron = (route: Route, token = env.CRON_SECRET): Promise<Response> =>
  route(new Request("https://app.example/api/drain", { headers: bearer(token) }));
const jobs = (): Promise<unknown> => database.rows("SELECT status::text, attempts, result FROM jobs");

async function delivers(route: Route): Promise<void> {
  expect(await (await post(event)).json()).toEqual({ id: "1", created: true });
  const response = await cron(route);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ done: 1, stoppedBy: "empty", more: false });
  expect(await jobs()).toEqual([{ status: "DONE", attempts: 1, result: { status: 204 } }]);
  expect(delivered).toHaveLength(1);
  const [{ headers, body } = { headers: {}, body: "" }] = delivered;
  expect(JSON.parse(body)).toEqual(event);
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = headers;
  expect(id).toBe("job_1");
  const signed = createHmac("sha256", key)
    .update(`job_1.${String(timestamp)}.${body}`)
    .digest("base64");
  expect(signature).toBe(`v1,${signed}`);
}

test("an event that was posted is delivered, signed, by the cron's next call", () => delivers(GET));

test("so it is inside Vercel's edge VM, bundled: nothing in it needs Node", async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { neonConfig } from "@neondatabase/serverless";
        import { GET } from "./api/drain.ts";
        neonConfig.fetchEndpoint = ${JSON.stringify(standIn.fetchEndpoint)};
        addEventListener("fetch", (event) => event.respondWith(GET(event.request)));`,
      resolveDir: folder,
    },
    ...{ bundle: true, write: false, format: "iife", target: "es2022", logLevel: "silent" },
    conditions: ["edge-light", "worker", "browser"],
  });
  const vm = new EdgeVM({
    initialCode: outputFiles[0]?.text ?? "",
    extend: (context) => Object.assign(context, { process: { env } }),
  });
  await delivers(({ url, headers }) => vm.dispatchFetch(url, { headers: Object.fromEntries(headers) }));
});

test("a schedule's event is delivered by the call after its tick, and nobody has sent it", async () => {
  expect(await (await cron(GET)).json()).toMatchObject({ done: 0, stoppedBy: "empty" });
  await database.rows("UPDATE jobs_schedules SET next_tick = now() - interval '1 hour'");
  expect(await (await cron(GET)).json()).toMatchObject({ done: 1, stoppedBy: "empty" });
  expect(delivered.map(({ body }) => body)).toEqual(['{"data":null,"type":"digest.due"}']);
});

test("without their secrets nobody drains or enqueues, and no answer says why", async () => {
  expect((await post(event)).status).toBe(202);
  for (const refused of [await cron(GET, "another-secret-of-the-cron"), await post(event, env.CRON_SECRET)]) {
    expect(refused.status).toBe(401);
    expect(await refused.json()).toEqual({ error: "Unauthorized" });
  }
  expect((await post({ type: "order paid", data: 1 })).status).toBe(400);
  expect(await jobs()).toEqual([{ status: "READY", attempts: 0, result: null }]);
  expect(delivered).toEqual([]);
});

test("a subscriber that says when is asked again then; one that is gone is not", async () => {
  await post(event);
  answer = { status: 503, headers: { "retry-after": "600" } };
  expect(await (await cron(GET)).json()).toMatchObject({ retried: 1, more: false });
  const due = "SELECT status::text, run_after > now() + interval '9 minutes' AS later FROM jobs";
  expect(await database.rows(due)).toEqual([{ status: "READY", later: true }]);
  await database.rows("UPDATE jobs SET run_after = now()");
  answer = { status: 410 };
  expect(await (await cron(GET)).json()).toMatchObject({ failed: 1 });
  expect(await jobs()).toEqual([{ status: "FAILED", attempts: 2, result: null }]);
  // Each attempt under the same id: the subscriber can tell.
  expect(delivered.map(({ headers }) => headers["webhook-id"])).toEqual(["job_1", "job_1"]);
});

test("vercel.json names routes that exist", () => {
  const { crons, functions } = JSON.parse(readFileSync(`${folder}/vercel.json`, "utf8")) as {
    readonly crons: readonly { readonly path: string }[];
    readonly functions: Readonly<Record<string, unknown>>;
  };
  expect(crons.map(({ path }) => path)).toEqual(["/api/drain"]);
  for (const { path } of crons) expect(existsSync(`${folder}${path}.ts`), path).toBe(true);
  for (const file of Object.keys(functions)) expect(existsSync(`${folder}/${file}`), file).toBe(true);
});
