/** What of the runtime's channels is used here. */
interface Port {
  onmessage: (() => void) | null;
  postMessage(message: null): void;
  close(): void;
}

type Channel = new () => { readonly port1: Port; readonly port2: Port };

/**
 * Resolves once the event loop has turned, where it reads what has come in: neither among what closes nor after it.
 * By a message, since tests replace timers. Without channels it waits for what is ready.
 */
export async function onceTurned(): Promise<void> {
  const { MessageChannel } = globalThis as unknown as { readonly MessageChannel?: Channel };
  if (MessageChannel === undefined) return;
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
