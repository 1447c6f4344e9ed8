import { DRIVERS, type DriverName } from "../messages/drivers.ts";
import { promise } from "../messages/in-vitest.ts";

// One pass over each driver but plain `pg`, which is in the everyday tests.
for (const name of Object.keys(DRIVERS) as DriverName[]) if (name !== "pg") promise(name);
