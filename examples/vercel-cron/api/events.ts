import { neon } from "@neondatabase/serverless";
import { neonExecutor } from "pqrun/neon";
import { JobProducer } from "pqrun/producer";

import { required } from "../environment.ts";
import { jobs, type Event } from "../jobs.ts";
import { isSame } from "../sign.ts";

/** Takes an event to deliver. Whoever calls sends API_TOKEN as `Authorization: Bearer …`. */
export async function POST(request: Request): Promise<Response> {
  const token = request.headers.get("authorization") ?? "";
  if (!(await isSame(token, `Bearer ${required("API_TOKEN")}`)))
    return Response.json({ error: "Unauthorized" }, { status: 401 });
  const event = readEvent(await request.json().catch(() => null));
  if (event === undefined) return Response.json({ error: "expected {type, data}" }, { status: 400 });
  const producer = new JobProducer(neonExecutor(neon(required("DATABASE_URL"))), { jobs });
  return Response.json(await producer.enqueue("deliver", event), { status: 202 });
}

function readEvent(body: unknown): Event | undefined {
  if (typeof body !== "object" || body === null || !("type" in body) || !("data" in body)) return undefined;
  const { type, data } = body;
  return typeof type === "string" && /^[\w.]{1,100}$/.test(type) ? { type, data } : undefined;
}
