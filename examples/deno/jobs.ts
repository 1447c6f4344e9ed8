import { defineJob } from "pqrun/producer";

/** One column of a table. */
export interface Column {
  readonly name: string;
  /** How many of its cells hold something. */
  readonly filled: number;
  /** Of the cells that are numbers; null where none is. */
  readonly numbers: { readonly min: number; readonly max: number; readonly mean: number } | null;
}

/** What `profile` finds in a table. */
export interface Profile {
  readonly rows: number;
  readonly columns: readonly Column[];
}

/** The contracts alone. */
export const jobs = {
  profile: defineJob<{ readonly csv: string }, Profile>({ timeoutSeconds: 30 }),
};
