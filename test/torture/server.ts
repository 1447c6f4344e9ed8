/** A PostgreSQL that can be killed: its children, or itself, and it comes back on the same data. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import { clusterUrl, createCluster, importedBinaries, type Cluster } from "../support/postgres-embedded.ts";
import { collect, freePort, unprivileged } from "../support/server-process.ts";

const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "150",
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  restart_after_crash: "on",
  checkpoint_timeout: "60s",
  log_min_messages: "log",
};
const READY = "ready to accept connections";
/** As long as orphans of a killed postmaster hold its memory, a new one refuses to start. */
const START_TRIES = 200;

/** The server under test. */
export class KillableServer {
  readonly url: string;
  readonly #cluster: Cluster;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(cluster: Cluster, port: number) {
    this.#cluster = cluster;
    this.#port = port;
    this.url = clusterUrl(cluster, port);
    process.once("exit", () => this.#child?.kill("SIGQUIT"));
  }

  static async open(): Promise<KillableServer> {
    const server = new KillableServer(await createCluster(await importedBinaries()), await freePort());
    await server.#start();
    return server;
  }

  /** Kills the postmaster and starts it again; PostgreSQL itself judges its stale lock file. */
  async killPostmaster(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    await this.#start();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGQUIT"); // Its data goes with it: nothing to write out.
      await gone;
    }
    this.#child = undefined;
    this.#cluster.remove();
  }

  async #start(): Promise<void> {
    let said = "";
    for (let attempt = 1; attempt <= START_TRIES; attempt += 1) {
      const { child, ready, text } = this.#spawn();
      this.#child = child;
      if (await ready) return;
      said = text();
      await pause(50);
    }
    throw new Error(`PostgreSQL did not come back: ${said}`);
  }

  #spawn(): { child: ChildProcess; ready: Promise<boolean>; text: () => string } {
    const { postgres, data } = this.#cluster;
    const flags = Object.entries({ ...SETTINGS, port: String(this.#port) }).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const child = spawn(postgres, ["-D", data, ...flags], {
      ...unprivileged,
      cwd: data,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const text = collect(child);
    const ready = new Promise<boolean>((resolve) => {
      const heard = (): void => {
        if (!text().includes(READY)) return;
        child.stderr.off("data", heard);
        resolve(true);
      };
      child.stderr.on("data", heard);
      child.once("exit", () => {
        resolve(false);
      });
    });
    return { child, ready, text };
  }
}
