import type { TableNames } from "../../sql/table-names.ts";
import { waitsUnpicked } from "../../sql/waits-unpicked.ts";
import { ACTIVE, SKIPPED, WRITTEN, columns, input, nextAfter, sequenceText } from "../enqueue-text.ts";
import type { EnqueueNames } from "../enqueue-text.ts";

/** By which key a job is known, and while its row is in which state. A job has one of the three at most. */
const KEYS = [
  ["dedupe_key", `j.${ACTIVE}`],
  ["idempotency_key", "true"],
  ["debounce_key", waitsUnpicked("j")],
] as const;

/** One text for any of the three. The digit keeps them apart, and changes no order within one. */
const keyOf = (row: string): string =>
  `coalesce(${KEYS.map(([key], n) => `${n} || ${row}.${key}`).join(", ")})`;

const activeText = ({ jobs }: TableNames, row: string, column: string): string =>
  KEYS.map(
    ([key, state]) => `SELECT j.${column} FROM ${jobs} j WHERE j.${key} = ${row}.${key} AND ${state}`,
  ).join(" UNION ALL ");

const nth = (order: string): string =>
  `row_number() OVER (PARTITION BY ${keyOf("x")} ORDER BY ${order}) || concat(' ', ${keyOf("x")})`;

/**
 * Jobs of which some have a key that is none of dedupe: beside the parameters of `keyedManyText`, whose promises hold
 * here too, idempotency keys, debounce keys and seconds: of a throttle its window, by which its key gets
 * the number of the slot; of a debounce the most that it may be put off, from the creation of the job on.
 *
 * What is debounced has a statement of its own, since an INSERT looks for conflicts with one index, or with all and then
 * changes nothing. Of one key in a call it writes the last, into a job that waits or as a new one. A payload goes there by
 * way of `last`: to read it from `excluded` takes the right to read every job's.
 *
 * @param debounces whether some of the jobs are debounced: others go without the right to change a payload
 */
export function keysText(names: EnqueueNames, byDefault = false, debounces = true): string {
  const { also = "" } = names;
  const row = `${WRITTEN}${also}, idempotency_key, debounce_key`;
  /** The key of a limit may be made of the payload, and goes with it. */
  const follows = also.includes("concurrency_key");
  /** Of the first parameter of its own. */
  const first = nextAfter(also);
  const mark = byDefault
    ? nth("CASE WHEN x.debounce_key IS NULL THEN x.place ELSE -x.place END")
    : `nextval((${sequenceText(names)}))`;
  const [id, drawn] = byDefault ? ["", ""] : ["id, ", "mark, "];
  const own = byDefault
    ? `(SELECT x.id, ${nth("n")} AS mark FROM (SELECT *, row_number() OVER () AS n FROM inserted) x WHERE x.fresh)`
    : "(SELECT id, id AS mark FROM inserted)";
  const last = "(SELECT l.by_key FROM last l) -> j.debounce_key";
  const inserting = (which: string, order: string, conflict: string, fresh: string): string => `
  INSERT INTO ${names.jobs} AS j (${id}${row}) OVERRIDING SYSTEM VALUE
  SELECT ${which} ${drawn}${row} FROM input
   WHERE mark IS NOT NULL AND NOT EXISTS (SELECT FROM clash) AND debounce_key ${order}
  ON CONFLICT ${conflict}
  RETURNING id, ${keyOf("j")} AS key, dedupe_key, idempotency_key, debounce_key, ${fresh} AS fresh`;
  const debouncing = debounces
    ? `last AS MATERIALIZED (
  SELECT jsonb_object_agg(debounce_key, jsonb_build_array(payload, seconds${follows ? ", concurrency_key" : ""}) ORDER BY place) AS by_key FROM input WHERE debounce_key IS NOT NULL
),
debounced AS (${inserting(
        "DISTINCT ON (debounce_key)",
        "IS NOT NULL ORDER BY debounce_key, place DESC",
        `(debounce_key) WHERE debounce_key IS NOT NULL AND status = 'READY' AND attempts = 0 AND locked_by IS NULL
  DO UPDATE SET payload = ${last} -> 0, updated_at = now(),${follows ? ` concurrency_key = coalesce(${last} ->> 2, j.concurrency_key),` : ""}
     run_after = greatest(j.run_after, least(excluded.run_after, j.created_at + (${last} ->> 1)::int8 * interval '1 s'))
   WHERE j.job_type = excluded.job_type`,
        "j.xmax = 0",
      )}),
`
    : "";
  return `
WITH input AS MATERIALIZED (
  SELECT x.*, ${keyOf("x")} AS key, ${mark} AS mark FROM (
    SELECT x.place, ${input(also)},
           nullif(x.idempotency_key, '') || coalesce(':' || floor(extract(epoch FROM now()) / nullif(x.seconds, -1))::int8, '') AS idempotency_key,
           nullif(x.debounce_key, '') AS debounce_key, x.seconds
      FROM ${columns(also)}, $${first}::text::text[], $${first + 1}::text::text[], $${first + 2}::text::int8[])
             WITH ORDINALITY AS x(${WRITTEN}, delay${also}, idempotency_key, debounce_key, seconds, place)) x
),
clash AS MATERIALIZED (
  SELECT FROM input i WHERE i.job_type <> (${activeText(names, "i", "job_type")}) LIMIT 1
),
kept AS (${inserting("", "IS NULL ORDER BY key, place", "DO NOTHING", "true")}),
${debouncing}inserted AS (SELECT * FROM kept${debounces ? " UNION ALL SELECT * FROM debounced" : ""}),
paired AS MATERIALIZED (
  SELECT i.*, own.id FROM input i LEFT JOIN ${own} own ON own.mark = i.mark
)
SELECT coalesce(p.id, twin.id, (${activeText(names, "p", "id")}))::text AS id,
       CASE WHEN p.mark IS NOT NULL THEN (p.id IS NOT NULL)::text END AS created,
       CASE WHEN p.id IS NULL AND twin.id IS NULL THEN (${activeText(names, "p", "job_type")}) END AS type
  FROM paired p LEFT JOIN inserted twin ON twin.key = p.key
 WHERE (SELECT CASE WHEN EXISTS (SELECT FROM clash) OR count(id) = (SELECT count(*) FROM inserted WHERE fresh)
                         AND NOT bool_or(id IS NULL AND key IS NULL AND mark IS NOT NULL) THEN 'true'
                    ELSE '${SKIPPED}' || count(id) END FROM paired)::bool
 ORDER BY p.place`;
}
