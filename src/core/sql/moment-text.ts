/**
 * A `timestamptz` as text that no setting of the session changes: whole microseconds since 1970, or `Infinity` where
 * that is no int8. A float8 as text is rounded as `extra_float_digits` says, and by a negative one to years.
 */
export function momentText(expression: string): string {
  const seconds = `date_part('epoch', ${expression})`;
  return `CASE WHEN abs(${seconds}) < 9e12 THEN (${seconds} * 1000000)::int8::text ELSE (${seconds} * 'Infinity')::text END`;
}
