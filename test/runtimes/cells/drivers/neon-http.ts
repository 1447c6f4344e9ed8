import { neon, neonConfig } from "@neondatabase/serverless";
import { neonExecutor } from "pqrun/neon";

import type { Driver } from "../place.ts";
import { emptied } from "../emptied.ts";

const NO_SESSION = "HTTP has no session: a transaction is a batch";

export const driver: Driver = ({ databaseUrl, neonEndpoint, lacks = {} }) => {
  neonConfig.fetchEndpoint = neonEndpoint;
  return {
    lacks: { transaction: NO_SESSION, with: NO_SESSION, listen: "HTTP has no session", ...lacks },
    open: async () => ({
      executor: neonExecutor(neon(databaseUrl)),
      // Each request has a session of its own.
      rival: await emptied(neonExecutor(neon(databaseUrl))),
      close: () => Promise.resolve(),
    }),
  };
};
