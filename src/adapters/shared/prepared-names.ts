import { layers, sqlState } from "../../core/sql/sql-state.ts";
import { preparedName } from "./prepared-name.ts";

/** pqrun's own texts are fewer: one that comes beyond this goes without a name, which the server keeps for good. */
const MAX_NAMES = 100;
/** So often a session gets a statement a new name. One that loses it again and again is a pooler's, or somebody resets it. */
const MAX_RENAMES = 8;

/**
 * The names under which the sessions of one executor keep its statements. They derive from the text, since executors
 * may share a connection.
 */
export class PreparedNames {
  readonly #names = new Map<string, string>();
  /** What goes by another name, or by none any more, in the session of a client. */
  readonly #renamed = new WeakMap<object, Map<string, { readonly times: number; readonly name?: string }>>();

  /** The name of `text` in the session of `client`; undefined where it is to go without one. */
  nameOf(client: object, text: string): string | undefined {
    const renamed = this.#renamed.get(client)?.get(text);
    if (renamed !== undefined) return renamed.name;
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= MAX_NAMES) return known;
    const name = preparedName(text);
    this.#names.set(text, name);
    return name;
  }

  /** What the session of `client` has under the name of `text` is of no use: the next time it is prepared anew, by another name. */
  forget(client: object, text: string): void {
    const renamed = this.#renamed.get(client) ?? new Map<string, { times: number; name?: string }>();
    this.#renamed.set(client, renamed);
    const times = (renamed.get(text)?.times ?? 0) + 1;
    // Of one's own, since the session may be a pooler's, which lends it to others with the same texts.
    const name = `${preparedName(text)}_${crypto.randomUUID().slice(0, 8)}`;
    renamed.set(text, times > MAX_RENAMES ? { times } : { times, name });
  }
}

/**
 * Whether a statement was refused before it ran since the server has it no longer (26000: somebody's DISCARD ALL), has
 * another one by that name (42P05: a pooler's session), or has planned it for columns that have since changed their types.
 */
export function isStale(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== "0A000") return state === "26000" || state === "42P05";
  for (const { routine } of layers(error)) if (routine === "RevalidateCachedQuery") return true;
  return false;
}
