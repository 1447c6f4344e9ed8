import { writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { quietly } from "./cloudflare-workerd.ts";
import { freePort } from "../../support/server-process.ts";
import { PATH_WITH_PROGRAMS } from "../program.ts";
import { said, startExample } from "./example-process.ts";

const EXAMPLE = "cloudflare-cron";
const API_TOKEN = "a-token-of-some-length";
const LIMIT = { timeout: 60_000, interval: 100 };

test(
  "what the README has you type here serves the routes and the cron trigger",
  { timeout: 180_000 },
  async () => {
    await using database = await tableDatabase();
    await database.migrate();
    writeFileSync(`${PROJECT}examples/${EXAMPLE}/.dev.vars`, `API_TOKEN=${API_TOKEN}\n`);
    const port = await freePort();
    await using dev = startExample(
      EXAMPLE,
      ["npm", "run", "start:hyperdrive", "--", "--port", String(port)],
      {
        ...quietly(),
        PATH: PATH_WITH_PROGRAMS,
        CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE: database.url,
      },
    );
    await said(dev, "Ready on");
    const origin = `http://localhost:${port}`;
    const headers = { authorization: `Bearer ${API_TOKEN}` };
    // There is no such page, with the network or without: its one attempt shows that the job was run.
    const ask = { url: "https://web.example/" };
    const posted = await fetch(`${origin}/checks`, { method: "POST", headers, body: JSON.stringify(ask) });
    expect(posted.status, dev.output()).toBe(202);
    const { id } = (await posted.json()) as { readonly id: string };
    await expect
      .poll(async () => (await fetch(`${origin}/jobs/${id}`, { headers })).json(), LIMIT)
      .toMatchObject({ type: "check", status: "READY", attempts: 1 });

    await database.rows("UPDATE jobs SET run_after = now()");
    const fired = await fetch(`${origin}/__scheduled`);
    expect(await fired.text(), dev.output()).toBe("Ran scheduled event");
    expect(await database.rows("SELECT status, attempts FROM jobs")).toEqual([
      { status: "READY", attempts: 2 },
    ]);
    await said(dev, '"retried":1');
  },
);
