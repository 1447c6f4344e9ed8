import { arrayLiteral } from "./array-literal.ts";
import type { SqlRow, SqlStatement } from "./executor.ts";
import { USUAL, cells, dateOf, isJobStatus, numberOrNull } from "./job.ts";
import type { JobStatus, PickedUpJob } from "./job.ts";
import { encodeSettlements, settlementKey } from "./settlement.ts";
import type { Settlement, SettlementAnswer, Verdict } from "./settlement.ts";
import type { TurnScope } from "./turn-text.ts";

/** Jobs of one type and priority, and the place among them, by due time and id, behind which a next pick-up may go on. */
export interface Lane {
  readonly type: string;
  readonly priority: number;
  /** Its due time as the turn wrote it, in epoch milliseconds: a Date would lose the microseconds. */
  readonly afterDue: string;
  readonly afterId: string;
}

/** What a pick-up wants. */
export interface PickUp {
  /** Job types that the caller has handlers for. */
  readonly types: readonly string[];
  /**
   * Goes on in these lanes, behind the last job of each, instead of looking from the beginning of every lane of
   * `types`: for a caller that drains a backlog. The answer says `more` then, and not what is due later.
   */
  readonly lanes?: readonly Lane[] | undefined;
  /** Commits asynchronously if nothing is settled or reaped: a crash of the server may forget the attempts. @default false */
  readonly fast?: boolean | undefined;
  /** Free slots: how many jobs can start at once; 0 only asks what is due. */
  readonly slots: number;
  /** How many more to take into a buffer, of jobs never attempted. @default 0 */
  readonly buffer?: number | undefined;
  /** The worker's id with a nonce that no other pick-up has. */
  readonly lockedBy: string;
  /** Length of the lease in milliseconds. */
  readonly leaseMs: number;
  /** Bounds the lease by each job's `timeout_seconds`, with this default; for callers that don't extend. */
  readonly timeoutSeconds?: number | undefined;
  /** Milliseconds added to the lease after both bounds. @default 0 */
  readonly marginMs?: number | undefined;
}

/** What a reap wants. */
export interface Reap {
  /** Most rows. @default 100 */
  readonly limit?: number | undefined;
  /** Seconds after which a row without a lease, a Python worker's, is lost. */
  readonly staleTimeoutSeconds: number;
}

/** One round trip: any part may be absent. */
export interface TurnRequest {
  readonly settlements?: readonly Settlement[] | undefined;
  readonly pickUp?: PickUp | undefined;
  readonly reap?: Reap | undefined;
  /** Ids of the jobs that the caller is running: a reap leaves them out. */
  readonly running?: readonly string[] | undefined;
  /** Raises (or, at 0 ms, lowers) the guard that makes inserts notify this worker. */
  readonly guard?: { readonly worker: string; readonly forMs: number } | undefined;
  /** Sends a NOTIFY with this payload: who hears it knows that LISTEN works. */
  readonly probe?: string | undefined;
}

/** What a reap, or a pick-up that found no attempt left, did to one job. */
export interface ReapedJob {
  readonly id: string;
  readonly type: string;
  readonly status: JobStatus;
}

/** What the turn did, and how long its caller may sleep. */
export interface TurnAnswer {
  /** By priority, due time and id. */
  readonly jobs: readonly PickedUpJob[];
  /** Where a next pick-up may go on. */
  readonly lanes: readonly Lane[];
  /** READY jobs whose attempts were used up: FAILED now, not run. */
  readonly exhausted: readonly ReapedJob[];
  /** One for each settlement, in the request's order. */
  readonly settlements: readonly SettlementAnswer[];
  readonly reaped: readonly ReapedJob[];
  /** More is due than was picked up. */
  readonly more: boolean;
  /** Something is due, and somebody else has it locked: look again soon. */
  readonly contended: boolean;
  /** Milliseconds until the next job is due, or null. Known where nothing more is due. */
  readonly nextDueInMs: number | null;
  /**
   * Milliseconds until the next lease that the caller doesn't hold ends, or null. Known to a turn that picks up or
   * reaps, where nothing more is due; a Python worker's row counts where the turn reaps, since only a reap says how long such a row may stand.
   */
  readonly nextLeaseEndInMs: number | null;
  /**
   * The oldest transaction that was open, and one that began after all of them: once a later answer's `oldest`
   * has reached this answer's `next`, all that were open at this turn have ended.
   */
  readonly snapshot: { readonly oldest: bigint; readonly next: bigint };
  /** The size of the table's heap. */
  readonly tableBytes: number;
}

