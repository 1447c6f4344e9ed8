/**
 * Where drivers keep the error behind theirs, and ORMs: Neon; Prisma; Sequelize; TypeORM; Objection. By a name for each,
 * since a driver's error may refer to anything.
 */
const INNER = [
  "cause",
  "sourceError",
  "meta",
  "driverAdapterError",
  "original",
  "driverError",
  "nativeError",
] as const;

/**
 * Codes of what fails before anything is sent, as Node, its `fetch` and postgres.js have them: for executors that do not
 * mark such an error, and for HTTP, where nobody but the runtime knows. A certificate is looked at before a request.
 */
const NEVER_SENT =
  /^E(?:CONNREFUSED|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH)$|CONNECT_TIMEOUT$|INVALID_URL$|CERT|LEAF_SIGNATURE/;

/** The same in every copy of pqrun: an adapter's may be another one. */
const NOT_SENT = Symbol.for("pqrun.not-sent");

/**
 * Marks the error of a statement that certainly never left: no connection was to be had for it. An executor knows; what
 * it does not mark, and what has no SQLSTATE, may have taken effect. Not for a signal's reason, which other statements
 * share.
 *
 * @param forGood whether none will leave any more, since the pool or client was ended
 * @returns the error
 */
export function notSent<E>(error: E, forGood = false): E {
  if (isRecord(error)) Reflect.defineProperty(error, NOT_SENT, { value: forGood });
  return error;
}

/** Whether the statement did not leave, and none will: the owner has ended the pool or client. */
export function isEnded(error: unknown): boolean {
  for (const layer of layers(error)) if (Reflect.get(layer, NOT_SENT) === true) return true;
  return false;
}

/**
 * The SQLSTATE behind any driver's error, or undefined where the server said
 * nothing. Bun keeps it in `errno` (its `code` is its own), the others in
 * `code`; Drizzle wraps the driver's error in `cause`, Neon in `sourceError`.
 */
export function sqlState(error: unknown): string | undefined {
  for (const layer of layers(error)) {
    for (const field of [layer["errno"], layer["code"], layer["originalCode"]]) {
      if (isSqlState(field)) return field;
    }
  }
  return undefined;
}

/**
 * Whether the failed statement certainly had no effect: the server refused it,
 * or it was never sent. Where the connection was lost, or a server shut down,
 * the statement may have been committed before the answer was cut off.
 */
export function provesRollback(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined || isMarked(error)) return neverSent(error);
  // 08: connection exceptions, also poolers'. 57P01, 57P02, 57P05: the session was ended, perhaps after the
  // commit. 40003: completion unknown. XX: poolers report a lost server so.
  return !/^(?:08|57P0[125]|40003|XX)/.test(state);
}

/**
 * Whether the session is of no more use: its server is read-only (a standby, where a failover has left its clients
 * behind, or a default that has changed since), or is shutting down.
 */
export function endsSession(error: unknown): boolean {
  return isReadOnly(error) || /^57P0[1-5]$/.test(sqlState(error) ?? "");
}

/**
 * Whether the session can't write. A standby tells a turn otherwise than an enqueue: the turn reads an unlogged table,
 * which is not there, and its planner refuses it as not supported.
 */
export function isReadOnly(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== "0A000") return state === "25006";
  for (const { routine } of layers(error)) if (routine === "get_relation_info") return true;
  return false;
}

/** Whether the database, or the way to it, is at fault, whatever was sent: away, full, or out of connections. */
export function isOutage(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined ? neverSent(error) : isReadOnly(error) || /^(?:28|3D|53[134]|57P)/.test(state);
}

/**
 * Whether to wait mends nothing: a wrong password or role, no such database, schema, table or column, or an address
 * that is none. It does once a worker has worked: passwords rotate, and servers fail over.
 */
export function waitingIsFutile(error: unknown): boolean {
  if (/^(?:28P01|28000|3D000|3F000|42P01|42703)$/.test(sqlState(error) ?? "")) return true;
  for (const { code } of layers(error)) if (code === "ERR_INVALID_URL") return true;
  return false;
}

/**
 * The SQLSTATE where a value or a row may be to blame, rather than the database
 * or the way to it: classes 22, 23, 54, and P0, a trigger's word. Such a
 * statement fails again as it is, and may succeed with less in it.
 */
export function dataErrorState(error: unknown): string | undefined {
  const state = sqlState(error) ?? "";
  return /^(?:2[23]|54|P0)/.test(state) ? state : undefined;
}

/** Whether a statement may succeed with less in it: it took too long (57014), or too much memory (53200). */
export function exceedsResources(error: unknown): boolean {
  const state = sqlState(error);
  return state === "57014" || state === "53200";
}

/** Whether to send a refused statement again may help: the conflict that refused it is over. */
export function isConflict(error: unknown): boolean {
  const state = sqlState(error);
  return state === "40001" || state === "40P01";
}

function neverSent(error: unknown): boolean {
  if (isMarked(error)) return true;
  for (const { code } of layers(error)) if (NEVER_SENT.test(String(code))) return true;
  return false;
}

function isMarked(error: unknown): boolean {
  for (const layer of layers(error)) if (NOT_SENT in layer) return true;
  return false;
}

function isSqlState(field: unknown): field is string {
  // A digit tells 57014 and 0LP01 from Node's EPIPE, which is five capitals too; P1001 to P6999 are Prisma's own.
  return typeof field === "string" && /^(?=.*\d)(?!P[1-9]\d{3})[0-9A-Z]{5}$/.test(field);
}

/** An error and those behind it, at most eight. */
export function* layers(error: unknown): Generator<Record<string, unknown>> {
  const seen = new Set<unknown>();
  const queue = [error];
  for (const layer of queue) {
    if (!isRecord(layer) || seen.has(layer) || seen.size >= 8) continue;
    seen.add(layer);
    yield layer;
    for (const field of INNER) queue.push(layer[field]);
    // Node's connect to several addresses fails with all their errors.
    const several: unknown = layer["errors"];
    if (Array.isArray(several)) for (const one of several.slice(0, 4) as unknown[]) queue.push(one);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
