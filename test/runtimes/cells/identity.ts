/** What a runtime says of itself. */
export interface Identity {
  readonly runtime: "node" | "bun" | "deno" | "workerd" | "edge-runtime" | "unknown";
  /** Empty where the runtime does not tell. */
  readonly version: string;
}

interface Tells {
  readonly Bun?: { readonly version: string };
  readonly Deno?: { readonly version: { readonly deno: string } };
  readonly EdgeRuntime?: string;
  readonly WebSocketPair?: unknown;
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: { readonly versions?: Readonly<Record<string, string>> };
}

/** By what only the real one has: Bun and Deno have a `process.versions.node` too. */
export function identity(): Identity {
  const { Bun, Deno, EdgeRuntime, WebSocketPair, navigator, process } = globalThis as Tells;
  if (Bun !== undefined) return { runtime: "bun", version: Bun.version };
  if (Deno !== undefined) return { runtime: "deno", version: Deno.version.deno };
  if (navigator?.userAgent === "Cloudflare-Workers" && WebSocketPair !== undefined)
    return { runtime: "workerd", version: "" };
  if (EdgeRuntime === "edge-runtime") return { runtime: "edge-runtime", version: "" };
  const node = process?.versions?.["node"];
  return node === undefined ? { runtime: "unknown", version: "" } : { runtime: "node", version: node };
}
