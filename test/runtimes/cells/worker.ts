// The cells on workerd. A socket lives no longer than its request, so each test is one.
import { driver as neonHttp } from "./drivers/neon-http.ts";
import { driver as neonWebSocket } from "./drivers/neon-websocket.ts";
import { driver as pg } from "./drivers/pg.ts";
import { driver as postgres } from "./drivers/postgres.ts";
import type { Place } from "./place.ts";
import { answerOf, type Answer } from "./answer.ts";

const CELLS: Readonly<Record<string, Answer>> = {
  pg: answerOf(pg),
  postgres: answerOf(postgres),
  "neon-http": answerOf(neonHttp),
  "neon-websocket": answerOf(neonWebSocket),
};

interface Env {
  readonly PLACE: Place;
  /** Bound where the cell goes through Hyperdrive. */
  readonly HYPERDRIVE?: { readonly connectionString: string };
}

export default {
  async fetch(request: Request, { PLACE, HYPERDRIVE }: Env): Promise<Response> {
    const [, name = ""] = new URL(request.url).pathname.split("/");
    const answer = CELLS[name];
    if (answer === undefined) return new Response(null, { status: 404 });
    const place =
      HYPERDRIVE === undefined
        ? PLACE
        : { ...PLACE, directUrl: PLACE.databaseUrl, databaseUrl: HYPERDRIVE.connectionString };
    return answer(request.url, place);
  },
};
