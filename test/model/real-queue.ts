import { deepStrictEqual } from "node:assert/strict";

import { Client, type QueryResult } from "pg";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import type { Job } from "../../src/core/job.ts";
import { isJobStatus } from "../../src/core/job.ts";
import { ScheduleStore } from "../../src/core/schedules/schedule-store.ts";
import type { ModelJob } from "./model-job.ts";

type Row = Readonly<Record<string, string | null>>;

/** The type of the jobs that a trigger refuses to have picked up, within {@link RealQueue.refusing}. */
export const REFUSED_TYPE = "b";

/** What the application has put on the table. */
const APPLICATION = `
CREATE TABLE refs (job_id int8 NOT NULL REFERENCES jobs (id));
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER skip BEFORE INSERT ON jobs FOR EACH ROW WHEN (new.payload ? 'skip') EXECUTE FUNCTION skip();
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN IF current_setting(''model.refuses'', true) = ''yes'' THEN RAISE ''the application refuses it''; END IF; RETURN new; END';
CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW
  WHEN (old.job_type = '${REFUSED_TYPE}' AND old.status = 'READY' AND new.status IN ('RUNNING', 'FAILED'))
  EXECUTE FUNCTION refuse()`;

/** The columns that hold a time, by their names in the model. */
const TIMES = {
  runAfter: "run_after",
  lockedAt: "locked_at",
  leaseEnd: "lease_expires_at",
  finishedAt: "finished_at",
  scheduledFor: "scheduled_for",
  createdAt: "created_at",
  updatedAt: "updated_at",
} as const;

/** In whole milliseconds, up: a Date knows no microseconds, and lies at most one millisecond before its model. */
const sinceMs = (time: string, since: string): string =>
  `ceil(round((extract(epoch FROM ${time} - ${since}) * 1000)::numeric, 3))`;

const ROWS = `SELECT id::text, job_type AS type, payload::text, status::text, priority::text, attempts::text,
  max_attempts::text, released::text, timeout_seconds::text, dedupe_key, schedule, locked_by, lease_holder, last_error,
  result::text, duration_ms::text, j::text || j.ctid || j.xmin AS image,
  ${Object.values(TIMES)
    .map((time) => `${sinceMs(`j.${time}`, "now()")}::text AS ${time}`)
    .join(", ")} FROM jobs j`;

/** A row as it was read: what the model must say of it, and all of it that a write would change. */
export interface RealRow {
  readonly job: ModelJob;
  readonly image: string;
}

/**
 * The store over one connection, and the clock of the model in it.
 *
 * The database's clock can't be held, so the rows are moved: each command is a
 * transaction, in which `now()` stands still, and which begins by moving all
 * times in the table to where they were, seen from `now()`, when the last one
 * ended, less the time that is to have passed. So a lease that ends now ends
 * now, to the microsecond, however slow the machine is.
 */
export class RealQueue {
  readonly client: Client;
  readonly store: ScheduleStore;
  /** A handler's own transaction beside it. */
  readonly #other: Client;
  readonly #later: (() => Promise<void>)[] = [];
  #last = "now()";
  #nowMs = 0;

  constructor(client: Client, other: Client) {
    this.client = client;
    this.#other = other;
    this.store = new ScheduleStore(pgExecutor(client, { prepare: true })).with(client);
  }

  static async open(url: string): Promise<RealQueue> {
    const [client, other] = [await connected(url), await connected(url)];
    await migrate(pgExecutor(client));
    await client.query(`CREATE FUNCTION moved(t timestamptz, last timestamptz, passed float8) RETURNS timestamptz
      LANGUAGE sql STABLE STRICT AS $$ SELECT now() + (${sinceMs("t", "last")}::float8 - passed) * interval '1 ms' $$`);
    await client.query(APPLICATION);
    return new RealQueue(client, other);
  }

  async empty(): Promise<void> {
    await this.#other.query("ROLLBACK");
    await this.client.query("ROLLBACK; TRUNCATE jobs, refs, jobs_waiting, jobs_schedules RESTART IDENTITY");
  }

