import { SQL } from "bun";
import { PgJobStore } from "pqrun";
import { bunExecutor } from "pqrun/bun";

import { jobs } from "./jobs.ts";

const { DATABASE_URL } = process.env;
if (DATABASE_URL === undefined) throw new Error("DATABASE_URL is not set");

/** Connects with the first statement; whoever is done closes it. */
export const sql = new SQL(DATABASE_URL);
export const executor = bunExecutor(sql);
export const store = new PgJobStore(executor, { jobs, logger: console });
