import type { TestProject } from "vitest/node";

import { provisionPostgres } from "./postgres-provision.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The server that the tests share. Take a database of your own with `freshDatabase()`. */
    databaseUrl: string;
  }
}

/** Gives the tests one PostgreSQL, and says which. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await provisionPostgres();
  console.log(`PostgreSQL ${server.version}: ${server.origin}`);
  project.provide("databaseUrl", server.url);
  return () => server.stop();
}
