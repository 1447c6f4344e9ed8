/** What of Node's `events` is called, by way of `process`, since other runtimes have neither. */
interface NodeEvents {
  setMaxListeners(limit: number, ...targets: readonly AbortSignal[]): void;
}
interface NodeProcess {
  getBuiltinModule?(name: "node:events"): NodeEvents | undefined;
}

/**
 * Node warns of a leak where more than ten things listen to a signal. A handler may give its own to any number of
 * requests and timers, and it lives no longer than the handler.
 */
export function withoutLeakWarning(signal: AbortSignal): AbortSignal {
  const { process } = globalThis as { readonly process?: NodeProcess };
  try {
    process?.getBuiltinModule?.("node:events")?.setMaxListeners(0, signal);
  } catch {
    // A runtime that only resembles Node.
  }
  return signal;
}
