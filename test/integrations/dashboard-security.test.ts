import { Hono } from "hono";
import { expect, test } from "vitest";

import { dashboard, type Access } from "../../src/dashboard/dashboard.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { BASE, SITE, browse, textOf } from "../support/dashboard.ts";
import { CORPUS, isStorable } from "../security/corpus.ts";
import { testQueue } from "../support/queue.ts";
import { tableDatabase } from "../support/table-database.ts";

const queue = await testQueue();
const { store } = queue;

const PAGES = ["", "/", "/jobs", "/failures", "/schedules", "/workers", "/confirm?what=retry", "/live"];
const ACTS = ["retry", "cancel", "run"] as const;

test("it does not mount without authorize, nor with an option that can't be", () => {
  const refused = (options: object, field: string): void =>
    expect(() => dashboard(options as Parameters<typeof dashboard>[0])).toThrow(field);
  refused({ store }, "authorize");
  refused({ store, authorize: "full" }, "authorize");
  refused({ authorize: () => "full" }, "store");
  refused({ store, authorize: () => "full", redact: true }, "redact");
  refused({ store, authorize: () => "full", authorise: () => false }, "authorise");
  // @ts-expect-error it is required by its type, too
  expect(() => dashboard({ store })).toThrow("authorize");
});

test.for([false, undefined, null, true, "FULL", "", {}, { admin: true }, { retry: "yes" }])(
  "whom authorize gives %j sees nothing and does nothing",
  async (access) => {
    const id = await queue.insert({ status: "'FAILED'" });
    const stranger = browse({ store, authorize: () => access as Access });
    for (const page of [...PAGES, `/jobs/${id}`]) {
      const response = await stranger.get(page);
      expect([page, response.status, await response.text()]).toEqual([
        page,
        403,
        "You have no access to this dashboard.",
      ]);
    }
    for (const what of ACTS) expect((await stranger.post({ what, id })).status).toBe(403);
    expect((await store.get(id))?.status).toBe("FAILED");
  },
);

test("a viewer sees all pages, is offered no act, and is refused each", async () => {
  const viewer = browse({ store, authorize: () => "read" });
  const failed = await queue.insert({ status: "'FAILED'", last_error: "'x'" });
  const ready = await queue.insert({ run_after: "now() + interval '1 hour'" });
  await queue.rows("INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('s', 'a', '@daily')");
  for (const path of [
    "",
    "/jobs",
    "/failures",
    "/schedules",
    "/workers",
    `/jobs/${failed}`,
    `/jobs/${ready}`,
  ]) {
    const page = await viewer.page(path);
    expect(page).not.toContain('method="post"');
    expect(page).not.toContain("/confirm");
  }
  const images = await Promise.all([failed, ready].map((id) => queue.image(id)));
  const asked = [
    ...ACTS.flatMap((what) => [
      { what, id: failed },
      { what, id: ready },
      { what, all: "1" },
    ]),
  ];
  const ofSchedules = ["run", "pause", "resume"].map((what) => ({ what, schedule: "s" }));
  for (const fields of [...asked, ...ofSchedules]) expect((await viewer.post(fields)).status).toBe(403);
  expect(await Promise.all([failed, ready].map((id) => queue.image(id)))).toEqual(images);
  expect(await queue.rows("SELECT paused FROM jobs_schedules")).toEqual([{ paused: false }]);
  expect((await viewer.get("/confirm?what=retry")).status).toBe(400);
});

test("single rights give what they name and nothing else", async () => {
  const some = browse({ store, authorize: () => ({ cancel: true }) });
  const id = await queue.insert();
  const failed = await queue.insert({ status: "'FAILED'" });
  expect(await some.page(`/jobs/${id}`)).toContain('value="cancel"');
  expect(await some.page(`/jobs/${failed}`)).not.toContain('value="retry"');
  expect((await some.post({ what: "retry", id: failed })).status).toBe(403);
  await some.act({ what: "cancel", id });
  expect((await store.get(id))?.status).toBe("CANCELLED");
});

