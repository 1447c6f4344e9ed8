import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { MAIN, run } from "../cli/run-cli.ts";
import { testQueue } from "../support/queue.ts";
import { blocksOf, linksOf, problemsIn } from "./documents.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const queue = await testQueue();

test(
  "each piece of TypeScript in the README compiles under the strictest settings",
  { timeout: 120_000 },
  () => {
    const code = blocksOf("README.md", "ts");
    expect(code.length).toBeGreaterThanOrEqual(4);
    expect(problemsIn(code)).toBe("");
  },
);

test("all that the README connects to is the database of DATABASE_URL", () => {
  const opened = blocksOf("README.md", "ts").flatMap((text) =>
    [
      ...text.matchAll(/new (?:Pool|Client)\((?!\{\s*connectionString: process\.env\["DATABASE_URL"\]).*/g),
    ].map(([call]) => call),
  );
  expect(opened).toEqual([]);
});

test("each SQL statement in the README runs as it stands", async () => {
  const statements = blocksOf("README.md", "sql").flatMap((text) =>
    text.split(/;\s*$/m).filter((one) => one.trim() !== ""),
  );
  expect(statements.length).toBeGreaterThanOrEqual(5);
  for (const statement of statements) await queue.rows(statement);
  const [row] = await queue.rows("SELECT count(*)::int AS jobs FROM jobs");
  expect(row).toEqual({ jobs: 2 });
});

test("the README's two commands are scripts of the package, and CI runs the second", () => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
    scripts: Record<string, string>;
  };
  const commands = blocksOf("README.md", "sh").flatMap((text) => text.trim().split("\n"));
  expect(commands).toContain("npm ci && npm start");
  expect(commands).toContain("npm ci && npm test");
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["start", "test"]));
  expect(readFileSync(`${root}.ci/run`, "utf8")).toMatch(/npm test/);
});

test("the README's commands of the CLI run as they stand, in a shell", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pqrun-readme-"));
  try {
    await queue.rows("TRUNCATE jobs");
    await queue.rows(
      `INSERT INTO jobs (id, job_type, status) OVERRIDING SYSTEM VALUE
       VALUES (42, 'embed', 'FAILED'), (43, 'embed', 'READY'), (44, 'embed', 'READY'), (45, 'embed', 'FAILED')`,
    );
    writeFileSync(join(folder, "handlers.ts"), "export const handlers = { embed: (): number => 1 };");
    // `npx pqrun` is this CLI.
    writeFileSync(join(folder, "npx"), `#!/bin/sh\nshift\nexec '${process.execPath}' '${MAIN}' "$@"\n`, {
      mode: 0o755,
    });
    const commands = blocksOf("README.md", "sh").filter((text) => text.includes("npx pqrun ls"));
    expect(commands).toHaveLength(1);
    const env = {
      ...process.env,
      PATH: `${folder}:${process.env["PATH"] ?? ""}`,
      PQRUN_DATABASE_URL: queue.url,
    };
    const { code, stdout, stderr } = await run("bash", ["-ec", commands.join("\n")], { cwd: folder, env });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/^42 retried\n43 cancelled\n44 cancelled\n/m);
    expect(stdout).toMatch(/^1 done, 0 retried, 0 failed/m);
    expect(stdout).toMatch(/45 retried\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("each of the README's links into the repository leads somewhere", () => {
  const links = linksOf("README.md");
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((path) => !existsSync(root + path))).toEqual([]);
});
