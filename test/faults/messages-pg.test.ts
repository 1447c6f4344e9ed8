import { promise } from "./messages/in-vitest.ts";

// The other drivers: test/faults/long.
promise("pg");
