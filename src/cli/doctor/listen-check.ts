import type { Check } from "./finding.ts";

/** How long a notification of one's own may take. */
const HEARD_WITHIN_MS = 5_000;

/** Whether a LISTEN through this URL hears what is notified, which it doesn't behind a pooler in transaction mode. */
export const listenCheck: Check = async ({ executor }) => {
  const finding = (what: string) =>
    [
      {
        check: "listen",
        severity: "problem",
        what: `${what}: workers poll`,
        cure: "use a URL past the pooler for workers",
      },
    ] as const;
  if (executor.listen === undefined) return finding("this driver has no LISTEN");
  const channel = `pqrun_doctor_${crypto.randomUUID().slice(0, 8)}`;
  let timer: NodeJS.Timeout | undefined;
  let hear: (heard: boolean) => void = () => undefined;
  const heard = new Promise<boolean>((resolve) => {
    hear = resolve;
  });
  const callbacks = {
    onNotify: () => hear(true),
    onReopened: () => undefined,
    onLost: () => hear(false),
  };
  const listening = await executor.listen(channel, callbacks);
  try {
    timer = setTimeout(() => hear(false), HEARD_WITHIN_MS);
    await executor.query("SELECT pg_notify($1::text, 'doctor')", [channel]);
    return (await heard)
      ? []
      : finding("a LISTEN through this URL hears nothing, as behind a pooler in transaction mode");
  } finally {
    clearTimeout(timer);
    await listening.stop();
  }
};
