import { InvalidInputError } from "../errors.ts";
import type { SqlRow, SqlStatement } from "../executor.ts";
import { NEVER_CACHED, cells, numberOrNull } from "../job.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import { LOOK } from "../sql/small-indexes.ts";
import type { TableNames } from "../sql/table-names.ts";
import { checkWhole } from "../values/check-number.ts";
import { checkJobTypes } from "../values/check-names.ts";
import { checkOptions } from "../values/known-options.ts";

/** What an operator sets for a type of job: it goes before what the workers' code says. */
export interface TypeLimits {
  /** Most jobs that run at once, from 0; null for as the code says. @default as it is */
  readonly total?: number | null | undefined;
  /** Most jobs of one concurrency key that run at once, from 1; null for as the code says. @default as it is */
  readonly perKey?: number | null | undefined;
  /** Most starts within any so many seconds; null for as the code says. @default as it is */
  readonly rate?: { readonly limit: number; readonly seconds: number } | null | undefined;
}

/** A type that is paused or limited. */
export interface LimitedType {
  readonly type: string;
  /** What an operator has set, as of {@link TypeLimits}; null is as the code says. */
  readonly total: number | null;
  readonly perKey: number | null;
  readonly rate: { readonly limit: number; readonly seconds: number } | null;
  /** Whether none of its jobs is picked up. */
  readonly paused: boolean;
  /** How many of its jobs run that count against the limits. */
  readonly running: number;
  /** How many of its jobs are put aside, as their keys have no room; of more than 2,000 that number. */
  readonly putAside: number;
}

interface Store {
  readonly connection: Connection;
}

/** One row a type, by name. */
export function limitsStatement({ limits: table, jobs }: TableNames): SqlStatement {
  const text = `${NEVER_CACHED}
SELECT l.name AS a, l.paused::text AS b, l.total::text AS c, l.per_key::text AS d, l.rate::text AS e, l.rate_seconds::text AS f,
       (SELECT count(*) FROM ${jobs} j WHERE j.status = 'RUNNING' AND j.concurrency_key IS NOT NULL AND j.job_type = l.name)::text AS g,
       (SELECT count(*) FROM (SELECT FROM ${jobs} j WHERE j.status = 'READY' AND j.due_at IS NOT NULL AND j.job_type = l.name LIMIT ${LOOK}) p)::text AS h
  FROM ${table} l ORDER BY l.name`;
  return { text, params: [] };
}

/** Reads one row a type. */
export function readLimits(rows: readonly SqlRow[]): readonly LimitedType[] {
  return rows.map(cells).map(([type, paused, total, perKey, rate, seconds, running, putAside]) => ({
    type: type ?? "",
    paused: paused === "true",
    total: numberOrNull(total),
    perKey: numberOrNull(perKey),
    rate: rate === null ? null : { limit: Number(rate), seconds: Number(seconds) },
    running: Number(running),
    putAside: Number(putAside),
  }));
}

/** The types that have a row of limits: an operator has paused or limited them, or workers whose code limits them have picked up some of their jobs. */
export async function limits({ connection }: Store): Promise<readonly LimitedType[]> {
  return readLimits(await send(connection, "limits", limitsStatement(connection.names), { reads: true }));
}

export function pauseTypeStatement({ limits: table }: TableNames, type: string): SqlStatement {
  const text = `INSERT INTO ${table} AS l (name, paused) VALUES ($1::text, true)
ON CONFLICT (name) DO UPDATE SET paused = true, updated_at = now() WHERE NOT l.paused`;
  return { text, params: [type] };
}

/**
 * Picks up no job of a type until it is resumed; those that run end. Workers that LISTEN heed it within a second, drains
 * with their first statement, and all others within a minute.
 *
 * @throws InvalidInputError for what is no type's name.
 */
export async function pauseType({ connection }: Store, type: string): Promise<void> {
  checkType(type);
  await send(connection, "pauseType", pauseTypeStatement(connection.names, type));
}

