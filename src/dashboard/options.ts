import type { Context, Env } from "hono";

import { InvalidInputError } from "../core/errors.ts";
import type { Job } from "../core/job.ts";
import type { PgJobStore } from "../core/store.ts";
import { checkOptions } from "../core/values/known-options.ts";

/** What the dashboard needs of a store: a `PgJobStore`, of whatever contracts. */
export type DashboardStore = Pick<PgJobStore, "connection" | "get" | "page">;

/** What a caller may do beside looking; what is not named they may not. */
export interface Rights {
  /** Make FAILED and CANCELLED jobs READY again. */
  readonly retry?: boolean | undefined;
  /** Cancel READY and RUNNING jobs. */
  readonly cancel?: boolean | undefined;
  /** Make waiting jobs due, and jobs of schedules, now. */
  readonly run?: boolean | undefined;
  /** Pause and resume schedules. */
  readonly pause?: boolean | undefined;
}

/** What a caller may do: all, look, nothing, or look and what is named. */
export type Access = "full" | "read" | false | Rights;

/** What somebody did in the dashboard. */
export interface DashboardAction<E extends Env = Env> {
  readonly what: "retry" | "cancel" | "run" | "pause" | "resume";
  /** The jobs that were changed or made. */
  readonly ids: readonly string[];
  /** The schedule's name, where it was done to one. */
  readonly schedule?: string | undefined;
  /** The request, which knows who it was. */
  readonly c: Context<E>;
}

/** A link, shown as text: only `http:`, `https:` and relative ones become links. */
export interface DashboardLink {
  readonly label: string;
  readonly href: string;
}

/** Options of the dashboard. */
export interface DashboardOptions<E extends Env = Env> {
  /** The queue; where a client can't outlive a request (Cloudflare's Workers), a function that makes the store for each. */
  readonly store: DashboardStore | ((c: Context<E>) => DashboardStore | Promise<DashboardStore>);
  /** Asked for each request, before anything is read: whatever it returns but an {@link Access} is no access. */
  readonly authorize: (c: Context<E>) => Access | Promise<Access>;
  /**
   * Returns what may be shown of a payload or a result; where it throws, nothing is shown of it. Errors' texts are shown
   * as they are.
   *
   * @default everything
   */
  readonly redact?:
    | ((value: unknown, job: { readonly type: string; readonly column: "payload" | "result" }) => unknown)
    | undefined;
  /** Shows no payload and no result at all. @default false */
  readonly hidePayloads?: boolean | undefined;
  /** Called after each act that changed something, and awaited: an audit log. */
  readonly onAction?: ((action: DashboardAction<E>) => unknown) | undefined;
  /** Links of a job's page: to its traces, its errors, the document that it is about. */
  readonly links?: ((job: Job) => readonly DashboardLink[]) | undefined;
  /** A link back to the application, in the head of each page. */
  readonly home?: DashboardLink | undefined;
}

const OPTIONS = {
  store: true,
  authorize: true,
  redact: true,
  hidePayloads: true,
  onAction: true,
  links: true,
  home: true,
} as const satisfies Record<keyof DashboardOptions, true>;

/** @throws InvalidInputError naming the option: without `authorize` there is no dashboard. */
export function checkDashboardOptions(options: object): void {
  checkOptions(options, OPTIONS);
  const given: Readonly<Record<string, unknown>> = { ...options };
  const check = (name: string, expected: string, ...kinds: readonly string[]): void => {
    const value = given[name];
    if (value === null || !kinds.includes(typeof value)) throw new InvalidInputError(name, expected, value);
  };
  check("store", "a PgJobStore, or a function that makes one", "object", "function");
  check("authorize", 'a function that returns "full", "read", false or single rights', "function");
  for (const name of ["redact", "onAction", "links"]) check(name, "a function", "function", "undefined");
}
