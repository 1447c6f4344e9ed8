import { Client, type CustomTypesConfig } from "pg";

import {
  PYTHON_CANCEL,
  PYTHON_MARK_DONE,
  PYTHON_MARK_ERROR,
  PYTHON_PICK_UP,
  PYTHON_REAP,
  pythonDict,
  pythonNoHandler,
  pythonTraceback,
} from "./python-statements.ts";

/** Runs one job; what it throws fails the attempt, and an object that it returns is the result. */
export type PythonHandler = (id: string, type: string) => unknown;

/** What a worker of the Python package is told. */
export interface PythonWorkerOptions {
  readonly url: string;
  readonly name: string;
  readonly handlers: Readonly<Record<string, PythonHandler>>;
  /** Seconds after which a RUNNING row without `timeout_seconds` is lost. @default 1,200 */
  readonly defaultTimeoutSeconds?: number;
  /** Seconds until a failed attempt is due again; the package's own begin with a minute. @default 0 */
  readonly retryAfterSeconds?: number;
}

/** A job as its pick-up hands it out, as much as a test asks for. */
export interface PythonJob {
  readonly id: string;
  readonly job_type: string;
  readonly attempts: string;
  readonly status: string;
}

type Row = Readonly<Record<string, string | null>>;

/** asyncpg leaves a jsonb's text to the package. */
const AS_TEXT: CustomTypesConfig = { getTypeParser: () => (text: string | Buffer) => String(text) };

/** A worker of the Python package with one loop: its statements, in its order, any type, settled by id alone. */
export class PythonWorker {
  readonly #client: Client;
  readonly #options: PythonWorkerOptions;

  private constructor(options: PythonWorkerOptions, client: Client) {
    this.#options = options;
    this.#client = client;
  }

  static async connect(options: PythonWorkerOptions): Promise<PythonWorker> {
    const client = new Client({ connectionString: options.url });
    client.on("error", () => undefined);
    await client.connect();
    return new PythonWorker(options, client);
  }

  /** Picks up and runs one job; false where none was due. What its pick-up raises is thrown, and leaves the job as it is. */
  async step(): Promise<boolean> {
    const job = await this.pickUp();
    if (job === undefined) return false;
    const { id, job_type: type } = job;
    const handler = this.#options.handlers[type];
    if (handler === undefined) {
      await this.markError(id, pythonNoHandler(type), { terminal: true });
      return true;
    }
    try {
      const result: unknown = await handler(id, type);
      await this.markDone(id, typeof result === "object" ? result : null);
    } catch (error) {
      await this.markError(id, pythonTraceback(String(error)));
    }
    return true;
  }

  /** Takes a job, and may then die with it. @throws TypeError where its payload or result is no object: it is RUNNING then. */
  async pickUp(): Promise<PythonJob | undefined> {
    const [row] = await this.#rows(PYTHON_PICK_UP, [this.#options.name]);
    if (row === undefined) return undefined;
    pythonDict(row["payload"] ?? null);
    pythonDict(row["result"] ?? null);
    return row as unknown as PythonJob;
  }

  /** Without a result what is there stays. */
  async markDone(id: string, result: object | null = null): Promise<void> {
    await this.#rows(PYTHON_MARK_DONE, [id, 1, result === null ? null : JSON.stringify(result)]);
  }

  async markError(id: string, error: string, { terminal = false } = {}): Promise<void> {
    const { retryAfterSeconds = 0 } = this.#options;
    await this.#rows(PYTHON_MARK_ERROR, [id, error, terminal, `${retryAfterSeconds} seconds`, null, null]);
  }

  async cancel(id: string): Promise<void> {
    await this.#rows(PYTHON_CANCEL, [id]);
  }

  /** What its reaper takes back. */
  async reap(): Promise<string[]> {
    const rows = await this.#rows(PYTHON_REAP, [this.#options.defaultTimeoutSeconds ?? 1_200]);
    return rows.map(({ id }) => String(id));
  }

  /** Works until `isOver` says so, at rest for a tick of the event loop where nothing is due. */
  async run(isOver: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isOver())) await this.step();
  }

  /** Ends its connection, whatever it holds. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }

  async #rows(text: string, values: unknown[]): Promise<Row[]> {
    return (await this.#client.query<Row>({ text, values, types: AS_TEXT })).rows;
  }
}