/** Most bytes of payload in one pick-up; a single job may be larger. */
const PICK_UP_BYTES = 4_194_304;
/** Most rows of one reap: one that is full may have left some. */
export const REAP_LIMIT = 100;

/** The turn as a statement: `textOf` a scope is {@link turnText} of it. */
export function turnStatement(textOf: (scope: TurnScope) => string, request: TurnRequest): SqlStatement {
  const scope = scopeOf(request);
  return { text: textOf(scope), params: PARAMS[scope](request) };
}

/** The least that does what is asked. */
function scopeOf({ settlements = [], pickUp, reap, running = [], guard, probe }: TurnRequest): TurnScope {
  const others = reap !== undefined || running.length > 0 || guard !== undefined || probe !== undefined;
  if (others || (pickUp !== undefined && settlements.length > 0)) return "whole";
  return pickUp === undefined ? "settling" : "pick-up";
}

type Params = readonly (string | null)[];

const PARAMS: Readonly<Record<TurnScope, (request: TurnRequest) => Params>> = {
  "pick-up": pickUpParams,
  settling: ({ settlements = [] }) => encodeSettlements(settlements),
  whole: (request) => {
    const { settlements = [], reap, running = [], guard, probe } = request;
    return [
      ...pickUpParams(request),
      String(reap === undefined ? 0 : (reap.limit ?? REAP_LIMIT)),
      String(reap?.staleTimeoutSeconds ?? 0),
      arrayLiteral(running),
      guard?.worker ?? null,
      String(guard?.forMs ?? 0),
      probe ?? null,
      ...encodeSettlements(settlements),
    ];
  },
};

function pickUpParams({ pickUp }: TurnRequest): Params {
  return [
    JSON.stringify(pickUp === undefined ? [] : encodePlaces(pickUp)),
    String(pickUp?.slots ?? 0),
    String(pickUp?.buffer ?? 0),
    String(PICK_UP_BYTES),
    pickUp?.lockedBy ?? null,
    String(pickUp?.leaseMs ?? 0),
    pickUp?.timeoutSeconds === undefined ? null : String(pickUp.timeoutSeconds),
    String(pickUp?.marginMs ?? 0),
    String(pickUp?.fast ?? false),
  ];
}

function encodePlaces({ types, lanes }: PickUp): readonly Readonly<Record<string, string | number>>[] {
  return (
    lanes?.map(({ type, priority, afterDue, afterId }) => ({
      t: type,
      p: priority,
      r: afterDue,
      i: afterId,
    })) ?? types.map((type) => ({ t: type }))
  );
}

type Cells = readonly (string | null)[];

/** Reads the answer to {@link turnStatement}. */
export function readTurn(rows: readonly SqlRow[], { settlements = [], pickUp }: TurnRequest): TurnAnswer {
  const table = rows.map(cells);
  const [, more, dueElsewhere, nextDue, nextLeaseEnd, oldest, next, bytes] =
    table.find(([kind]) => kind === "turn") ?? [];
  const ofKind = (wanted: string): readonly Cells[] => table.filter((row) => row[0] === wanted);
  const handedOut = table.filter(isHandedOut).sort(byUrgency);
  const { lockedBy = "", slots = 0 } = pickUp ?? {};
  return {
    jobs: handedOut.filter((row) => row[0] !== "exhausted").map((row) => readPickedUpJob(row, lockedBy)),
    lanes: readLanes(handedOut, ofKind("lane")),
    exhausted: ofKind("exhausted").map(([, id, type]) => ({
      id: id ?? "",
      type: type ?? "",
      status: "FAILED",
    })),
    settlements: readSettlements(table, settlements),
    reaped: ofKind("reaped").map(([, id, type, status]) => readReaped(id, type, status)),
    // What is due and was not handed out is more where nothing was asked for, and locked by somebody where it was.
    more: more === "true" || (slots === 0 && dueElsewhere === "true"),
    contended: slots > 0 && dueElsewhere === "true",
    nextDueInMs: secondsToMs(nextDue),
    nextLeaseEndInMs: secondsToMs(nextLeaseEnd),
    snapshot: { oldest: BigInt(oldest ?? 0), next: BigInt(next ?? 0) },
    tableBytes: Number(bytes ?? 0),
  };
}

