import { deferred, equal, soon } from "./assert.ts";
import type { Bench, Promises } from "./subject.ts";

/** Names that a driver might fold, cut or take for SQL; the last has 63 bytes. */
const CHANNELS = [
  "plain",
  "Upper Case",
  'quo"te',
  "semi;colon",
  "--comment",
  "ünïcödé",
  "$1",
  "x".repeat(63),
];

/** What an executor promises of LISTEN. */
export function listenPromises<Tx>(promise: Promises<Tx>): void {
  promise(
    "listen hears what other sessions send, whatever the channel is called",
    ["listen", "hears"],
    async (bench) => {
      for (const channel of CHANNELS) {
        const ear = await listenTo(bench, channel);
        await notify(bench, channel, `to ${channel}`);
        equal(await ear.next(), `to ${channel}`);
        await ear.stop();
      }
    },
  );

  promise(
    "listen hears payloads in order, empty ones and 7 kB of unicode too",
    ["listen", "hears"],
    async (bench) => {
      const ear = await listenTo(bench, "payloads");
      const payloads = ["", "one", "zażółć 🐘", "ü".repeat(3_500), `{"json": "'"}`];
      for (const payload of payloads) await notify(bench, "payloads", payload);
      for (const payload of payloads) equal(await ear.next(), payload);
      await ear.stop();
    },
  );

  promise("listen hears no channel but its own", ["listen", "hears"], async (bench) => {
    const [a, b] = [await listenTo(bench, "a"), await listenTo(bench, "b")];
    await notify(bench, "a", "for a");
    await notify(bench, "b", "for b");
    equal([await a.next(), await b.next()], ["for a", "for b"]);
    await Promise.all([a.stop(), b.stop()]);
  });

  promise(
    "nothing is heard after unlisten, and a second call does nothing",
    ["listen", "hears"],
    async (bench) => {
      const [gone, kept] = [await listenTo(bench, "gone"), await listenTo(bench, "kept")];
      await gone.stop();
      await gone.stop();
      for (const payload of ["1", "2"]) {
        await notify(bench, "gone", payload);
        await notify(bench, "kept", payload);
        equal(await kept.next(), payload);
      }
      equal(gone.unread(), []);
      await kept.stop();
    },
  );

  promise("one of two listeners of a channel may leave", ["listen", "hears"], async (bench) => {
    const [leaving, staying] = [await listenTo(bench, "shared"), await listenTo(bench, "shared")];
    await notify(bench, "shared", "both");
    equal([await leaving.next(), await staying.next()], ["both", "both"]);
    await leaving.stop();
    await notify(bench, "shared", "one");
    equal(await staying.next(), "one");
    equal(leaving.unread(), []);
    await staying.stop();
  });

  promise("statements run while it listens", ["listen", "hears"], async (bench) => {
    const ear = await listenTo(bench, "busy");
    await Promise.all(Array.from({ length: 5 }, () => bench.executor.query("SELECT 1::text AS a")));
    await notify(bench, "busy", "heard");
    equal(await ear.next(), "heard");
    await ear.stop();
  });

  promise(
    "LISTEN outlives its session: it says that it was lost, or opens another, and says that something may have been missed",
    ["listen", "hears", "reconnect", "rival"],
    async (bench) => {
      const ear = await listenTo(bench, "outlives");
      await bench.sql(
        `SELECT pg_terminate_backend(pid)::text AS a FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE 'listen %outlives%'`,
      );
      // A driver that opens it anew by itself need not say that it was lost.
      if ((await ear.event()) === "lost, in order") {
        await ear.reopen();
        equal(await ear.event(), "reopened");
      }
      await notify(bench, "outlives", "again");
      equal(await ear.next(), "again");
      await ear.stop();
      equal(await bench.executor.query("SELECT 'usable' AS a").then((rows) => rows.length), 1);
    },
  );

  promise(
    "a session that is there can be replaced, for all that listen to it",
    ["listen", "hears"],
    async (bench) => {
      const [one, other] = [await listenTo(bench, "replaced"), await listenTo(bench, "besides")];
      await one.reopen();
      equal([await one.event(), await other.event()], ["reopened", "reopened"]);
      await notify(bench, "replaced", "for one");
      await notify(bench, "besides", "for the other");
      equal([await one.next(), await other.next()], ["for one", "for the other"]);
      await Promise.all([one.stop(), other.stop()]);
    },
  );

  promise("no message is taken for anything else", ["listen", "hears"], async (bench) => {
    const ear = await listenTo(bench, "forged");
    for (const payload of ["pqrun:reconnected", "reopened", "lost"]) {
      await notify(bench, "forged", payload);
      equal(await ear.next(), payload);
    }
    equal(ear.events(), []);
    await ear.stop();
  });
}

interface Ear {
  /** The next payload, in order. */
  next(): Promise<string>;
  unread(): readonly string[];
  /** The next thing that happened to the session. */
  event(): Promise<string>;
  events(): readonly string[];
  readonly reopen: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

async function listenTo<Tx>({ executor }: Bench<Tx>, channel: string): Promise<Ear> {
  const heard = new Inbox(`a payload on ${channel}`);
  const events = new Inbox(`news of the session that listens to ${channel}`);
  const listening = await executor.listen(channel, {
    onNotify: (payload) => {
      heard.add(payload);
    },
    onReopened: () => {
      events.add("reopened");
    },
    onLost: (clean) => {
      events.add(clean ? "lost, in order" : "lost");
    },
  });
  return {
    next: () => heard.next(),
    unread: () => heard.items,
    event: () => events.next(),
    events: () => events.items,
    reopen: () => listening.reopen(),
    stop: () => listening.stop(),
  };
}

/** What has come, in order, and a way to wait for it. */
class Inbox {
  readonly items: string[] = [];
  readonly #what: string;
  #arrived = deferred<undefined>();

  constructor(what: string) {
    this.#what = what;
  }

  add(item: string): void {
    this.items.push(item);
    this.#arrived.resolve(undefined);
    this.#arrived = deferred();
  }

  async next(): Promise<string> {
    while (this.items.length === 0) await soon(this.#arrived.promise, this.#what);
    return this.items.shift() ?? "";
  }
}

async function notify<Tx>({ sql }: Bench<Tx>, channel: string, payload: string): Promise<void> {
  await sql("SELECT pg_notify($1::text, $2::text)::text AS a", [channel, payload]);
}
