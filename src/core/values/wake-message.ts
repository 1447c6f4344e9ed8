/** Jobs of one type that somebody has inserted, or made READY. */
export interface WokenType {
  readonly type: string;
  /** When the first of them is due, in epoch milliseconds by the database's clock. */
  readonly dueMs: number;
}

/**
 * Reads what a trigger of `sql/003_wake_up.sql` has sent, which tells the form.
 *
 * @returns undefined for any other text: there may be work then, of any type
 */
export function readWakeMessage(payload: string): readonly WokenType[] | undefined {
  let message: unknown;
  try {
    message = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (!Array.isArray(message) || message[0] !== 1 || !Array.isArray(message[1])) return undefined;
  const types = (message[1] as readonly unknown[]).map(readType);
  return types.every((type) => type !== undefined) ? types : undefined;
}

function readType(entry: unknown): WokenType | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [type, dueMs] = entry as readonly unknown[];
  return typeof type === "string" && typeof dueMs === "number" ? { type, dueMs } : undefined;
}
