import { Pool } from "pg";
import type { PgTransaction } from "pqrun/pg";

import type { Driver } from "../place.ts";
import { openPools } from "./pg-pools.ts";

export const driver: Driver<PgTransaction> = ({ databaseUrl, directUrl = databaseUrl, lacks = {} }) => ({
  lacks,
  open: () =>
    openPools(
      () => new Pool({ connectionString: databaseUrl, max: 6 }),
      () => new Pool({ connectionString: directUrl, max: 2 }),
    ),
});
