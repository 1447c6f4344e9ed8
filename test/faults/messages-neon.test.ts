import { promise } from "./messages/in-vitest.ts";

promise("Neon HTTP");
