/** As much of a runtime as is looked at here. */
interface Runtime {
  readonly process?: { readonly env?: Readonly<Record<string, unknown>> };
  readonly Deno?: {
    readonly permissions?: {
      querySync(asked: { readonly name: "env"; readonly variable: string }): { readonly state: string };
    };
  };
}

/**
 * What the environment of this process says, on runtimes that have one. One that is empty says nothing, and so does one
 * that the runtime refuses: Deno grants variables one by one, and on a terminal it would ask for one that is read.
 */
export function environmentVariable(variable: string): string | undefined {
  const { process, Deno }: Runtime = globalThis as object;
  try {
    const { state = "granted" } = Deno?.permissions?.querySync({ name: "env", variable }) ?? {};
    const value = state === "granted" && process?.env?.[variable];
    // A platform's bindings may stand in for an environment.
    if (value !== "" && typeof value === "string") return value;
  } catch {
    // As good as unset.
  }
  return undefined;
}
