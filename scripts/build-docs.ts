// npm run docs: the site of docs/*.md and of the API report, into site/dist. The first run installs VitePress, into site.
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";

import { apiPages } from "./api-pages.ts";
import { installBeside } from "./install-beside.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const REPOSITORY = "https://github.com/pqrun/pqrun-js";
const PAGES = `${root}site/.pages/`;

/** The pages of a reader's way, by their paths in docs; what is in none of these goes to the last. */
const SECTIONS = [
  ["Start", ["start", "life-of-a-job", "platforms", "frameworks", "schedules", "testing"]],
  ["Operate", ["cli", "dashboard", "observability", "troubleshooting", "scaling"]],
  ["What is promised", ["guarantees", "reliability"]],
  ["Moving here", ["moving"]],
] as const;

/** A page as the site has it: links out of docs lead to the repository. */
export function sitePage(path: string, text: string): string {
  return text.replaceAll(/\]\(([^)#:\s]+)(#[^)]*)?\)/g, (link, target: string, anchor = "") => {
    const to = posix.normalize(posix.join(posix.dirname(`docs/${path}`), target));
    if (to.startsWith("docs/") && /\.(md|png|svg)$/.test(to)) return link;
    return `](${REPOSITORY}/blob/main/${to}${anchor as string})`;
  });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(PAGES + path), { recursive: true });
  writeFileSync(PAGES + path, text);
}

function titleOf(text: string): string {
  return /^# (.*)$/m.exec(text)?.[1] ?? "";
}

/** Writes all pages, and what leads to them. @returns how many */
function writePages(): number {
  rmSync(PAGES, { recursive: true, force: true });
  const pages = new Map(
    globSync("**/*.md", { cwd: `${root}docs` }).map((path) => [
      path,
      sitePage(path, readFileSync(`${root}docs/${path}`, "utf8")),
    ]),
  );
  for (const path of globSync("**/*.{png,svg}", { cwd: `${root}docs` }))
    cpSync(`${root}docs/${path}`, PAGES + path);
  for (const [path, text] of pages) write(path.replace(/README\.md$/, "index.md"), text);
  const api = apiPages(readFileSync(`${root}docs/api.txt`, "utf8"));
  for (const [path, text] of api) write(path, text);
  const link = ([path, text]: readonly [string, string]): object => ({
    text: titleOf(text),
    link: `/${path.replace(/(README)?\.md$/, "")}`,
  });
  const known: readonly string[] = SECTIONS.flatMap(([, names]) => names.map((name) => `${name}.md`));
  const sections = SECTIONS.map(([text, names]) => ({
    text,
    items: names.flatMap((name) => {
      const page = pages.get(`${name}.md`);
      return page === undefined ? [] : [link([`${name}.md`, page])];
    }),
  }));
  const rest = [...pages].filter(([path]) => !known.includes(path) && path !== "README.md");
  const more = { text: "Why it is so", collapsed: true, items: rest.map(link) };
  write(
    "sidebar.json",
    JSON.stringify([...sections, { text: "API", collapsed: true, items: api.map(link) }, more]),
  );
  const list = sections.map(({ text, items }) => `## ${text}\n\n${items.map(entry).join("\n")}\n`);
  write(
    "index.md",
    `# pqrun\n\nA job queue in the PostgreSQL that your application already has.\n\n${list.join("\n")}`,
  );
  return pages.size + api.length + 1;
}

function entry(item: object): string {
  const { text, link } = item as { readonly text: string; readonly link: string };
  return `- [${text}](${link})`;
}

if (import.meta.main) {
  installBeside("site");
  console.log(`${writePages()} pages`);
  const { status } = spawnSync("npx", ["vitepress", "build"], {
    cwd: `${root}site`,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  process.exitCode = status ?? 1;
}
