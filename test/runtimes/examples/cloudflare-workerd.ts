import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";

import { Miniflare, type Response } from "miniflare";
import ts from "typescript";
import { onTestFailed } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";
import { program } from "../program.ts";
import type { Outside } from "./cloudflare-outside.ts";

/** A Worker as `wrangler deploy` would upload it. */
export interface Bundle {
  readonly folder: string;
  readonly script: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: string[];
  /** Cron expressions of its triggers. */
  readonly crons: readonly string[];
  /** What wrangler said. */
  readonly output: string;
}

interface RequestOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** After which it counts as hung. @default 45,000 */
  readonly limitMs?: number;
}

/** A Worker in a workerd of its own, which disposing kills. */
export interface RunningWorker extends AsyncDisposable {
  fetch(path: string, init?: RequestOptions): Promise<Response>;
  /** Fires the cron trigger, and waits until the invocation has ended. */
  scheduled(): Promise<{ readonly outcome: string }>;
  /** SIGKILL, whatever runs. */
  kill(): Promise<void>;
}

const REQUEST_LIMIT_MS = 45_000;

/** Runs `wrangler deploy --dry-run`: without an account and without the network. */
export function bundle(folder: string, config: string): Bundle {
  const configPath = `${PROJECT}${folder}/${config}`;
  const outdir = `${PROJECT}${folder}/.dry-run/${config}`;
  const output = execFileSync(
    program("wrangler"),
    ["deploy", "--dry-run", "--config", configPath, "--outdir", outdir, "--upload-source-maps"],
    { cwd: PROJECT + folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], env: quietly() },
  );
  const { main, compatibility_date, compatibility_flags = [], triggers } = readConfig(configPath);
  const script = `${outdir}/${main.replace(/^.*\//, "").replace(/\.ts$/, ".js")}`;
  requireBuiltPackage(`${script}.map`);
  return {
    folder: outdir,
    script,
    output,
    compatibilityDate: compatibility_date,
    compatibilityFlags: compatibility_flags,
    crons: triggers?.crons ?? [],
  };
}

interface WranglerConfig {
  readonly main: string;
  readonly compatibility_date: string;
  readonly compatibility_flags?: string[];
  readonly triggers?: { readonly crons: readonly string[] };
}

/** With comments and trailing commas, which JSON.parse doesn't take. */
function readConfig(path: string): WranglerConfig {
  const { config, error } = ts.parseConfigFileTextToJson(path, readFileSync(path, "utf8")) as {
    readonly config: WranglerConfig;
    readonly error?: ts.Diagnostic;
  };
  if (error !== undefined)
    throw new Error(`${path}: ${ts.flattenDiagnosticMessageText(error.messageText, "\n")}`);
  return config;
}

/** Nothing of wrangler's leaves the machine. */
export function quietly(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG_PATH: `${PROJECT}wrangler-logs`,
    NO_COLOR: "1",
  };
}

function requireBuiltPackage(map: string): void {
  const { sources } = JSON.parse(readFileSync(map, "utf8")) as { readonly sources: readonly string[] };
  const built = sources.some((path) => path.includes("node_modules/pqrun/dist/"));
  if (!built || sources.some((path) => path.includes("src/core/"))) {
    throw new Error(
      `not the built package, but ${sources.filter((path) => path.includes("pqrun")).join(", ")}`,
    );
  }
}

/** What a Worker is bound to. */
export interface Bindings {
  readonly bindings: Record<string, string>;
  /** Binding names to connection strings. */
  readonly hyperdrives?: Record<string, string>;
}

/** Starts it, for one test. All its requests go to `outside`. */
export async function startWorker(
  bundled: Bundle,
  outside: Outside,
  bindings: Bindings,
): Promise<RunningWorker> {
  let log = "";
  const keep = (chunk: Buffer): void => {
    log += chunk.toString();
  };
  const workerd = new Miniflare({
    ...bindings,
    modules: [{ type: "ESModule", path: bundled.script }],
    modulesRoot: bundled.folder,
    compatibilityDate: bundled.compatibilityDate,
    compatibilityFlags: bundled.compatibilityFlags,
    outboundService: outside.answer,
    cf: false,
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      stdout.on("data", keep);
      stderr.on("data", keep);
    },
  });
  onTestFailed(() => {
    console.log(`workerd said:\n${log}`);
  });
  let killed: Promise<void> | undefined;
  const kill = (): Promise<void> => (killed ??= workerd.dispose());
  try {
    await workerd.ready;
  } catch (error) {
    // Of a workerd that did not start it throws the same again.
    await kill().catch(() => undefined);
    throw error;
  }
  return {
    fetch: (path, { limitMs = REQUEST_LIMIT_MS, ...init } = {}) =>
      workerd.dispatchFetch(`https://worker.example${path}`, {
        ...init,
        signal: AbortSignal.timeout(limitMs),
      }),
    scheduled: async () => {
      const worker = await workerd.getWorker();
      return worker.scheduled({ cron: bundled.crons[0] ?? "", scheduledTime: new Date() });
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
