import { neonConfig, Pool } from "@neondatabase/serverless";
import type { PgTransaction } from "pqrun/pg";

import type { Driver } from "../place.ts";
import { openPools } from "./pg-pools.ts";

export const driver: Driver<PgTransaction> = ({ databaseUrl, neonWsProxy, lacks = {} }) => {
  neonConfig.wsProxy = neonWsProxy;
  neonConfig.useSecureWebSocket = false;
  neonConfig.pipelineConnect = false;
  const pool = (max: number) => (): Pool => new Pool({ connectionString: databaseUrl, max });
  return {
    lacks: { extended: "the pg inside it has no queryMode", ...lacks },
    open: () => openPools(pool(6), pool(2)),
  };
};
