import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { Condition } from "./conditions.ts";
import { openTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { allSettings, withSettings, type Setting } from "./settings.ts";
import {
  DRIVERS,
  LEASE_MS,
  VARIABLE,
  callOf,
  randomOf,
  type Member,
  type Order,
  type Place,
  type Task,
} from "./task.ts";
import { WireTap } from "./wire-tap.ts";

const SCRIPT = fileURLToPath(new URL("process.ts", import.meta.url));
const USUAL = { prepare: false, pool: 6, workers: 1, concurrency: 10, leaseMs: LEASE_MS } as const;
/**
 * Six workers on the two connections that LISTEN and a handler's transaction leave: an extension waits its turn, behind
 * those of the others, over a network that may take 200 ms for each, and is given up after a third of a lease.
 */
const CROWDED = { pool: 4, workers: 6, concurrency: 2, leaseMs: 4 * LEASE_MS } as const;

/** Who runs the jobs. */
export const RUNNERS: readonly Place[] = [
  { label: "worker-a", role: "worker", driver: "pg" },
  { label: "worker-b", role: "worker", driver: "postgres", prepare: true },
  { label: "worker-c", role: "worker", driver: "pg", prepare: true },
  { label: "crowd", role: "worker", driver: "pg", ...CROWDED, of: "crowd" },
  { label: "drain-a", role: "drain", driver: "pg" },
  { label: "drain-b", role: "drain", driver: "postgres", prepare: true },
  { label: "drain-c", role: "drain", driver: "neon" },
  { label: "single-a", role: "drain", driver: "pg", concurrency: 1, of: "singles" },
  { label: "single-b", role: "drain", driver: "postgres", concurrency: 1, of: "singles" },
];

/** Who enqueues them. */
export const PRODUCERS: readonly Place[] = DRIVERS.map((driver) => ({
  ...{ label: `producer-${driver}`, role: "producer", driver },
}));

/** Where all processes come from. */
export interface Origin {
  readonly url: string;
  readonly neonEndpoint: string;
  readonly folder: string;
  readonly seed: number;
  readonly without: readonly Condition[];
}

/** A place in the fleet, with a proxy of its own, filled again whenever its process dies. */
export class Slot {
  readonly member: Required<Member>;
  readonly proxy: TcpProxy;
  readonly wire: WireTap;
  child: ChildProcess | undefined;
  name = "";
  respawns = 0;
  /** Once a process of it is up: on a busy machine that takes its time. */
  readonly ready: Promise<void>;
  #isReady: () => void = () => undefined;
  #generation = 0;
  #open = true;
  #quiet = false;
  readonly #origin: Origin;
  /** What its connections ask for; none where the role's and the database's settings are to be its own. */
  readonly #settings: readonly Setting[];

  private constructor(member: Required<Member>, origin: Origin, proxy: TcpProxy, wire: WireTap) {
    this.member = member;
    this.#origin = origin;
    this.proxy = proxy;
    this.wire = wire;
    this.ready = new Promise((resolve) => (this.#isReady = resolve));
    const random = randomOf(origin.seed);
    const plain = origin.without.includes("settings") || random() < 0.5;
    this.#settings = plain ? [] : allSettings(random);
  }

  static async open(member: Member, origin: Origin): Promise<Slot> {
    const target = new URL(member.driver === "neon" ? origin.neonEndpoint : origin.url);
    const wire = new WireTap();
    const proxy = await openTcpProxy({ host: "127.0.0.1", port: Number(target.port) }, { tap: wire.open });
    return new Slot({ ...USUAL, ...member }, origin, proxy, wire);
  }

  /** What its incarnations are named after; its sessions bear their name as application_name. */
  get label(): string {
    return this.member.label;
  }

  /** The job types that its runners alone handle, one each. */
  get calls(): readonly string[] {
    const { role, workers } = this.member;
    return role === "producer" ? [] : Array.from({ length: workers }, (_, nth) => callOf(this.label, nth));
  }

  /** The most backends that its process may have; none is known where a proxy over HTTP opens them. */
  get backends(): number {
    const { driver, pool, role } = this.member;
    // postgres.js LISTENs on a connection beside its pool.
    if (driver === "postgres") return role === "worker" ? pool + 1 : pool;
    return driver === "neon" ? Infinity : pool;
  }

  /** Starts its process; a producer's runs once, the others again and again. */
  start(work = { jobs: 0, rate: this.member.workers > 1 && !this.#quiet ? 1 : 0 }): ChildProcess {
    this.#generation += 1;
    this.name = `${this.label}.${this.#generation}`;
    const { url, neonEndpoint, folder, seed, without } = this.#origin;
    const { driver, role } = this.member;
    const through = (address: string): string => {
      const proxied = new URL(address);
      proxied.port = String(this.proxy.port);
      return proxied.href;
    };
    const address = named(driver === "neon" ? url : through(url), this.name);
    const task: Task = {
      ...{ ...this.member, name: this.name, folder, seed, without, ...work },
      url: this.#settings.length > 0 ? withSettings(address, this.#settings) : address,
      neonEndpoint: driver === "neon" ? through(neonEndpoint) : neonEndpoint,
    };
    const child = startProcess(task);
    this.child = child;
    child.once("message", this.#isReady);
    if (role === "producer") return child;
    child.once("exit", () => {
      if (!this.#open) return;
      this.respawns += 1;
      this.start();
    });
    return child;
  }

  /** Passes an order on to its process, if it is there. */
  tell(order: Order): void {
    if (order === "enqueue no more") this.#quiet = true;
    if (this.child?.connected === true) this.child.send(order, () => undefined);
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

/** The stand-in for Neon's proxy, in a process of its own. @returns it, and where it is */
export async function startStandIn(folder: string): Promise<readonly [ChildProcess, string]> {
  const child = startProcess({
    ...{ ...USUAL, label: "stand-in", role: "stand-in", name: "stand-in", driver: "pg" },
    ...{ url: "", neonEndpoint: "", folder, seed: 0, without: [], jobs: 0, rate: 0 },
  });
  const [endpoint] = (await once(child, "message")) as [string];
  return [child, endpoint];
}

/** A process of the run; it ends with this one. */
function startProcess(task: Task): ChildProcess {
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

function named(address: string, name: string): string {
  const url = new URL(address);
  url.searchParams.set("application_name", name);
  return url.href;
}
