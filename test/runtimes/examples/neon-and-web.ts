/** A stand-in for the web, of one page; and Neon's driver is told where its own stand-in listens. */
import { neonConfig } from "@neondatabase/serverless";

neonConfig.fetchEndpoint = process.env["NEON_ENDPOINT"] ?? "";

const { fetch } = globalThis;
globalThis.fetch = Object.assign(
  (input: string | URL | Request, init?: RequestInit) =>
    input === "https://web.example/"
      ? Promise.resolve(new Response("<title>A page</title>"))
      : fetch(input, init),
  fetch,
);
