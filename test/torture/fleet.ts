import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { openTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { VARIABLE, type Driver, type Role, type Task } from "./task.ts";

const SCRIPT = fileURLToPath(new URL("process.ts", import.meta.url));

/** Where all processes come from. */
export interface Origin {
  readonly url: string;
  readonly neonEndpoint: string;
  readonly folder: string;
  readonly seed: number;
}

/** A place in the fleet, with a proxy of its own, filled again whenever its process dies. */
export class Slot {
  readonly role: Role;
  readonly driver: Driver;
  readonly proxy: TcpProxy;
  child: ChildProcess | undefined;
  name = "";
  respawns = 0;
  #generation = 0;
  #open = true;
  /** What its incarnations are named after; its sessions bear it as application_name. */
  readonly label: string;
  readonly #origin: Origin;

  private constructor(label: string, role: Role, driver: Driver, origin: Origin, proxy: TcpProxy) {
    this.label = label;
    this.role = role;
    this.driver = driver;
    this.#origin = origin;
    this.proxy = proxy;
  }

  static async open(label: string, role: Role, driver: Driver, origin: Origin): Promise<Slot> {
    const target = new URL(driver === "neon" ? origin.neonEndpoint : origin.url);
    const proxy = await openTcpProxy({ host: "127.0.0.1", port: Number(target.port) });
    return new Slot(label, role, driver, origin, proxy);
  }

  /** Starts its process; a producer's runs once, the others again and again. */
  start(work: { readonly jobs: number; readonly rate: number } = { jobs: 0, rate: 0 }): ChildProcess {
    this.#generation += 1;
    this.name = `${this.label}.${String(this.#generation)}`;
    const { url, neonEndpoint, folder, seed } = this.#origin;
    const through = (address: string): string => {
      const proxied = new URL(address);
      proxied.port = String(this.proxy.port);
      return proxied.href;
    };
    const task: Task = {
      ...{ role: this.role, name: this.name, driver: this.driver, folder, seed, ...work },
      url: named(this.driver === "neon" ? url : through(url), this.label),
      neonEndpoint: this.driver === "neon" ? through(neonEndpoint) : neonEndpoint,
    };
    const child = startProcess(task);
    this.child = child;
    if (this.role === "producer") return child;
    child.once("exit", () => {
      if (!this.#open) return;
      this.respawns += 1;
      this.start();
    });
    return child;
  }

  async close(): Promise<void> {
    this.#open = false;
    const { child } = this;
    if (child?.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    await this.proxy.close();
  }
}

/** A process of the run; it ends with this one. */
export function startProcess(task: Task): ChildProcess {
  const child = fork(SCRIPT, [], {
    env: { ...process.env, [VARIABLE]: JSON.stringify(task) },
    stdio: ["ignore", "inherit", "ignore", "ipc"],
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

function named(address: string, label: string): string {
  const url = new URL(address);
  url.searchParams.set("application_name", label);
  return url.href;
}
