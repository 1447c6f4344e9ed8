// The parts of the peers that the benchmark calls. So declared, the rest of the repository is checked without them.

declare module "graphile-worker" {
  export interface JobSpec {
    readonly identifier: string;
    readonly payload: unknown;
  }
  export interface WorkerUtils {
    migrate(): Promise<void>;
    addJob(identifier: string, payload: unknown): Promise<unknown>;
    addJobs(specs: readonly JobSpec[]): Promise<unknown>;
    release(): Promise<void>;
  }
  export interface Runner {
    stop(): Promise<void>;
  }
  export interface SharedOptions {
    readonly connectionString: string;
    readonly maxPoolSize?: number;
    readonly logger?: Logger;
    readonly preset?: { readonly worker: Readonly<Record<string, unknown>> };
  }
  export interface RunnerOptions extends SharedOptions {
    readonly concurrency: number;
    readonly noHandleSignals: boolean;
    readonly taskList: Readonly<
      Record<
        string,
        (payload: unknown, helpers: { readonly job: { readonly id: string } }) => void | Promise<void>
      >
    >;
  }
  export class Logger {
    constructor(factory: (scope: unknown) => (level: string, message: string) => void);
    error(message: string): void;
  }
  export function makeWorkerUtils(options: SharedOptions): Promise<WorkerUtils>;
  export function run(options: RunnerOptions): Promise<Runner>;
}

declare module "pg-boss" {
  export interface Job<T> {
    readonly id: string;
    readonly data: T;
  }
  export interface PgBossOptions {
    readonly connectionString: string;
    readonly useListenNotify?: boolean;
  }
  export class PgBoss {
    constructor(options: PgBossOptions);
    on(event: "error", listener: (error: Error) => void): this;
    start(): Promise<this>;
    stop(options?: { readonly graceful?: boolean }): Promise<void>;
    createQueue(name: string, options?: { readonly notify?: boolean }): Promise<void>;
    send(name: string, data: object): Promise<string | null>;
    insert(name: string, jobs: readonly { readonly data: object }[]): Promise<unknown>;
    fetch<T>(name: string, options: { readonly batchSize: number }): Promise<Job<T>[]>;
    complete(name: string, ids: readonly string[]): Promise<unknown>;
    work<T>(name: string, handler: (jobs: Job<T>[]) => Promise<void>): Promise<string>;
  }
}

declare module "bullmq" {
  export type BackendFactory = (...given: never[]) => unknown;
  export const createPostgresBackend: BackendFactory;
  export interface QueueOptions {
    readonly connection: { readonly connectionString: string; readonly max: number };
  }
  export interface Job<T> {
    readonly id?: string;
    readonly data: T;
  }
  export class Queue<T> {
    constructor(name: string, options: QueueOptions, backend: BackendFactory);
    on(event: "error", listener: (error: Error) => void): this;
    add(name: string, data: T): Promise<unknown>;
    addBulk(jobs: readonly { readonly name: string; readonly data: T }[]): Promise<unknown>;
    close(): Promise<void>;
  }
  export class Worker<T> {
    constructor(
      name: string,
      processor: (job: Job<T>) => Promise<void>,
      options: QueueOptions & { readonly concurrency: number },
      backend: BackendFactory,
    );
    on(event: "error", listener: (error: Error) => void): this;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  }
  export function runMigrations(client: unknown): Promise<void>;
}
