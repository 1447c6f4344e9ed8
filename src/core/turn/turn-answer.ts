import type { SqlRow } from "../executor.ts";
import { PickedUpJobRow, priorityOf } from "./picked-up-job-row.ts";
import { CANDIDATE, JOB, LANE, LIMITS, REAPED, SETTLEMENT, TICK, TURN, kindOf } from "./answer-rows.ts";
import type { RowShape } from "./answer-rows.ts";
import { USUAL, cells, isJobStatus, numberOrNull } from "../job.ts";
import type { Cells, JobStatus, PickedUpJob } from "../job.ts";
import { settlementKey } from "./settlement.ts";
import type { Settlement, SettlementAnswer, Verdict } from "./settlement.ts";
import type { Lane, TurnRequest } from "./turn-request.ts";

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
  /** Ids of what a pick-up that only looks would have taken, in that order. */
  readonly candidates: readonly string[];
  /** Where a next pick-up may go on. */
  readonly lanes: readonly Lane[];
  /** The pick-up ended before a job that nothing may run beside, and that it was to show. */
  readonly suspects: boolean;
  /** READY jobs whose attempts were used up: FAILED now, not run. */
  readonly exhausted: readonly ReapedJob[];
  /** One for each settlement, in the request's order. */
  readonly settlements: readonly SettlementAnswer[];
  readonly reaped: readonly ReapedJob[];
  /** More is due than was picked up, or may be. */
  readonly more: boolean;
  /** A type has more priorities than were looked at, and the next pick-up must look deeper. */
  readonly deeper: boolean;
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
  /** Whether row level security may hide rows from the role. Known to a turn that reaps or raises a guard. */
  readonly rowsHidden: boolean;
  /** Whether the guard that the turn raised stood already. */
  readonly stood: boolean;
  /** Milliseconds until the next tick of a schedule is due, or null; absent where the turn did not ask. */
  readonly nextTickInMs?: number | null;
  /** Whether the table keeps the history of attempts, of which the turn's text knew nothing; absent where the turn did not ask. */
  readonly keepsErrors?: boolean;
  /** There are limits, of which the turn's text knew nothing: it has left out the types that have some. */
  readonly hasLimits?: true;
  /** Of a turn that keeps limits: whether the table has any; the key of each type behind which the next look goes on; and whether it should look at more jobs. */
  readonly limits?: {
    readonly exist: boolean;
    readonly from: Readonly<Record<string, string>>;
    readonly wider: boolean;
  };
  /** The database's clock as it answered, in epoch milliseconds; NaN for a turn that only settles. */
  readonly clockMs: number;
  /**
   * How long the server had been at the turn by then, from its arrival, in milliseconds: no network's time. In a
   * transaction, from that one's beginning; NaN for a turn that only settles.
   */
  readonly serverMs: number;
}

/** Reads the answer to a turn. */
export function readTurn(rows: readonly SqlRow[], { settlements = [], pickUp }: TurnRequest): TurnAnswer {
  const table = rows.map(cells);
  const ofKind = (kind: string): readonly Cells[] => table.filter((row) => kindOf(row) === kind);
  const [turn = []] = ofKind("turn");
  const [tick] = ofKind("tick");
  const [limits] = ofKind("limits");
  const handedOut = table.filter(isHandedOut).sort(byUrgency);
  const passedOver = ofKind("lane");
  const { lockedBy = "", slots = 0 } = pickUp ?? {};
  const more = turn[TURN.more];
  const dueElsewhere = turn[TURN.dueElsewhere] === "true";
  const bytes = turn[TURN.tableBytes];
  return {
    jobs: handedOut
      .filter((row) => kindOf(row) !== "exhausted")
      .map((row) => new PickedUpJobRow(row, lockedBy)),
    candidates: ofKind("candidate").map((row) => row[CANDIDATE.id] ?? ""),
    lanes: readLanes(handedOut, passedOver),
    suspects: passedOver.some((row) => row[LANE.alone] === "alone"),
    exhausted: ofKind("exhausted").map((row) => ({
      id: row[JOB.id] ?? "",
      type: row[JOB.type] ?? "",
      status: "FAILED",
    })),
    settlements: readSettlements(ofKind("settlement"), settlements),
    reaped: ofKind("reaped").map(readReaped),
    // What is due and was not handed out is more where nothing was asked for, and locked by somebody where it was.
    more: more === "true" || more === "deeper" || (slots === 0 && dueElsewhere),
    deeper: more === "deeper",
    contended: slots > 0 && dueElsewhere,
    nextDueInMs: untilMs(turn[TURN.nextDueInMs]),
    nextLeaseEndInMs: untilMs(turn[TURN.nextLeaseEndInMs]),
    ...(tick && { nextTickInMs: untilMs(tick[TICK.inMs]), keepsErrors: tick[TICK.keepsErrors] === "errors" }),
    ...(tick?.[TICK.limits] === "true" && { hasLimits: true }),
    ...(limits && {
      limits: {
        exist: limits[LIMITS.exist] === "true",
        from: JSON.parse(limits[LIMITS.from] ?? "{}") as Readonly<Record<string, string>>,
        wider: limits[LIMITS.wider] === "true",
      },
    }),
    snapshot: { oldest: BigInt(turn[TURN.oldestOpen] ?? 0), next: BigInt(turn[TURN.nextId] ?? 0) },
    tableBytes: Math.abs(Number(bytes ?? 0)),
    rowsHidden: bytes?.startsWith("-") === true,
    stood: turn[TURN.stood] === "true",
    clockMs: Number(turn[TURN.clockUs] ?? NaN) / 1_000,
    serverMs: Number.parseInt(turn[TURN.serverUs] ?? "", 10) / 1_000,
  };
}

