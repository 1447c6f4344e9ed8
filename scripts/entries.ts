import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);

/**
 * Every file that the package exposes: its name in `dist` to its source. The
 * names are those of the `exports` in package.json, where `index` is `.`.
 */
export const ENTRIES = {
  index: "src/index.ts",
  producer: "src/producer.ts",
  keys: "src/keys.ts",
  limits: "src/limits.ts",
  schedules: "src/schedules.ts",
  steps: "src/steps.ts",
  batch: "src/batch.ts",
  operate: "src/operate.ts",
  runner: "src/runner.ts",
  executor: "src/executor.ts",
  pg: "src/adapters/pg/pg.ts",
  postgres: "src/adapters/postgres/postgres.ts",
  neon: "src/adapters/neon.ts",
  pglite: "src/adapters/pglite.ts",
  bun: "src/adapters/bun.ts",
  drizzle: "src/adapters/orm/drizzle.ts",
  kysely: "src/adapters/orm/kysely.ts",
  knex: "src/adapters/orm/knex.ts",
  typeorm: "src/adapters/orm/typeorm.ts",
  prisma: "src/adapters/orm/prisma.ts",
  conformance: "test/conformance/index.ts",
  migrate: "src/migrate/migrate.ts",
  testing: "src/testing/testing.ts",
  dashboard: "src/dashboard/dashboard.ts",
  hono: "src/integrations/hono.ts",
  cloudflare: "src/integrations/cloudflare.ts",
  metrics: "src/integrations/metrics.ts",
  otel: "src/integrations/otel.ts",
  fetch: "src/integrations/fetch.ts",
  // The name that those who deploy there look for.
  vercel: "src/integrations/fetch.ts",
  node: "src/integrations/node.ts",
  "cli/main": "src/cli/main.ts",
} as const;

/** `pqrun` and `pqrun/<name>` as aliases of their sources, so that examples run in tests without a build. */
export function sourceAliases(): { find: RegExp; replacement: string }[] {
  return Object.entries(ENTRIES)
    .filter(([name]) => !name.includes("/"))
    .map(([name, source]) => ({
      find: name === "index" ? /^pqrun$/ : new RegExp(`^pqrun/${name}$`),
      replacement: fileURLToPath(new URL(source, root)),
    }));
}