function isHandedOut([kind]: Cells): boolean {
  return kind === "job" || kind === "alone" || kind === "exhausted";
}

/** A row of kind `job` or `alone`, in the order of the turn's last SELECT. */
export function readPickedUpJob(row: Cells, lockedBy: string): PickedUpJob {
  const [kind, id, type, payloadText, attempts, maxAttempts, , runAfter, timeout, dedupeKey, created] = row;
  return {
    id: id ?? "",
    type: type ?? "",
    payloadText: payloadText ?? "null",
    attempts: Number(attempts ?? USUAL.attempts),
    maxAttempts: Number(maxAttempts ?? USUAL.maxAttempts),
    lockedBy,
    priority: priorityOf(row),
    runAfter: dateOf(runAfter),
    timeoutSeconds: numberOrNull(timeout),
    dedupeKey: dedupeKey ?? null,
    // Most are due from the beginning, which is told once.
    createdAt: dateOf(created ?? runAfter),
    alone: kind === "alone",
  };
}

/** The last job of each lane, as the rows come by priority, due time and id; or the place before its first. */
function readLanes(rows: readonly Cells[], passedOver: readonly Cells[]): readonly Lane[] {
  const lanes = new Map<string, Lane>();
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index];
    const after = rows[index + 1];
    // Mostly there is one lane, and only its last row counts.
    if (row === undefined || (row[2] === after?.[2] && row[6] === after?.[6])) continue;
    lanes.set(laneKey(row), readLane(row));
  }
  for (const row of passedOver) {
    if (!lanes.has(laneKey(row))) lanes.set(laneKey(row), readLane(row));
  }
  return [...lanes.values()];
}

function laneKey(row: Cells): string {
  return `${priorityOf(row)} ${row[2] ?? ""}`;
}

function readLane(row: Cells): Lane {
  const [, id, type, , , , , runAfter] = row;
  return {
    type: type ?? "",
    priority: priorityOf(row),
    afterDue: runAfter ?? "-infinity",
    afterId: id ?? "",
  };
}

function priorityOf(row: Cells): number {
  return Number(row[6] ?? USUAL.priority);
}

/** By priority, due time and id. Mostly they come so already, and the server has enough to do. */
function byUrgency(a: Cells, b: Cells): number {
  // Of two that are due for ever the difference is NaN.
  return priorityOf(b) - priorityOf(a) || Number(a[7]) - Number(b[7]) || compareIds(a[1] ?? "", b[1] ?? "");
}

/** Beyond 2^53 numbers may be equal that are not. */
function compareIds(a: string, b: string): number {
  return Number(a) - Number(b) || Number(BigInt(a) - BigInt(b));
}

/** The turn names what it did not settle as DONE; the rest it only counts, as there may be a thousand. */
function readSettlements(
  table: readonly Cells[],
  settlements: readonly Settlement[],
): readonly SettlementAnswer[] {
  const answers = new Map<string, string>();
  for (const row of table) {
    if (row[0] !== "settlement") continue;
    const [, id, lockedBy, answer] = row;
    answers.set(settlementKey({ id: id ?? "", lockedBy: lockedBy ?? "" }), answer ?? "lost");
  }
  const allDone = answers.size === 0;
  return settlements.map(({ job: { id, lockedBy } }) => {
    if (allDone) return { id, lockedBy, verdict: "settled", status: "DONE" };
    const answer = answers.get(settlementKey({ id, lockedBy })) ?? "DONE";
    return isJobStatus(answer)
      ? { id, lockedBy, verdict: "settled", status: answer }
      : { id, lockedBy, verdict: readVerdict(answer), status: null };
  });
}

function readVerdict(answer: string): Verdict {
  return answer === "already" || answer === "busy" || answer === "cancelled" ? answer : "lost";
}

function readReaped(
  id: string | null | undefined,
  type: string | null | undefined,
  status: unknown,
): ReapedJob {
  return { id: id ?? "", type: type ?? "", status: isJobStatus(status) ? status : "READY" };
}

/** Never below 0, and null for null and for PostgreSQL's infinity. */
function secondsToMs(seconds: string | null | undefined): number | null {
  const ms = numberOrNull(seconds);
  return ms === null || !Number.isFinite(ms) ? null : Math.max(0, ms * 1000);
}
