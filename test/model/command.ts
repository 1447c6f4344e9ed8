import { deepStrictEqual, strictEqual } from "node:assert/strict";

import type fc from "fast-check";

import type { Fence, JobStatus } from "../../src/core/job.ts";
import type { ModelJob } from "./model-job.ts";
import { QueueModel } from "./queue-model.ts";
import type { RealQueue } from "./real-queue.ts";
import { nothingMet, type Met } from "./tally.ts";

/** What a run knows beside the table: the model, and every attempt that was ever handed out. */
export class World {
  readonly model = new QueueModel();
  /** Most of them zombies, after a while. */
  readonly held: Fence[] = [];
  readonly met: Met;
  #pickUps = 0;

  constructor(met: Met) {
    this.met = met;
  }

  /**
   * The nth attempt from the last, round and round: of those that hold their job, if any does; of those
   * whose job another attempt holds, if any is; or of all.
   */
  attempt(n: number): Fence {
    const running = this.held.filter(({ id }) => this.model.jobs.get(id)?.status === "RUNNING");
    const holds = ({ id, lockedBy }: Fence): boolean => this.model.jobs.get(id)?.lockedBy === lockedBy;
    const preferred = [running.filter(holds), running.filter((job) => !holds(job)), this.held][n % 3] ?? [];
    return nthOfLast(preferred.length > 0 ? preferred : this.held, Math.floor(n / 3)) ?? NOBODYS;
  }

  /** The id of the nth job from the last, round and round: for an even n of those in that state, if any is. */
  id(n: number, status?: JobStatus): string {
    const all = this.model.all();
    const like = all.filter((job) => job.status === status);
    return nthOfLast(n % 2 === 0 && like.length > 0 ? like : all, Math.floor(n / 2))?.id ?? NOBODYS.id;
  }

  /** A worker's id with a nonce that no other pick-up has. */
  nonce(worker: string): string {
    this.#pickUps += 1;
    return `${worker}:${this.#pickUps}`;
  }
}

function nthOfLast<T>(list: readonly T[], n: number): T | undefined {
  return list.at(-1 - (n % Math.max(1, list.length)));
}

/** Where there is none. */
const NOBODYS: Fence = { id: "999999999", attempts: 1, lockedBy: "nobody:0" };

/** Does one command to both and compares what they answer. The table is compared after it. */
export type Act<I> = (input: I, world: World, real: RealQueue) => Promise<void>;

/** What a kind of command may differ in. */
export interface CommandOptions {
  /** Time that passes before it. */
  readonly passesMs?: number;
  /** Whether it is the call of an attempt, alive or not. */
  readonly ofAttempts?: boolean;
}

type Bound = (world: World, real: RealQueue) => Promise<void>;

/** One command with its input. */
export class Command implements fc.AsyncCommand<World, RealQueue> {
  readonly #text: string;
  readonly #name: string;
  readonly #act: Bound;
  readonly #options: Required<CommandOptions>;

  constructor(
    name: string,
    input: unknown,
    act: Bound,
    { passesMs = 0, ofAttempts = false }: CommandOptions,
  ) {
    this.#name = name;
    this.#text = `${name}(${JSON.stringify(input)})`;
    this.#act = act;
    this.#options = { passesMs, ofAttempts };
  }

  /** What needs an attempt is left out as long as there was none. */
  check({ held }: Readonly<World>): boolean {
    return held.length > 0 || !this.#options.ofAttempts;
  }

  async run(world: World, real: RealQueue): Promise<void> {
    const { model } = world;
    world.met.commands.add(this.#name);
    model.now += this.#options.passesMs;
    const images = await real.begin(this.#options.passesMs);
    const before = new Map(model.jobs);
    await this.#act(world, real);
    const rows = await real.end(model.now);
    deepStrictEqual(
      [...rows.values()].map(({ job }) => job),
      model.all(),
      `the table after ${this.#text}`,
    );
    for (const [id, image] of images) {
      if (model.jobs.get(id) !== before.get(id)) continue;
      strictEqual(rows.get(id)?.image, image, `${this.#text} has written job ${id}`);
    }
  }

  /** As a regression test would write it. */
  toString(): string {
    return this.#text;
  }
}

/** A kind of command: called with an input it makes one; `commands` are those of any input. */
export type Kind<I> = ((input: I) => Command) & { readonly commands: fc.Arbitrary<Command> };

/** Makes a kind of command. */
export function kind<I>(
  name: string,
  inputs: fc.Arbitrary<I>,
  act: Act<I>,
  options: (input: I) => CommandOptions = () => ({}),
): Kind<I> {
  const make = (input: I): Command =>
    new Command(name, input, (world, real) => act(input, world, real), options(input));
  return Object.assign(make, { commands: inputs.map(make) });
}

/** Runs these commands on an empty queue. */
export async function replay(real: RealQueue, ...commands: readonly Command[]): Promise<World> {
  await real.empty();
  const world = new World(nothingMet());
  for (const command of commands) await command.run(world, real);
  return world;
}

/** What `get` and `list` tell of a job: no more of its lease than when it ends. */
export function told({
  leaseHolder: _,
  released: __,
  ...job
}: ModelJob): Omit<ModelJob, "leaseHolder" | "released"> {
  return job;
}
