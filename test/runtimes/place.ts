import { afterAll } from "vitest";

import { conformanceDatabase } from "../support/conformance-database.ts";
import { neonStandIn } from "../support/neon-stand-in.ts";
import type { Place } from "./cells/place.ts";

/** A place of its own for one cell: a migrated database, and Neon's stand-in before it. */
export async function freshPlace(): Promise<Place> {
  const { url } = await conformanceDatabase();
  const standIn = await neonStandIn();
  afterAll(() => standIn[Symbol.asyncDispose]());
  return { databaseUrl: url, neonEndpoint: standIn.fetchEndpoint, neonWsProxy: standIn.wsProxy };
}