test.for<[string, Record<string, string>, number]>([
  ["this very site's page", { "sec-fetch-site": "same-origin" }, 303],
  ["an older browser's page of this site", { origin: SITE, host: "localhost" }, 303],
  ["this site behind a proxy that ends TLS", { origin: "https://jobs.example", host: "jobs.example" }, 303],
  ["another site's page", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }, 403],
  ["a sister site's page", { "sec-fetch-site": "same-site", origin: "http://evil.localhost" }, 403],
  ["a page that claims to be here", { "sec-fetch-site": "cross-site", origin: SITE }, 403],
  ["an older browser's page of another site", { origin: "https://evil.example", host: "localhost" }, 403],
  ["another port of this machine", { origin: "http://localhost:8080", host: "localhost" }, 403],
  ["a sandboxed frame", { origin: "null", host: "localhost" }, 403],
  ["a program without headers", {}, 403],
])("a form of %s: %j is %i", async ([, headers, status]) => {
  const id = await queue.insert();
  const site = browse({ store, authorize: () => "full" });
  expect((await site.post({ what: "cancel", id }, headers)).status).toBe(status);
  expect((await store.get(id))?.status).toBe(status === 303 ? "CANCELLED" : "READY");
});

test("acts are no GETs", async () => {
  const id = await queue.insert();
  const site = browse({ store, authorize: () => "full" });
  expect((await site.get(`/act?what=cancel&id=${id}`)).status).toBe(404);
  expect((await store.get(id))?.status).toBe("READY");
});

test("every response is kept by nobody, and runs, loads and is framed by nothing but what it names anew", async () => {
  const id = await queue.insert();
  const site = browse({ store, authorize: () => "full" });
  const nonces = new Set<string>();
  const responses = [
    ...(await Promise.all([...PAGES, `/jobs/${id}`].map((page) => site.get(page)))),
    await site.post({ what: "cancel", id }),
    await site.post({ what: "cancel", id }, {}),
    await browse({ store, authorize: () => false }).get(),
  ];
  for (const response of responses) {
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'nonce-[\w-]{36}'; style-src 'nonce-[\w-]{36}'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    );
    const [, nonce = ""] = /nonce-([\w-]+)/.exec(policy) ?? [];
    nonces.add(nonce);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("set-cookie")).toBeNull();
    // Nothing inline that the policy would refuse, and nothing that would want its refusal lifted.
    const page = await response.text();
    expect(page).not.toMatch(/ style=| on\w+=|javascript:/);
    for (const [tag] of page.matchAll(/<(?:script|style)[^>]*>/g)) expect(tag).toContain(`nonce="${nonce}"`);
  }
  expect(nonces.size).toBe(responses.length);
});

test("its script writes texts and attributes, and never HTML", async () => {
  const page = await browse({ store, authorize: () => "full" }).page();
  const [, script = ""] = /<script[^>]*>(.*?)<\/script>/s.exec(page) ?? [];
  expect(script).toContain("textContent");
  expect(script).not.toMatch(
    /innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function|createElement|location/,
  );
});

/** What must be shown as the text that it is. */
const HOSTILE = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  "</textarea></title></style></pre><b>",
  "<!--",
  "]]><a href=javascript:alert(1)>",
  "&lt;b&gt;&amp;",
  "${alert(1)}`{{7*7}}",
  "\u202Egnp.exe\u202C\u2066",
  "a\r\nSet-Cookie: a=b\r\n\r\n<b>",
  "javascript:alert(1)",
  "__proto__",
  "constructor",
  " ",
  "😀\u0301".repeat(20),
] as const;

