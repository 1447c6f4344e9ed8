// A cell in Vercel's edge VM, which has no TCP: its `fetch` event answers as worker.ts does.
import { driver } from "./drivers/neon-http.ts";
import type { Place } from "./place.ts";
import { CellSuite } from "./suite.ts";

interface FetchEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** Put into the VM's globals by whoever starts it. */
declare const PLACE: Place;

/** As a service worker has it; Node's types, which are loaded, know none. */
declare function addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;

async function answer({ url }: Request): Promise<Response> {
  const [, , index] = new URL(url).pathname.split("/");
  const suite = new CellSuite(driver, PLACE);
  return Response.json(index === undefined ? suite.listing() : await suite.run(Number(index)));
}

addEventListener("fetch", (event) => {
  event.respondWith(answer(event.request));
});
