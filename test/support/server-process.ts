import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

import { uponDeath } from "./upon-death.ts";

/** A user that every system has. */
export const NOBODY = 65534;
export const isRoot = process.getuid?.() === 0;
/** PostgreSQL and PgBouncer refuse to run as root; then they run as nobody. */
export const unprivileged = isRoot ? { uid: NOBODY, gid: NOBODY } : {};

/** How to tell that a server is up, and how to end it. */
export interface ServerOptions {
  readonly cwd: string;
  /** What it says on stderr once it can be connected to. */
  readonly ready: string;
  /** The signal at which it ends its sessions and itself. */
  readonly stop: NodeJS.Signals;
}

/** A program that serves until it is stopped. */
export interface ServerProcess {
  stop(): Promise<void>;
  /** Ends it with SIGKILL. Resolves once its last child, which has its stderr, is gone too. */
  kill(): Promise<void>;
}

/** Starts a server, and waits until it is up. */
export async function startServer(
  program: string,
  args: readonly string[],
  { cwd, ready, stop }: ServerOptions,
): Promise<ServerProcess> {
  const child = spawn(program, args, { ...unprivileged, cwd, stdio: ["ignore", "ignore", "pipe"] });
  // A run that is killed, however, must leave no server behind.
  const death = uponDeath('kill -s QUIT "$1"', [String(child.pid)]);
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => {
      death.forget();
      resolve();
    });
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await closed;
  };
  await saying(ready, program, child);
  return { stop: () => end(stop), kill: () => end("SIGKILL") };
}

function saying(ready: string, program: string, child: ChildProcess): Promise<void> {
  const said = collect(child);
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", () => {
      if (said().includes(ready)) resolve();
    });
    child.once("error", reject);
    child.once("close", (code) => {
      reject(new Error(`${program} ended with ${String(code)}: ${said()}`));
    });
  });
}

/** The last few thousand characters of what a program says: enough to explain why it failed. */
export function collect(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-4000);
    });
  }
  return () => text.trim();
}

/** A port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