test.for(HOSTILE)(
  "%j as type, key, payload, error, worker and schedule is a text on every page",
  async (text) => {
    const site = browse({
      store,
      authorize: () => "full",
      links: () => [{ label: text, href: text }],
      home: { label: text, href: text },
    });
    const json = JSON.stringify({ [text]: text });
    const insert = async (status: string): Promise<string> => {
      const [row] = await queue.rows(
        `INSERT INTO jobs (job_type, payload, result, dedupe_key, last_error, locked_by, status, finished_at)
       VALUES ($1, $2, $2, $1, $1, $1, $3::text::job_status, now()) RETURNING id::text`,
        [text, json, status],
      );
      return String(row?.["id"]);
    };
    const ids = [await insert("FAILED"), await insert("DONE"), await insert("RUNNING")];
    await queue.rows("INSERT INTO jobs_waiting (worker, until) VALUES ($1, now() + interval '1 minute')", [
      text,
    ]);
    await queue.rows(
      "INSERT INTO jobs_schedules (name, job_type, cron, declared_by, last_error) VALUES ($1, $1, '@daily', $1, $1)",
      [text],
    );
    const encoded = encodeURIComponent(text);
    const paths = [
      ...["", "/jobs", "/failures", "/schedules", "/workers"],
      ...ids.map((id) => `/jobs/${id}`),
      `/jobs?type=${encoded}&key=${encoded}&status=${encoded}&id=${encoded}&since=${encoded}&before=${encoded}`,
      `/confirm?what=retry&type=${encoded}&key=${encoded}`,
      `/jobs?did=${encoded}&n=${encoded}&twin=${encoded}&left=${encoded}`,
      `/confirm?what=${encoded}`,
    ];
    for (const path of paths) await expectOnlyOurTags(await site.get(path));
    // And it is there to be read.
    const shown = textOf(await site.page(`/jobs/${ids[0] ?? ""}`));
    expect(shown).toContain(text.replace(/\s+/g, " ").trim());
  },
);

test("so is each text of the security tests' corpus, as a type and an error in the lists", async () => {
  const texts = CORPUS.filter((text) => isStorable(text) && text.length <= 256);
  await queue.rows(
    "INSERT INTO jobs (job_type, last_error, status) SELECT t, t, 'FAILED' FROM jsonb_array_elements_text($1::jsonb) t",
    [JSON.stringify(texts)],
  );
  const site = browse({ store, authorize: () => "full" });
  for (const path of ["", "/failures"]) await expectOnlyOurTags(await site.get(path));
  for (let [next, pages]: [string | undefined, number] = ["?", 0]; next !== undefined; pages += 1) {
    expect(pages).toBeLessThan(texts.length / 50 + 1);
    const response = await site.get(`/jobs${next.replaceAll("&amp;", "&")}`);
    next = /href="\.\/jobs(\?[^"]*)" rel="next"/.exec(await response.clone().text())?.[1];
    await expectOnlyOurTags(response);
  }
});

test("a bad link stays a text; a relative one and one of the web are links", async () => {
  const id = await queue.insert();
  const hrefs = [
    "javascript:alert(1)",
    " JaVa\tscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "/traces/1",
    "https://a.example/?q=a:b",
    "traces?x=a:b",
  ];
  const site = browse({
    store,
    authorize: () => "full",
    links: () => hrefs.map((href) => ({ label: "trace", href })),
  });
  const page = await site.page(`/jobs/${id}`);
  expect([...page.matchAll(/href="([^"]*)"\s+rel="noreferrer"/g)].map(([, href]) => href)).toEqual(
    hrefs.slice(4),
  );
});

test("payloads and results go through redact, as values and never as text; where it throws, nothing is shown", async () => {
  const [row] = await queue.rows(
    `INSERT INTO jobs (job_type, status, payload, result)
     VALUES ('a', 'DONE', '{"card": "4111", "n": 12345678901234567890}', '{"card": "4222"}') RETURNING id::text`,
  );
  const path = `/jobs/${String(row?.["id"])}`;
  const seen: unknown[] = [];
  const redacted = browse({
    store,
    authorize: () => "read",
    redact: (value, job) => {
      seen.push([typeof value, job]);
      return { ...(value as object), card: "****" };
    },
  });
  const page = await redacted.page(path);
  expect(page).not.toMatch(/4111|4222/);
  expect(textOf(page)).toContain('"card": "****"');
  expect(seen).toEqual([
    ["object", { type: "a", column: "payload" }],
    ["object", { type: "a", column: "result" }],
  ]);
  const failing = browse({
    store,
    authorize: () => "read",
    redact: () => {
      throw new Error("4111");
    },
  });
  expect(await failing.page(path)).not.toMatch(/4111|4222/);
  const hidden = browse({ store, authorize: () => "full", hidePayloads: true });
  expect(await hidden.page(path)).not.toMatch(/4111|4222/);
  // Without either, digits are what the row has.
  expect(textOf(await browse({ store, authorize: () => "read" }).page(path))).toContain(
    "12345678901234567890",
  );
  // And lists have no payloads.
  expect(await browse({ store, authorize: () => "read" }).page("/jobs")).not.toContain("4111");
});

