// npm run test:guards [-- --only "turn held" --only enqueue] [--workers 2] [--exceptions]: takes each predicate, lock, limit and order from each
// guarded statement, one at a time, and shows that a test then fails. The files stay as they are: it may be interrupted.
import { parseArgs } from "node:util";

import { migrate } from "../src/migrate/migrate.ts";
import { pgExecutor } from "../src/adapters/pg/pg.ts";
import { refusal } from "../test/guards/accepted.ts";
import { EXCEPTIONS, type Exception } from "../test/guards/exceptions.ts";
import { KillerOrder } from "../test/guards/killer-order.ts";
import { mutantsOf, type Mutant } from "../test/guards/mutants.ts";
import { STATEMENTS, TESTS, unlisted } from "../test/guards/statements.ts";
import { openTestRuns, type Failure, type TestPlace, type TestRuns } from "../test/guards/test-run.ts";
import { provisionPostgres } from "../test/support/postgres-provision.ts";
import { withClient } from "../test/support/postgres.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [""] },
    tests: { type: "string", multiple: true, default: [...TESTS] },
    workers: { type: "string", default: "2" },
    exceptions: { type: "boolean", default: false },
  },
});
const root = new URL("../", import.meta.url);
const began = Date.now();
const seconds = (since: number): string => `${((Date.now() - since) / 1_000).toFixed(1)} s`;
const said = ({ part, text, becomes }: Mutant): string =>
  `${part}: ${text}${becomes === "" ? "" : ` → ${becomes}`}`;

const found = STATEMENTS.flatMap((statement) =>
  mutantsOf(statement, root).map((mutant) => ({ statement, mutant })),
);
const alike = (one: Mutant, other: Mutant): boolean => said(one) === said(other);
const excepts = (exception: Exception, mutant: Mutant): boolean =>
  exception.part === mutant.part &&
  exception.text === mutant.text &&
  (exception.becomes ?? mutant.becomes) === mutant.becomes &&
  (exception.which === undefined || exception.which === whichOf(mutant));
const whichOf = (mutant: Mutant): number =>
  found.filter((one) => alike(one.mutant, mutant)).findIndex((one) => one.mutant === mutant) + 1;
const exceptionOf = (mutant: Mutant): Exception | undefined => EXCEPTIONS.find((one) => excepts(one, mutant));

/** What has to be put right, whatever the tests say. */
const wrong = [
  ...unlisted(root).map((file) => `${file} holds a statement that no list names`),
  ...EXCEPTIONS.filter((one) => !found.some(({ mutant }) => excepts(one, mutant))).map(
    ({ part, text }) => `an exception fits nothing: ${part}: ${text}`,
  ),
];
const chosen = found.filter(({ mutant }) => values.only.some((word) => said(mutant).includes(word)));
const tried = chosen.filter(({ mutant }) => values.exceptions || exceptionOf(mutant) === undefined);
const survivors: string[] = [];
let killed = 0;

const server = await provisionPostgres();
console.log(`PostgreSQL ${server.version}, ${server.origin}: ${tried.length} mutants of ${chosen.length}`);
try {
  wrong.push(...(await refused()));
  const runs = await openTestRuns(root, server.url, Number(values.workers));
  try {
    await tryAll(runs);
  } finally {
    await runs.close();
  }
} finally {
  await server.stop();
}

const excepted = chosen.flatMap(({ mutant }) => {
  const exception = exceptionOf(mutant);
  return exception === undefined ? [] : [`${said(mutant)}\n           ${exception.reason}`];
});
for (const one of excepted) console.log(`excepted   ${one}`);
for (const one of survivors) console.log(`SURVIVED   ${one}`);
for (const one of wrong) console.log(`WRONG      ${one}`);
console.log(
  `${chosen.length} predicates, locks, limits and orders: ${killed} missed by a test, ${excepted.length} excepted, ` +
    `${survivors.length} survived, ${wrong.length} wrong; ${seconds(began)}`,
);
process.exitCode = survivors.length + wrong.length === 0 && chosen.length > 0 ? 0 : 1;

