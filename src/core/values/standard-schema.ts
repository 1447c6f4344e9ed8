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

/** The first issues in one line, each where it is: `payload.items[3].name: expected string`. */
export function issuesText(field: string, issues: readonly StandardIssue[]): string {
  return issues
    .slice(0, 5)
    .map(({ path = [], message }) => `${path.reduce(at, field)}: ${message}`)
    .join("; ");
}

function at(place: string, step: PropertyKey | { readonly key: PropertyKey }): string {
  const key = typeof step === "object" ? step.key : step;
  return place + (typeof key === "number" ? `[${key}]` : `.${String(key)}`);
}