function isHandedOut(row: Cells): boolean {
  const kind = kindOf(row);
  return kind === "job" || kind === "alone" || kind === "exhausted";
}

/** The last job of each lane, as the rows come by priority, due time and id; or the place before its first. */
function readLanes(rows: readonly Cells[], passedOver: readonly Cells[]): readonly Lane[] {
  const lanes = new Map<string, Lane>();
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index];
    const after = rows[index + 1];
    // Mostly there is one lane, and only its last row counts.
    if (
      row === undefined ||
      (row[JOB.type] === after?.[JOB.type] && row[JOB.priority] === after?.[JOB.priority])
    )
      continue;
    const lane = readLane(row, JOB);
    lanes.set(laneKey(lane), lane);
  }
  for (const row of passedOver) {
    const lane = readLane(row, LANE);
    if (!lanes.has(laneKey(lane))) lanes.set(laneKey(lane), lane);
  }
  return [...lanes.values()];
}

function laneKey({ type, priority }: Lane): string {
  return `${priority} ${type}`;
}

function readLane(row: Cells, at: RowShape<"id" | "type" | "priority" | "runAfter">): Lane {
  return {
    type: row[at.type] ?? "",
    priority: Number(row[at.priority] ?? USUAL.priority),
    afterDue: row[at.runAfter] ?? "-infinity",
    afterId: row[at.id] ?? "",
  };
}

/** By priority, due time and id. Mostly they come so already, and the server has enough to do. */
function byUrgency(a: Cells, b: Cells): number {
  // Of two that are due for ever the difference is NaN.
  return (
    priorityOf(b) - priorityOf(a) ||
    Number(a[JOB.runAfter]) - Number(b[JOB.runAfter]) ||
    compareIds(a[JOB.id] ?? "", b[JOB.id] ?? "")
  );
}

/** Beyond 2^53 numbers may be equal that are not. */
function compareIds(a: string, b: string): number {
  return Number(a) - Number(b) || Number(BigInt(a) - BigInt(b));
}

/** The turn names what it did not settle as DONE; the rest it only counts, as there may be a thousand. */
function readSettlements(
  rows: readonly Cells[],
  settlements: readonly Settlement[],
): readonly SettlementAnswer[] {
  const verdicts = new Map<string, string>();
  for (const row of rows) {
    const key = settlementKey({ id: row[SETTLEMENT.id] ?? "", lockedBy: row[SETTLEMENT.lockedBy] ?? "" });
    verdicts.set(key, row[SETTLEMENT.verdict] ?? "lost");
  }
  const allDone = verdicts.size === 0;
  return settlements.map(({ job: { id, lockedBy } }) => {
    if (allDone) return { id, lockedBy, verdict: "settled", status: "DONE" };
    const [first = "", second] = (verdicts.get(settlementKey({ id, lockedBy })) ?? "DONE").split(" ");
    return isJobStatus(first)
      ? { id, lockedBy, verdict: "settled", status: first }
      : { id, lockedBy, verdict: readVerdict(first), status: isJobStatus(second) ? second : null };
  });
}

function readVerdict(text: string): Verdict {
  return text === "already" || text === "busy" || text === "cancelled" ? text : "lost";
}

function readReaped(row: Cells): ReapedJob {
  const status = row[REAPED.status];
  return {
    id: row[REAPED.id] ?? "",
    type: row[REAPED.type] ?? "",
    status: isJobStatus(status) ? status : "READY",
  };
}

/** Never below 0. */
function untilMs(text: string | null | undefined): number | null {
  const ms = numberOrNull(text);
  return ms === null ? null : Math.max(0, ms);
}