/** A row that says nothing else goes, unless pick-ups have counted in it: those under way may be about to look there. */
export function resumeTypeStatement({ limits: table }: TableNames, type: string): SqlStatement {
  const needless = "l.total IS NULL AND l.per_key IS NULL AND l.rate IS NULL AND l.pickups = 0";
  const text = `WITH gone AS (
  DELETE FROM ${table} l WHERE l.name = $1::text AND l.paused AND ${needless} RETURNING 1
),
resumed AS (
  UPDATE ${table} l SET paused = false, updated_at = now()
   WHERE l.name = $1::text AND l.paused AND NOT (${needless}) RETURNING 1
)
SELECT ((SELECT count(*) FROM gone) + (SELECT count(*) FROM resumed))::text AS a`;
  return { text, params: [type] };
}

/** Goes on with a type that was paused. @returns whether it was @throws InvalidInputError for what is no type's name. */
export async function resumeType({ connection }: Store, type: string): Promise<boolean> {
  checkType(type);
  const [row = {}] = await send(connection, "resumeType", resumeTypeStatement(connection.names, type));
  return cells(row)[0] === "1";
}

/** `$2` what is to change, a JSON object of columns: null is as the code says. */
export function setLimitsStatement(
  { limits: table }: TableNames,
  type: string,
  { total, perKey, rate }: TypeLimits,
): SqlStatement {
  const wanted = (column: string, cast: string): string => `(p.wanted->>'${column}')::${cast}`;
  const change = (column: string): string =>
    `${column} = CASE WHEN $2::text::jsonb->'${column}' IS NULL THEN l.${column} ELSE excluded.${column} END`;
  const text = `INSERT INTO ${table} AS l (name, total, per_key, rate, rate_seconds)
SELECT $1::text, ${wanted("total", "int4")}, ${wanted("per_key", "int4")}, ${wanted("rate", "int4")}, ${wanted("rate_seconds", "float8")}
  FROM (SELECT $2::text::jsonb AS wanted) p
ON CONFLICT (name) DO UPDATE SET ${["total", "per_key", "rate", "rate_seconds"].map(change).join(", ")}, updated_at = now()`;
  const columns = {
    total,
    per_key: perKey,
    rate: rate === null ? null : rate?.limit,
    rate_seconds: rate === null ? null : rate?.seconds,
  };
  return { text, params: [type, JSON.stringify(columns)] };
}

const NAMES = { total: true, perKey: true, rate: true } as const satisfies Record<keyof TypeLimits, true>;
const MAX_INT4 = 2_147_483_647;
/** About 25 days. */
const MAX_SECONDS = 2_147_483;

/**
 * Limits a type for all workers, whatever their code says, until it is set to null. Of what is left out nothing changes. What
 * runs goes on, also where it is more than is allowed now.
 *
 * @throws InvalidInputError naming the option.
 */
export async function setLimits({ connection }: Store, type: string, wanted: TypeLimits): Promise<void> {
  checkType(type);
  checkOptions(wanted, NAMES);
  const { total, perKey, rate } = wanted;
  checkNumber("total", total, 0);
  checkNumber("perKey", perKey, 1);
  if (rate !== null && rate !== undefined) {
    checkOptions(rate, { limit: true, seconds: true }, "rate.");
    checkNumber("rate.limit", rate.limit, 0);
    if (!(rate.seconds > 0 && rate.seconds <= MAX_SECONDS))
      throw new InvalidInputError("rate.seconds", `seconds above 0, to ${MAX_SECONDS}`, rate.seconds);
  }
  await send(connection, "setLimits", setLimitsStatement(connection.names, type, wanted));
}

function checkNumber(field: string, value: number | null | undefined, least: number): void {
  if (value !== null && value !== undefined) checkWhole(field, value, least, MAX_INT4);
}

function checkType(type: unknown): void {
  checkJobTypes("type", [type]);
  if (type === "") throw new InvalidInputError("type", "a job type", type);
}
