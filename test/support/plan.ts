import type { Client } from "pg";

import type { SqlStatement } from "../../src/core/executor.ts";

/** One step of a plan that was carried out. */
export interface PlanStep {
  readonly type: string;
  /** The table, CTE or function that it reads, if any. */
  readonly of: string;
  /** Rows that it looked at, in all its rounds: those it gave on and those it dropped. */
  readonly rows: number;
}

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "CTE Name"?: string;
  readonly "Function Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Join Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly Plans?: readonly Node[];
}

/**
 * Carries a statement out, takes it back, and tells the steps that were really
 * taken.
 *
 * @param generic as a named statement's plan, made without looking at its parameters
 */
export async function planOf(
  client: Client,
  { text, params }: SqlStatement,
  generic = false,
): Promise<readonly PlanStep[]> {
  const explain = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ";
  await client.query("BEGIN");
  try {
    if (!generic) return read(await client.query(explain + text, [...params]));
    await client.query("SET LOCAL plan_cache_mode = force_generic_plan");
    await client.query(`PREPARE planned AS ${text}`);
    const values = params.map((value) => (value === null ? "NULL" : client.escapeLiteral(value))).join(", ");
    return read(await client.query(`${explain} EXECUTE planned${values && `(${values})`}`));
  } finally {
    await client.query("ROLLBACK");
    if (generic) await client.query("DEALLOCATE ALL");
  }
}

/** How many pages a statement looks at, found in memory or not. It is carried out, and taken back. */
export async function pagesOf(client: Client, { text, params }: SqlStatement): Promise<number> {
  await client.query("BEGIN");
  try {
    const { rows } = await client.query<{ "QUERY PLAN": readonly { Plan: Record<string, number> }[] }>(
      `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`,
      [...params],
    );
    const plan = rows[0]?.["QUERY PLAN"][0]?.Plan;
    return (plan?.["Shared Hit Blocks"] ?? Number.NaN) + (plan?.["Shared Read Blocks"] ?? Number.NaN);
  } finally {
    await client.query("ROLLBACK");
  }
}

/** What the planner takes a statement's cost for, before it is carried out. */
export async function estimatedCost(client: Client, { text, params }: SqlStatement): Promise<number> {
  const { rows } = await client.query<{ "QUERY PLAN": readonly { Plan: { "Total Cost": number } }[] }>(
    `EXPLAIN (FORMAT JSON) ${text}`,
    [...params],
  );
  return rows[0]?.["QUERY PLAN"][0]?.Plan["Total Cost"] ?? Number.NaN;
}

function read({ rows }: { readonly rows: readonly unknown[] }): readonly PlanStep[] {
  const [row] = rows as { "QUERY PLAN": readonly { Plan: Node }[] }[];
  const top = row?.["QUERY PLAN"][0]?.Plan;
  return top === undefined ? [] : stepsOf(top).filter(({ rounds }) => rounds > 0);
}

function stepsOf(node: Node): readonly (PlanStep & { rounds: number })[] {
  const looked =
    node["Actual Rows"] +
    (node["Rows Removed by Filter"] ?? 0) +
    (node["Rows Removed by Join Filter"] ?? 0) +
    (node["Rows Removed by Index Recheck"] ?? 0);
  const step = {
    type: node["Node Type"],
    of: node["Relation Name"] ?? node["CTE Name"] ?? node["Function Name"] ?? "",
    rows: looked * node["Actual Loops"],
    rounds: node["Actual Loops"],
  };
  return [step, ...(node.Plans ?? []).flatMap(stepsOf)];
}
