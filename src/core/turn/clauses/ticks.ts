import { TICK, rowText } from "../answer-rows.ts";
import { quoteLiteral } from "../../sql/table-names.ts";
import type { TableNames } from "../../sql/table-names.ts";
import type { TurnVariant } from "./clause.ts";

/** Whether the table keeps the history of attempts, and lets the role write it: 'errors', or NULL. */
function keepsErrorsText(jobs: string): string {
  return `(SELECT 'errors' FROM pg_attribute a WHERE a.attrelid = ${quoteLiteral(jobs)}::regclass AND a.attname = 'errors'
           AND NOT a.attisdropped AND has_column_privilege(a.attrelid, a.attnum, 'UPDATE'))`;
}

/** Asks for {@link keepsErrorsText} alone. */
export function keepsErrorsQuestionText({ jobs }: Pick<TableNames, "jobs">): string {
  return `SELECT ${keepsErrorsText(jobs)} AS a`;
}

/** Milliseconds until the next tick of a schedule, 0 where there may be one; and whether the table keeps errors by now, where it did not; and whether there are limits of the types, or may be. */
export function tickRowsText({
  names: { schedules: table, jobs, limits: limitTable },
  scope,
  schedules,
  errors,
  limits,
}: TurnVariant): string {
  const inMs = schedules
    ? `(SELECT ceil(1000 * extract(epoch FROM s.next_tick - now()))::int8 FROM ${table} s
         WHERE s.next_tick IS NOT NULL ORDER BY s.next_tick LIMIT 1)::text`
    : `CASE WHEN has_table_privilege(to_regclass(${quoteLiteral(table)}), 'SELECT') THEN '0' END`;
  const unknown = `CASE WHEN has_table_privilege(to_regclass(${quoteLiteral(limitTable)}), 'SELECT') THEN 'true' END`;
  const some = `EXISTS (SELECT 1 FROM ${limitTable} g WHERE g.name IN (SELECT x.t FROM json_to_recordset(:places) AS x(t text)))::text`;
  const exist = scope !== "whole" || limits === "kept" ? "NULL" : limits === "unknown" ? unknown : some;
  return `SELECT ${rowText("'tick'", TICK, { inMs, keepsErrors: errors ? "NULL" : keepsErrorsText(jobs), limits: exist })}`;
}
