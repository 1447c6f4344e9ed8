import { quoteLiteral } from "../sql/table-names.ts";
import type { TableNames } from "../sql/table-names.ts";
import { ABSENT, USUAL } from "../job.ts";

/** The texts of enqueue: which of them is sent depends on how many jobs there are, and whether one has a dedupe key. */
export interface EnqueueTexts {
  readonly names: EnqueueNames;
  /** One job without a dedupe key. */
  readonly plain: string;
  /** Several without. */
  readonly plainMany: string;
  /** One job with a dedupe key. */
  readonly keyed: string;
  /** Jobs of which some have dedupe keys, their ids drawn from the column's sequence. */
  readonly keyedMany: string;
  /** The same for a table that has no such sequence. */
  readonly keyedManyByDefault: string;
  /** The same texts for jobs of which some have a value of these columns: see {@link EnqueueNames}. */
  readonly also: (columns: string) => EnqueueTexts;
}

/**
 * What a statement fails with, so that nothing is written: a trigger skipped a
 * row, or changed what it is known by. SQL has no RAISE outside a function, but
 * this text is no boolean.
 */
export const SKIPPED = "pqrun: a trigger skipped or changed some jobs; written, and undone: ";

/**
 * The names, and the columns that few jobs have a value of: `", concurrency_key, headers"`. A text without them has no
 * parameters for them either, and goes into a table that has no such columns.
 */
export type EnqueueNames = TableNames & { readonly also?: string };

/** The number of the first parameter behind those of `also`. */
export const nextAfter = (also = ""): number => also.split(",").length + 8;

/** The columns that an enqueue writes, but for the rare ones. */
export const WRITTEN = "job_type, payload, dedupe_key, priority, run_after, max_attempts, timeout_seconds";

/** `$1` – `$8` are the jobs, each a column as an array, which may be shorter where the rest has what is usual; from `$9` on come the rare columns. */
export const columns = (
  also: string,
): string => `unnest($1::text::text[], $2::text::jsonb[], $3::text::text[], $4::text::int4[], $5::text::timestamptz[],
                $6::text::int4[], $7::text::int4[], $8::text::int8[]${also.replace(/\w+/g, (_, at) => `$${at > 2 ? 10 : 9}::text::text[]`)}`;
/** Their values, of a row `x`. */
export const input = (
  also: string,
): string => `x.job_type, x.payload, nullif(x.dedupe_key, '${ABSENT.text}') AS dedupe_key, coalesce(x.priority, ${USUAL.priority}) AS priority,
         coalesce(nullif(x.run_after, '${ABSENT.moment}'), now() + x.delay * interval '1 ms', now()) AS run_after, coalesce(x.max_attempts, ${USUAL.maxAttempts}) AS max_attempts,
         nullif(x.timeout_seconds, ${ABSENT.number}) AS timeout_seconds${also.replace(/\w+/g, (c) => `nullif(x.${c}, '${ABSENT.text}')${c === "headers" ? "::jsonb" : ""} AS ${c}`)}`;

const FIRST_KEY = "($3::text::text[])[1]";
/** While a dedupe key is taken. */
export const ACTIVE = "status IN ('READY', 'RUNNING')";
/** DO NOTHING leaves no dead tuple and takes no lock on the row that is there. */
const UNLESS_ACTIVE = `ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND ${ACTIVE} DO NOTHING`;

/** Without dedupe keys nothing `unless`: a plain INSERT writes less WAL than one that looks for conflicts. */
const insertingText = ({ jobs, also = "" }: EnqueueNames, unless = ""): string => `
WITH inserted AS (
  INSERT INTO ${jobs} (${WRITTEN}${also})
  SELECT ${input(also)}
    FROM ${columns(also)}) AS x(${WRITTEN}, delay${also})
  ${unless}
  RETURNING id
)`;

/** One job. */
export const plainText = (names: EnqueueNames): string => `${insertingText(names)}
SELECT id::text AS id, 'true' AS created FROM inserted`;

/**
 * Ids that come as one text. The last parameter is the number of jobs.
 *
 * The nth id is the nth job's, whatever the column's default is: an INSERT takes
 * its rows one by one as its query gives them, here in the order of the arrays,
 * and gives each back before it takes the next. Only a trigger that skips a row
 * shifts them.
 */
export const plainManyText = (names: EnqueueNames): string => `${insertingText(names)}
SELECT string_agg(id::text, ',') AS id,
       (CASE WHEN count(*)::text = $${nextAfter(names.also)}::text THEN 'true' ELSE '${SKIPPED}' || count(*) END)::bool::text AS created
  FROM inserted`;

/**
 * One job with a dedupe key. The id is NULL where a rival's job was committed
 * after this statement's snapshot was taken: the caller asks again. `type` is
 * that of the job that has the key, where it is not this one.
 */
export const keyedText = (names: EnqueueNames): string => `${insertingText(names, UNLESS_ACTIVE)}
SELECT coalesce(own.id, (${activeText(names, FIRST_KEY)}))::text AS id,
       (own.id IS NOT NULL)::text AS created,
       CASE WHEN own.id IS NULL THEN (${activeText(names, FIRST_KEY, "job_type")}) END AS type
  FROM (SELECT 1) AS one LEFT JOIN inserted own ON true`;

