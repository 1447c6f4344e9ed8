/** What no test can miss, and why. */
export interface Exception {
  readonly part: string;
  /** What is removed, as it is printed. */
  readonly text: string;
  /** @default whatever it becomes */
  readonly becomes?: string;
  /** Which one, from 1, where the part has it more than once. @default each */
  readonly which?: number;
  readonly reason: string;
}

const NO_WAIT =
  "SKIP LOCKED waits for nobody, so no order of locks can be part of a deadlock: it only walks the index";
const HELD =
  "redundant: the row was locked in its newest version, and that was RUNNING; it stands so that the fence is whole where it is read";
const NO_VISIT =
  "redundant: who asks for the outcome afterwards finds the same rows; without it each that is done is visited twice";
const NO_SEARCH = "redundant: the search finds what is known already; it saves a search for each tick";
const IN_ORDER = "the rows come in this order out of the plan that there is; SQL does not promise it";

/** All of them; one that fits no mutant any more is an error. */
export const EXCEPTIONS: readonly Exception[] = [
  { part: "settling locked", text: "ORDER BY j.id", reason: NO_WAIT },
  { part: "gate gates", text: "ORDER BY g.name", reason: NO_WAIT },
  { part: "extend held", text: "ORDER BY j.id", reason: NO_WAIT },
  { part: "settling done", text: "j.status = 'RUNNING'", becomes: "true", reason: HELD },
  { part: "settling removed", text: "j.status = 'RUNNING'", becomes: "true", reason: HELD },
  { part: "settling not_done", text: "j.status = 'RUNNING'", becomes: "true", reason: HELD },
  { part: "extend extended", text: "j.status = 'RUNNING'", becomes: "true", reason: HELD },
  {
    part: "settling not_done",
    text: "id IN (SELECT id FROM input WHERE outcome ${ends})",
    becomes: "true",
    reason: NO_VISIT,
  },
  { part: "settling not_done", text: "outcome ${ends}", becomes: "true", reason: NO_VISIT },
  {
    part: "taking exhausted",
    text: "NOT runs",
    becomes: "true",
    reason:
      "a statement updates a row once, and picked, which is read first, has done so; SQL does not promise the order",
  },
  {
    part: "putting aside put_aside",
    text: "k.id NOT IN (SELECT id FROM ranked WHERE chosen AND id IS NOT NULL)",
    becomes: "true",
    reason:
      "a statement updates a row once, and picked, which is read first, has done so; SQL does not promise the order",
  },
  {
    part: "picking wanted_types",
    text: "LIMIT (SELECT json_array_length(:places))",
    reason: "guides the planner: there are no more than that, and without it a hundred are expected",
  },
  {
    part: "picking candidates",
    text: "LIMIT (SELECT ${most} FROM row_limit)",
    which: 1,
    reason:
      "guides the planner: the outer LIMIT stops the walk, this one tells that a lane is short and need not be sorted",
  },
  {
    part: "picking candidates",
    text: "LIMIT ${MOST_CANDIDATES}",
    reason:
      "guides the planner: nobody may ask for as many, and without it a tenth of the backlog is expected",
  },
  {
    part: "picking",
    text: "pg_column_size(j.payload) > ${SMALL_BYTES}",
    becomes: "false",
    reason: "redundant: what is large as it is stored is so unpacked; it saves unpacking that",
  },
  {
    part: "ranking beyond",
    text: "c.large IS NOT NULL",
    becomes: "true",
    reason: "redundant: a sum passes over NULL; it saves sorting what is small",
  },
  {
    part: "ranking beyond",
    text: "ORDER BY w.priority DESC, w.run_after, w.id",
    reason: IN_ORDER,
  },
  {
    part: "sleep",
    text: "LIMIT 1",
    which: 1,
    reason:
      "guides the planner: EXISTS asks for one row whatever is there, and with LIMIT the order forbids a sequential scan",
  },
  { part: "ranking", text: "ORDER BY r.job_type, r.priority, r.run_after, r.id", reason: IN_ORDER },
  {
    part: "ranking",
    text: "DISTINCT",
    reason: "PostgreSQL refuses the statement without it: ON stands behind it",
  },
  {
    part: "settling",
    text: "(SELECT count(*) FROM done) < (SELECT count(*) FROM input)",
    becomes: "true",
    reason:
      "redundant: where all are done none is left out of done; it saves a search for each of a thousand",
  },
  {
    part: "prune holders",
    text: "f.conparentid = 0",
    reason: "redundant: a partition's key holds what its parent's holds; it saves a search in each partition",
  },
  {
    part: "jobs_tick",
    text: "planned OPERATOR(pg_catalog.>) moment",
    becomes: "false",
    reason: NO_SEARCH,
  },
  {
    part: "jobs_tick .next_tick",
    text: "planned OPERATOR(pg_catalog.>) moment",
    becomes: "false",
    reason: NO_SEARCH,
  },
  {
    part: "jobs_tick .next_tick",
    text: "s.missed OPERATOR(pg_catalog.=) 'all'",
    becomes: "true",
    reason:
      "redundant: of a schedule that makes up for one tick the latest is that, and the one after it lies ahead",
  },
  {
    part: "jobs_wake_tick",
    text: "ORDER BY w.until DESC",
    reason: "guides the planner: any that waits will do, and the order forbids a scan of those that are gone",
  },
  {
    part: "jobs_wake_tick",
    text: "pg_catalog.pg_notification_queue_usage() OPERATOR(pg_catalog.<) 0.9",
    reason:
      "what is to be caught takes gigabytes of NOTIFYs: test/faults/notify-queue.test.ts fills the queue for the same condition of 003",
  },
];
