// The cell in Vercel's edge VM, which has no TCP.
import { driver } from "./drivers/neon-http.ts";
import type { Place } from "./place.ts";
import { answerOf } from "./answer.ts";

interface FetchEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** Put into the VM's globals by whoever starts it. */
declare const PLACE: Place;

/** As a service worker has it; Node's types, which are loaded, know none. */
declare function addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;

const answer = answerOf(driver);

addEventListener("fetch", (event) => {
  event.respondWith(answer(event.request.url, PLACE));
});
