// A cell on workerd: `GET /<driver>` lists its tests, `GET /<driver>/<index>` runs one inside that request.
import { driver as neonHttp } from "./drivers/neon-http.ts";
import { driver as neonWebSocket } from "./drivers/neon-websocket.ts";
import { driver as pg } from "./drivers/pg.ts";
import { driver as postgres } from "./drivers/postgres.ts";
import type { Driver, Place } from "./place.ts";
import { CellSuite } from "./suite.ts";

const DRIVERS: Readonly<Record<string, Driver>> = {
  pg,
  postgres,
  "neon-http": neonHttp,
  "neon-websocket": neonWebSocket,
};

interface Env {
  readonly PLACE: Place;
  /** Bound where the cell goes through Hyperdrive. */
  readonly HYPERDRIVE?: { readonly connectionString: string };
}

export default {
  async fetch(request: Request, { PLACE, HYPERDRIVE }: Env): Promise<Response> {
    const [, name = "", index] = new URL(request.url).pathname.split("/");
    const driver = DRIVERS[name];
    if (driver === undefined) return new Response(null, { status: 404 });
    const place =
      HYPERDRIVE === undefined
        ? PLACE
        : { ...PLACE, directUrl: PLACE.databaseUrl, databaseUrl: HYPERDRIVE.connectionString };
    const suite = new CellSuite(driver, place);
    return Response.json(index === undefined ? suite.listing() : await suite.run(Number(index)));
  },
};