test("it stands wherever it is mounted, with a slash behind it or not, and on a table of any name", async () => {
  await using database = await tableDatabase();
  await database.migrate({ schema: "my schema", table: "Jobs <b>" });
  const own = new PgJobStore(pgExecutor(database.pool), {
    schema: "my schema",
    table: "Jobs <b>",
    logger: false,
  });
  const { id } = await own.enqueue("mail", {});
  for (const base of ["/", "/a", "/a/b/c", "/:tenant/jobs"]) {
    const app = new Hono().route(
      base,
      dashboard({ store: () => Promise.resolve(own), authorize: () => "full" }),
    );
    const here = base.replace(":tenant", "t'%22%3Cb%3E");
    for (const start of new Set([here, here.replace(/\/?$/, "/"), `${here.replace(/\/$/, "")}/jobs/${id}`])) {
      const response = await app.request(SITE + start);
      expect([start, response.status]).toEqual([start, 200]);
      const page = await response.text();
      expect(textOf(page)).toContain("my schema.Jobs <b>");
      const links = [...page.matchAll(/(?:href|action|data-url)="([^"]*)"/g)].map(([, link = ""]) =>
        textOf(link),
      );
      expect(links.length).toBeGreaterThan(5);
      for (const link of links.filter((one) => !/^(?:#.*)?$/.test(one))) {
        const { pathname, search } = new URL(link, SITE + start);
        const method = pathname.endsWith("/act") ? "POST" : "GET";
        expect([link, (await app.request(SITE + pathname + search, { method })).status]).toEqual([
          link,
          method === "GET" ? 200 : 403,
        ]);
      }
    }
  }
});

test("over a table that is not there, or is older than schedules, it says what to do", async () => {
  await using database = await tableDatabase();
  const own = new PgJobStore(pgExecutor(database.pool), { logger: false });
  const site = browse({ store: own, authorize: () => "full" });
  const response = await site.get("/jobs");
  expect([response.status, textOf(await response.text())]).toEqual([
    400,
    expect.stringContaining("run `pqrun migrate`"),
  ]);
  await database.migrate();
  await database.rows("DROP TABLE jobs_schedules CASCADE");
  expect(textOf(await site.page("/schedules"))).toContain("run pqrun migrate");
  expect((await site.get("/jobs")).status).toBe(200);
});

test("errors of the database are the application's to handle, and so are those of authorize", async () => {
  const errors: unknown[] = [];
  const app = new Hono()
    .route(BASE, dashboard({ store, authorize: () => Promise.reject(new Error("no session")) }))
    .onError((error, c) => {
      errors.push(error.message);
      return c.text("sorry", 500);
    });
  expect((await app.request(SITE + BASE)).status).toBe(500);
  expect(errors).toEqual(["no session"]);
});

const OURS =
  /^<\/?(?:!doctype|html|head|meta|title|style|body|a|header|nav|p|code|main|h1|h2|dl|dt|dd|div|span|strong|button|form|label|br|input|select|option|table|caption|thead|tbody|tr|th|td|pre|time|figure|figcaption|svg|path|script)\b/;

/** No text has added an element, an attribute that runs, a link that runs, or a header. */
async function expectOnlyOurTags(response: Response): Promise<void> {
  const page = (await response.text()).replace(/<(style|script) nonce="[^"]*">.*?<\/\1>/gs, "");
  for (const tag of page.match(/<[^>]*>?/g) ?? []) {
    expect(tag).toMatch(OURS);
    expect(tag.replace(/"[^"]*"/g, "")).not.toMatch(/<.*<|\bon\w+|src=|'/);
    expect(tag).not.toMatch(/href="\s*javascript:/i);
  }
  expect(response.headers.get("set-cookie")).toBeNull();
}
