/**
 * Standard Schema, version 1: what Zod, Valibot, ArkType and others share, so
 * that pqrun needs none of them. Copied from https://standardschema.dev, which
 * asks to be copied.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** Either the value, or what is wrong with it. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The first issues in one line: `items.3.name: expected string`. */
export function issuesText(issues: readonly StandardIssue[]): string {
  return issues.slice(0, 5).map(issueText).join("; ");
}

function issueText({ path = [], message }: StandardIssue): string {
  const at = path.map((step) => String(typeof step === "object" ? step.key : step)).join(".");
  return at === "" ? message : `${at}: ${message}`;
}
