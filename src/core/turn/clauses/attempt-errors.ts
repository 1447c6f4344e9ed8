/** The newest of a job's failed attempts are kept, so many of them, each cut to so many characters. */
const MOST_ERRORS = 10;
const MOST_CHARACTERS = 1_000;

/**
 * `errors` of a job `j` with an entry more, for the attempt that ends: an assignment of an UPDATE. A column that is no list,
 * which somebody else has written, must not keep a job from being settled.
 *
 * @param unless a condition under which no attempt has ended; or null
 */
export function keepingError(kind: string, error: string, ms: string, unless: string | null): string {
  const kept = `CASE WHEN jsonb_typeof(j.errors) <> 'array' THEN '[]' WHEN jsonb_array_length(j.errors) >= ${MOST_ERRORS} THEN j.errors - 0 ELSE j.errors END`;
  // The nonce of the pick-up is no part of the worker's name.
  const worker = "regexp_replace(left(j.locked_by, 200), ':[0-9a-f]{8}-[0-9a-f-]{27}$', '')";
  const entry = `jsonb_build_object('attempt', j.attempts, 'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
             'worker', ${worker}, 'durationMs', ${ms}, 'kind', ${kind}, 'error', left(${error}, ${MOST_CHARACTERS}))`;
  const longer = `coalesce(${kept}, '[]') || ${entry}`;
  return `errors = ${unless === null ? longer : `CASE WHEN ${unless} THEN j.errors ELSE ${longer} END`},`;
}
