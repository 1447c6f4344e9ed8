import { migrate } from "pqrun/migrate";

import { executor, sql } from "./store.ts";

// `npx pqrun migrate` does the same where pg or postgres is installed; here there is Bun's own driver alone.
console.info(await migrate(executor));
await sql.close();
