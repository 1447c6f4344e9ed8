import type { SqlRow } from "../executor.ts";
import { PickedUpJobRow, priorityOf } from "./picked-up-job-row.ts";
import { cells, isJobStatus, numberOrNull } from "../job.ts";
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
  /** The database's clock as it answered, in epoch milliseconds; NaN for a turn that only settles. */
  readonly clockMs: number;
  /**
   * How long the server had been at the turn by then, from its arrival, in milliseconds: no network's time. In a
   * transaction, from that one's beginning; NaN for a turn that only settles.
   */
  readonly serverMs: number;
}

/** Reads the answer to {@link turnStatement}. */
export function readTurn(rows: readonly SqlRow[], { settlements = [], pickUp }: TurnRequest): TurnAnswer {
  const table = rows.map(cells);
  const [, more, dueElsewhere, nextDue, nextLeaseEnd, oldest, next, bytes, took, stood, clock] =
    table.find(([kind]) => kind === "turn") ?? [];
  const ofKind = (wanted: string): readonly Cells[] => table.filter((row) => row[0] === wanted);
  const tick = table.find(([kind]) => kind === "tick");
  const handedOut = table.filter(isHandedOut).sort(byUrgency);
  const { lockedBy = "", slots = 0 } = pickUp ?? {};
  return {
    jobs: handedOut.filter((row) => row[0] !== "exhausted").map((row) => new PickedUpJobRow(row, lockedBy)),
    candidates: ofKind("candidate").map(([, id]) => id ?? ""),
    lanes: readLanes(handedOut, ofKind("lane")),
    suspects: ofKind("lane").some(([, , , alone]) => alone === "alone"),
    exhausted: ofKind("exhausted").map(([, id, type]) => ({
      id: id ?? "",
      type: type ?? "",
      status: "FAILED",
    })),
    settlements: readSettlements(table, settlements),
    reaped: ofKind("reaped").map(([, id, type, status]) => readReaped(id, type, status)),
    // What is due and was not handed out is more where nothing was asked for, and locked by somebody where it was.
    more: more === "true" || more === "deeper" || (slots === 0 && dueElsewhere === "true"),
    deeper: more === "deeper",
    contended: slots > 0 && dueElsewhere === "true",
    nextDueInMs: untilMs(nextDue),
    nextLeaseEndInMs: untilMs(nextLeaseEnd),
    ...(tick && { nextTickInMs: untilMs(tick[1]), keepsErrors: tick[2] === "errors" }),
    snapshot: { oldest: BigInt(oldest ?? 0), next: BigInt(next ?? 0) },
    tableBytes: Math.abs(Number(bytes ?? 0)),
    rowsHidden: bytes?.startsWith("-") === true,
    stood: stood === "true",
    clockMs: Number(clock ?? NaN) / 1_000,
    serverMs: Number.parseInt(took ?? "", 10) / 1_000,
  };
}

function isHandedOut([kind]: Cells): boolean {
  return kind === "job" || kind === "alone" || kind === "exhausted";
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
    const [first = "", second] = (answers.get(settlementKey({ id, lockedBy })) ?? "DONE").split(" ");
    return isJobStatus(first)
      ? { id, lockedBy, verdict: "settled", status: first }
      : { id, lockedBy, verdict: readVerdict(first), status: isJobStatus(second) ? second : null };
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

/** Never below 0. */
function untilMs(text: string | null | undefined): number | null {
  const ms = numberOrNull(text);
  return ms === null ? null : Math.max(0, ms);
}
