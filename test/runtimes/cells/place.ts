import type { Capability, Suite } from "pqrun/conformance";

/** Where a cell of the matrix finds what it connects to. */
export interface Place {
  /** A migrated database that the cell has to itself, as its driver reaches it. */
  readonly databaseUrl: string;
  /** The same database without what stands between, a pooler for instance. @default databaseUrl */
  readonly directUrl?: string;
  /** Neon's `/sql`, or a stand-in for it. */
  readonly neonEndpoint: string;
  /** Neon's WebSocket proxy, as `host:port/path`. */
  readonly neonWsProxy: string;
  /** What this place lacks beyond what the driver lacks. */
  readonly lacks?: Partial<Readonly<Record<Capability, string>>>;
}

/** What the conformance suite needs of one driver. */
export type Driver<Tx = never> = (place: Place) => Pick<Suite<Tx>, "open" | "lacks">;
