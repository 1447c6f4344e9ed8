import { promise } from "./messages/in-vitest.ts";

promise("pg");
promise("pg, prepared");
