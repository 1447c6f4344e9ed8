/** A stand-in for what a Worker reaches over HTTP: Neon's API, before a real PostgreSQL, and web pages. */
import { Response, type Request } from "miniflare";

import { neonStandIn, type NeonStandIn } from "../../support/neon-stand-in.ts";

type Page = (url: URL) => Response | Promise<Response>;

/** Gets every request that leaves workerd, as Cloudflare would count them. */
export class Outside implements AsyncDisposable {
  /** As Neon's console shows it; the driver makes https://api.neon.example/sql of it. */
  static readonly databaseUrl = "postgres://user:password@ep-quiet-river.neon.example/app";
  /** Paths of the pages that were asked for, in order. */
  readonly pages: string[] = [];
  statements = 0;
  /** Serves https://web.example. */
  page: Page = titled;
  /** Told of each request, before its answer. */
  onRequest: () => void = () => undefined;
  readonly #neon: NeonStandIn;
  readonly #databaseUrl: string;

  private constructor(neon: NeonStandIn, databaseUrl: string) {
    this.#neon = neon;
    this.#databaseUrl = databaseUrl;
  }

  static async open(databaseUrl: string): Promise<Outside> {
    return new Outside(await neonStandIn(), databaseUrl);
  }

  /** How many requests left since the last reset. */
  get requests(): number {
    return this.statements + this.pages.length;
  }

  reset(): void {
    this.statements = 0;
    this.pages.length = 0;
    this.page = titled;
    this.onRequest = () => undefined;
  }

  readonly answer = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const body = await request.text();
    // A killed Worker may leave half a request.
    if (Buffer.byteLength(body) < Number(request.headers.get("content-length") ?? 0)) return Response.error();
    if (url.href === "https://api.neon.example/sql") return this.#sql(request, body);
    if (url.origin !== "https://web.example") return new Response(`no ${url.origin} here`, { status: 502 });
    this.pages.push(url.pathname);
    this.onRequest();
    return this.page(url);
  };

  async #sql(request: Request, body: string): Promise<Response> {
    this.statements += 1;
    this.onRequest();
    const { hostname } = new URL(request.headers.get("neon-connection-string") ?? "");
    if (hostname !== new URL(Outside.databaseUrl).hostname) {
      return Response.json({ message: `no ${hostname} here` }, { status: 400 });
    }
    const headers = { ...Object.fromEntries(request.headers), "neon-connection-string": this.#databaseUrl };
    const answer = await fetch(this.#neon.fetchEndpoint, {
      method: "POST",
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("neon-"))),
      body,
    });
    return new Response(await answer.text(), { status: answer.status });
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#neon[Symbol.asyncDispose]();
  }
}

/** A page whose title is its path. */
export function titled({ pathname }: URL): Response {
  return new Response(`<html><title>${pathname}</title></html>`, {
    headers: { "content-type": "text/html" },
  });
}
