import { store } from "./store.ts";

/** The API: it enqueues and looks. */
export async function api(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === "POST" && pathname === "/tables") {
    const csv = await request.text();
    if (csv.trim() === "" || csv.length > 500_000)
      return Response.json({ error: "expected CSV, of at most 500,000 characters" }, { status: 400 });
    return Response.json(await store.enqueue("profile", { csv }), { status: 202 });
  }
  const [, id] = /^\/jobs\/(\d{1,18})$/.exec(pathname) ?? [];
  const job = request.method === "GET" && id !== undefined ? await store.get(id) : null;
  if (job === null) return Response.json({ error: "not found" }, { status: 404 });
  const { type, status, attempts, result } = job;
  return Response.json({ id, type, status, attempts, result });
}