/**
 * Jobs of which some have dedupe keys.
 *
 * The rows are sorted by key, so that two callers with the same keys can't wait
 * for each other in a circle; their ids are drawn before that, so that jobs
 * which are due at once run in the order of the input. Where there is no
 * sequence to draw from, nothing is written and `created` is NULL: the caller
 * sends the text with `byDefault`. Its ids are the column's default, whatever
 * that is, in the order of the keys, by which written rows are known then; those
 * without one are known by their order.
 *
 * Where a key is active under another type nothing at all is written, which the
 * caller sees by `type`. To fail would end a transaction of the caller's.
 *
 * It fails where a row that was written is no input's, or an input without a key
 * has none: a trigger skipped or changed it.
 */
export function keyedManyText(names: EnqueueNames, byDefault = false): string {
  const { also = "" } = names;
  const row = `${WRITTEN}${also}`;
  // The subselect looks for the sequence once, not for each row.
  const mark = byDefault ? nth("x.place") : `nextval((${sequenceText(names)}))`;
  const [id, drawn] = byDefault ? ["", ""] : ["id, ", "mark, "];
  const own = byDefault ? writtenText() : "(SELECT id, id AS mark FROM inserted)";
  return `
WITH input AS MATERIALIZED (
  SELECT x.place, ${input(also)}, ${mark} AS mark
    FROM ${columns(also)}) WITH ORDINALITY AS x(${WRITTEN}, delay${also}, place)
),
clash AS MATERIALIZED (
  SELECT FROM input i JOIN ${names.jobs} j ON j.dedupe_key = i.dedupe_key AND j.${ACTIVE} AND j.job_type <> i.job_type LIMIT 1
),
inserted AS (
  INSERT INTO ${names.jobs} (${id}${row}) OVERRIDING SYSTEM VALUE
  SELECT ${drawn}${row} FROM input WHERE mark IS NOT NULL AND NOT EXISTS (SELECT FROM clash) ORDER BY dedupe_key, place
  ${UNLESS_ACTIVE}
  RETURNING id, dedupe_key
),
paired AS MATERIALIZED (
  SELECT i.place, i.dedupe_key, i.mark, own.id FROM input i LEFT JOIN ${own} own ON own.mark = i.mark
)
SELECT coalesce(p.id, twin.id, (${activeText(names, "p.dedupe_key")}))::text AS id,
       CASE WHEN p.mark IS NOT NULL THEN (p.id IS NOT NULL)::text END AS created,
       CASE WHEN p.id IS NULL AND twin.id IS NULL THEN (${activeText(names, "p.dedupe_key", "job_type")}) END AS type
  FROM paired p LEFT JOIN inserted twin ON twin.dedupe_key = p.dedupe_key
 WHERE (SELECT CASE WHEN EXISTS (SELECT FROM clash) OR count(id) = (SELECT count(*) FROM inserted)
                         AND NOT bool_or(id IS NULL AND dedupe_key IS NULL AND mark IS NOT NULL) THEN 'true'
                    ELSE '${SKIPPED}' || count(id) END FROM paired)::bool
 ORDER BY p.place`;
}

/** What a row is known by among those of its key. */
const nth = (order: string): string =>
  `row_number() OVER (PARTITION BY x.dedupe_key ORDER BY ${order}) || concat(' ', x.dedupe_key)`;

const writtenText = (): string =>
  `(SELECT x.id, ${nth("n")} AS mark FROM (SELECT *, row_number() OVER () AS n FROM inserted) x)`;

const activeText = ({ jobs }: TableNames, key: string, column = "id"): string =>
  `SELECT j.${column} FROM ${jobs} j WHERE j.dedupe_key = ${key} AND j.${ACTIVE}`;

/**
 * The sequence of the ids, whatever column owns it: an identity's, or the one of which
 * the column's default is the next value and nothing else. Otherwise NULL.
 */
export function sequenceText({ jobs }: TableNames): string {
  return `
    SELECT CASE WHEN a.attidentity <> '' THEN pg_get_serial_sequence(a.attrelid::regclass::text, 'id')
                ELSE substring(pg_get_expr(f.adbin, f.adrelid) FROM '^"?nextval"?[(]''([^'']+)''::"?regclass"?[)]$') END::regclass
      FROM pg_attribute a LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
     WHERE a.attrelid = ${quoteLiteral(jobs)}::regclass AND a.attname = 'id'`;
}

/** The texts for one table. */
export function enqueueTexts(names: EnqueueNames): EnqueueTexts {
  const others: Record<string, EnqueueTexts> = {};
  return {
    names,
    plain: plainText(names),
    plainMany: plainManyText(names),
    keyed: keyedText(names),
    keyedMany: keyedManyText(names),
    keyedManyByDefault: keyedManyText(names, true),
    also: (also) => (others[also] ??= enqueueTexts({ ...names, also })),
  };
}
