import { promise } from "./messages/in-vitest.ts";

promise("postgres.js");
promise("postgres.js, prepared");