/** Those that PostgreSQL doesn't take are exceptions that say so. */
async function refused(): Promise<readonly string[]> {
  return await withClient(server.url, async (admin) => {
    const name = `pqrun_guards_${process.pid}`;
    await admin.query(`CREATE DATABASE ${name}`);
    const url = Object.assign(new URL(server.url), { pathname: `/${name}` });
    try {
      return await withClient(url.href, async (client) => {
        await migrate(pgExecutor(client));
        const answers: string[] = [];
        for (const { mutant } of tried) {
          const message = await refusal(client, mutant, root);
          if (message !== null) answers.push(`PostgreSQL refuses it: ${said(mutant)}: ${message}`);
        }
        return answers;
      });
    } finally {
      await admin.query(`DROP DATABASE ${name}`);
    }
  });
}

async function tryAll(runs: TestRuns): Promise<void> {
  const all = await runs.files(values.tests);
  const broken = await runs.run(all, null);
  if (broken !== undefined) {
    wrong.push(`${broken.file} fails without a mutation: ${broken.test}: ${broken.message}`);
    return;
  }
  console.log(`all tests of ${all.length} files pass without a mutation: ${seconds(began)}`);
  const order = new KillerOrder(all, new URL("node_modules/.cache/pqrun-guards.json", root));
  for (const [index, one] of tried.entries()) {
    await tryOne(runs, order, one, `${index + 1}/${tried.length}`);
  }
}

async function tryOne(
  runs: TestRuns,
  order: KillerOrder,
  { statement, mutant }: (typeof tried)[number],
  count: string,
): Promise<void> {
  const start = Date.now();
  const name = `${said(mutant)} #${whichOf(mutant)}`;
  const files = order.of(statement, mutant.part);
  const failure =
    (await failureAgain(runs, order.last(name), mutant)) ??
    (await provenFailure(runs, files.slice(0, 1), mutant)) ??
    (await provenFailure(runs, files.slice(1), mutant));
  if (failure === undefined) survivors.push(name);
  else {
    killed += 1;
    order.killed(statement, mutant.part, name, failure);
  }
  const by =
    failure === undefined
      ? "SURVIVED"
      : `${failure.file} > ${failure.test}: ${failure.message.split("\n")[0] ?? ""}`;
  console.log(`${count} ${name}\n           ${by} (${seconds(start)})`);
  if (failure !== undefined && exceptionOf(mutant) !== undefined)
    wrong.push(`no exception any more: ${said(mutant)}`);
}

/** What failed in an earlier run, if it does so again. */
async function failureAgain(
  runs: TestRuns,
  place: TestPlace | undefined,
  mutant: Mutant,
): Promise<Failure | undefined> {
  const failure = place !== undefined && (await runs.runOne(place, mutant));
  return typeof failure === "object" && (await passesWithout(runs, failure)) ? failure : undefined;
}

/** A failure proves something where the same test passes without the mutation. */
async function passesWithout(runs: TestRuns, failure: Failure): Promise<boolean> {
  if ((await runs.runOne(failure, null)) === true) return true;
  return (await runs.run([failure.file], null)) === undefined;
}

/** The first failure that proves something. Where tests fail in any case, it is said which, and the run goes on. */
async function provenFailure(
  runs: TestRuns,
  files: readonly string[],
  mutant: Mutant,
): Promise<Failure | undefined> {
  if (files.length === 0) return undefined;
  let failure: Failure | undefined;
  for (let tries = 1; tries <= 3; tries += 1) {
    failure = await runs.run(files, mutant);
    if (failure === undefined || (await passesWithout(runs, failure))) return failure;
  }
  const test = `${failure?.file ?? ""} > ${failure?.test ?? ""}: ${failure?.message ?? ""}`;
  wrong.push(`at ${said(mutant)} a test fails without the mutation too: ${test}`);
  return undefined;
}
