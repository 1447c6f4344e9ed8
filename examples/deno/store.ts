import process from "node:process";

import { PgJobStore } from "pqrun";
import { postgresExecutor } from "pqrun/postgres";
import postgres from "postgres";

import { jobs } from "./jobs.ts";

const { DATABASE_URL } = process.env;
if (DATABASE_URL === undefined) throw new Error("DATABASE_URL is not set");

/** Connects with the first statement; whoever is done ends it. */
export const sql = postgres(DATABASE_URL);
export const store = new PgJobStore(postgresExecutor(sql), { jobs, logger: console });
