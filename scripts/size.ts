// What an application pays for pqrun: bundled, minified and gzipped, without its driver.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build, type Plugin } from "esbuild";

import { ENTRIES } from "./entries.ts";
import { squeezeSql } from "./squeeze-sql.ts";

/** 1 kB is 1024 bytes. */
const KB = 1024;
const ORMS = ["drizzle", "kysely", "knex", "typeorm", "prisma"] as const;
const ADAPTERS = ["pg", "postgres", "neon", "pglite", "bun"] as const;

interface Bundle {
  readonly name: string;
  readonly source: string;
  /** What it is to be. */
  readonly goalKb: number;
  /** What it must not grow beyond. */
  readonly limitKb: number;
  /** Imports that are not counted, beside packages. */
  readonly without?: RegExp;
}

const store = `export { PgJobStore } from "./${ENTRIES.index}";`;
const bundles: readonly Bundle[] = [
  { name: "enqueue alone (pqrun/producer)", source: all("producer"), goalKb: 6, limitKb: 8.9 },
  ...ADAPTERS.map((adapter) => ({
    name: `enqueue and drain (pqrun, pqrun/${adapter})`,
    source: `export { PgJobStore, drainOnce } from "./${ENTRIES.index}"; ${all(adapter)}`,
    goalKb: 14,
    limitKb: 45,
  })),
  {
    name: "a Hono route that enqueues (pqrun/hono, pqrun/producer, pqrun/neon)",
    source: all("hono", "producer", "neon"),
    goalKb: 7,
    limitKb: 9.5,
  },
  {
    name: "a Worker with a cron (pqrun/cloudflare, PgJobStore, pqrun/neon)",
    source: `${store} ${all("cloudflare", "neon")}`,
    goalKb: 20,
    limitKb: 41.9,
  },
  {
    name: "a route that drains (pqrun/fetch, PgJobStore, pqrun/neon)",
    source: `${store} export { drainRoute } from "./${ENTRIES.fetch}"; ${all("neon")}`,
    goalKb: 20,
    limitKb: 41.9,
  },
  {
    name: "a worker in a container (pqrun, pqrun/node, pqrun/pg)",
    source: all("index", "node", "pg"),
    goalKb: 26,
    limitKb: 55.9,
  },
  {
    name: "the dashboard's own code (pqrun/dashboard, without the core)",
    source: all("dashboard"),
    goalKb: 10,
    limitKb: 10,
    without: /\/core\//,
  },
  ...ORMS.map((orm) => ({
    name: `an ORM's transactions (pqrun/${orm}, without the core)`,
    source: all(orm),
    goalKb: 0.4,
    limitKb: 0.4,
    without: /\/core\//,
  })),
];

function all(...entries: readonly (keyof typeof ENTRIES)[]): string {
  return entries.map((entry) => `export * from "./${ENTRIES[entry]}";`).join(" ");
}

function leaveOut(filter: RegExp): Plugin {
  return {
    name: "leave-out",
    setup: (build) => {
      build.onResolve({ filter }, () => ({ path: "core", external: true }));
    },
  };
}

async function gzippedBytes({ source, without }: Bundle): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: source, loader: "ts", resolveDir: fileURLToPath(new URL("../", import.meta.url)) },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    packages: "external",
    plugins: [squeezeSql, ...(without === undefined ? [] : [leaveOut(without)])],
  });
  return gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
}

console.log("minified and gzipped; 1 kB = 1024 bytes");
for (const bundle of bundles) {
  const { name, goalKb, limitKb } = bundle;
  const kb = (await gzippedBytes(bundle)) / KB;
  if (kb > limitKb) process.exitCode = 1;
  const mark = kb > limitKb ? "✗" : "✓";
  const missed = kb > goalKb ? `, ${(kb - goalKb).toFixed(1)} kB above the goal of ${goalKb} kB` : "";
  console.log(`${mark} ${kb.toFixed(2).padStart(6)} kB of at most ${limitKb} kB  ${name}${missed}`);
}
