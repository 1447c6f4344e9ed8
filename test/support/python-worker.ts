import { Client } from "pg";

/** Runs one job; what it throws fails the attempt. */
export type PythonHandler = (id: string, type: string) => void | Promise<void>;

/** What a worker of the Python package is told. */
export interface PythonWorkerOptions {
  readonly url: string;
  readonly name: string;
  readonly handlers: Readonly<Record<string, PythonHandler>>;
  /** Seconds after which a RUNNING row without `timeout_seconds` is lost. @default 1,200 */
  readonly staleTimeoutSeconds?: number;
}

const PICK_UP = `
UPDATE jobs SET status = 'RUNNING', attempts = attempts + 1, locked_at = now(), locked_by = $1, updated_at = now()
 WHERE id = (SELECT id FROM jobs WHERE status = 'READY' AND run_after <= now()
              ORDER BY priority DESC, id FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id::text, job_type, attempts, max_attempts`;

/** By id alone, as the Python package does. */
const DONE = `
UPDATE jobs SET status = 'DONE', finished_at = now(), duration_ms = 1, result = '{}', locked_at = NULL,
       locked_by = NULL, updated_at = now() WHERE id = $1`;

const FAILED = `
UPDATE jobs SET status = 'FAILED', finished_at = now(), last_error = $2, locked_at = NULL, locked_by = NULL,
       updated_at = now() WHERE id = $1`;

const RETRY = `
UPDATE jobs SET status = 'READY', run_after = now(), last_error = $2, locked_at = NULL, locked_by = NULL,
       updated_at = now() WHERE id = $1`;

const REAP = `
UPDATE jobs SET status = CASE WHEN attempts >= max_attempts THEN 'FAILED' ELSE 'READY' END::job_status,
       locked_at = NULL, locked_by = NULL, updated_at = now()
 WHERE status = 'RUNNING' AND locked_at < now() - COALESCE(timeout_seconds, $1) * interval '1 second'
RETURNING id::text`;

/** A worker of the Python package's protocol: one job at a time, any type, settled by id alone. */
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

  /** Picks up and runs one job; false where none was due. */
  async step(): Promise<boolean> {
    const job = await this.pickUp();
    if (job === undefined) return false;
    const { id, job_type: type, attempts, max_attempts: most } = job;
    const handler = this.#options.handlers[type];
    if (handler === undefined) {
      await this.#client.query(FAILED, [id, `No handler registered for job type: ${type}`]);
      return true;
    }
    try {
      await handler(id, type);
      await this.#client.query(DONE, [id]);
    } catch (error) {
      await this.#client.query(attempts >= most ? FAILED : RETRY, [id, String(error)]);
    }
    return true;
  }

  /** Takes a job, and may then die with it. */
  async pickUp(): Promise<
    { id: string; job_type: string; attempts: number; max_attempts: number } | undefined
  > {
    const { rows } = await this.#client.query<{
      id: string;
      job_type: string;
      attempts: number;
      max_attempts: number;
    }>(PICK_UP, [this.#options.name]);
    return rows[0];
  }

  /** What Python's reaper takes back. */
  async reap(): Promise<string[]> {
    const { rows } = await this.#client.query<{ id: string }>(REAP, [
      this.#options.staleTimeoutSeconds ?? 1_200,
    ]);
    return rows.map(({ id }) => id);
  }

  /** Works until `isOver` says so, at rest for a tick of the event loop where nothing is due. */
  async run(isOver: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isOver())) await this.step();
  }

  /** Ends its connection, whatever it holds. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }
}