  async close(): Promise<void> {
    await Promise.all([this.#other.end(), this.client.end()]);
  }

  /** Another session's transaction refers to the job by a foreign key, and stays open. */
  async refer(id: string): Promise<void> {
    await this.#other.query("BEGIN");
    await this.#other.query("INSERT INTO refs (job_id) VALUES ($1)", [id]);
  }

  /** That transaction comes to nothing. */
  async refersNoMore(): Promise<void> {
    await this.#other.query("ROLLBACK");
  }

  /** What is done while the application refuses; it is to fail, and so to be undone. */
  refusing<T>(work: () => Promise<T>): Promise<T> {
    return this.attempt(async () => {
      await this.client.query("SELECT set_config('model.refuses', 'yes', true)");
      return await work();
    });
  }

  /** Begins a command, so much time having passed since the last. @returns the rows' images. */
  async begin(passedMs: number): Promise<ReadonlyMap<string, string>> {
    const moved = Object.values(TIMES).map((time) => `${time} = moved(${time}, ${this.#last}, ${passedMs})`);
    const [, , , clock, images] = await this.#several(
      `BEGIN; UPDATE jobs SET ${moved.join(", ")};
       UPDATE jobs_schedules SET next_tick = moved(next_tick, ${this.#last}, ${passedMs});
       SELECT quote_literal(now()) || '::timestamptz' AS now, (extract(epoch FROM now()) * 1000)::float8::text AS ms;
       SELECT id::text, j::text || j.ctid || j.xmin AS image FROM jobs j`,
    );
    const [now] = clock?.rows ?? [];
    this.#last = now?.["now"] ?? "now()";
    this.#nowMs = Number(now?.["ms"]);
    return new Map(images?.rows.map(({ id, image }) => [id ?? "", image ?? ""]));
  }

  /** Ends a command. @returns the rows by id, their times by the model's clock. */
  async end(now: number): Promise<ReadonlyMap<string, RealRow>> {
    const [rows] = await this.#several(`${ROWS} ORDER BY j.id; COMMIT`);
    for (const work of this.#later.splice(0)) await work();
    return new Map(rows?.rows.map((row) => [row["id"] ?? "", readRow(row, now)]));
  }

  /** What another session is to do once the command is committed: before that it would wait for it. */
  later(work: () => Promise<void>): void {
    this.#later.push(work);
  }

  /** What fails here ends no transaction. */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    await this.client.query("SAVEPOINT attempt");
    try {
      const answer = await work();
      await this.client.query("RELEASE attempt");
      return answer;
    } catch (error) {
      await this.client.query("ROLLBACK TO attempt");
      throw error;
    }
  }

  /** A moment so far from the database's now, as an application would say it. */
  date(fromNowMs: number): Date {
    return new Date(Math.floor(this.#nowMs) + fromNowMs);
  }

  /** A moment that the database told, by the model's clock. */
  time<T extends Date | null>(date: T, now: number): T extends null ? null : number;
  time(date: Date | null, now: number): number | null {
    return date === null ? null : now + Math.ceil(date.getTime() - this.#nowMs);
  }

  /** A whole job as the store tells it, as the model knows it. */
  job(job: Job, now: number): Omit<ModelJob, "leaseHolder" | "released"> {
    const {
      status,
      leaseExpiresAt,
      runAfter,
      lockedAt,
      finishedAt,
      scheduledFor,
      createdAt,
      updatedAt,
      ...others
    } = job;
    const { payloadText, resultText, errors, headers, ...rest } = others;
    if (!isJobStatus(status)) throw new Error(`no state: ${status}`);
    deepStrictEqual(JSON.parse(payloadText), rest.payload);
    deepStrictEqual(JSON.parse(resultText ?? "null"), rest.result);
    // The model enqueues without.
    deepStrictEqual(headers, {});
    // The newest entry is of this attempt or an earlier one, unless the job began anew.
    deepStrictEqual(errors.length <= 10 && errors.every(({ attempt }) => attempt >= 1), true);
    return {
      ...rest,
      status,
      leaseEnd: this.time(leaseExpiresAt, now),
      runAfter: this.time(runAfter, now),
      lockedAt: this.time(lockedAt, now),
      finishedAt: this.time(finishedAt, now),
      scheduledFor: this.time(scheduledFor, now),
      createdAt: this.time(createdAt, now),
      updatedAt: this.time(updatedAt, now),
    };
  }

  async #several(text: string): Promise<readonly QueryResult<Row>[]> {
    const results: unknown = await this.client.query(text);
    return results as QueryResult<Row>[];
  }
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined); // The database is dropped under it at the end.
  await client.connect();
  return client;
}

function readRow(row: Row, now: number): RealRow {
  const number = (name: string): number => Number(row[name] ?? Number.NaN);
  const maybe = (name: string): number | null => (row[name] === null ? null : number(name));
  const json = (name: string): unknown => JSON.parse(row[name] ?? "null");
  const text = (name: string): string | null => row[name] ?? null;
  const time = (name: keyof typeof TIMES): number => now + number(TIMES[name]);
  const maybeTime = (name: keyof typeof TIMES): number | null =>
    row[TIMES[name]] === null ? null : time(name);
  const status = row["status"];
  if (!isJobStatus(status)) throw new Error(`no state: ${String(status)}`);
  const job: ModelJob = {
    id: row["id"] ?? "",
    type: row["type"] ?? "",
    payload: json("payload"),
    status,
    priority: number("priority"),
    attempts: number("attempts"),
    maxAttempts: number("max_attempts"),
    released: number("released"),
    runAfter: time("runAfter"),
    timeoutSeconds: maybe("timeout_seconds"),
    dedupeKey: text("dedupe_key"),
    schedule: text("schedule"),
    scheduledFor: maybeTime("scheduledFor"),
    lockedBy: text("locked_by"),
    lockedAt: maybeTime("lockedAt"),
    leaseHolder: text("lease_holder"),
    leaseEnd: maybeTime("leaseEnd"),
    lastError: text("last_error"),
    result: json("result"),
    durationMs: maybe("duration_ms"),
    finishedAt: maybeTime("finishedAt"),
    createdAt: time("createdAt"),
    updatedAt: time("updatedAt"),
  };
  return { job, image: row["image"] ?? "" };
}
