import { tableNames } from "../../core/sql/table-names.ts";
import { pythonIndexes, tableMigrations } from "../../migrate/migrations.ts";
import { readCatalog, type Catalog } from "./catalog.ts";
import type { Check, Finding, Patient } from "./finding.ts";

/** Ends the transaction in which the table as it should be was made. */
class Compared extends Error {
  readonly catalogs: readonly [expected: Catalog, found: Catalog];

  constructor(expected: Catalog, found: Catalog) {
    super("compared");
    this.catalogs = [expected, found];
  }
}

/**
 * Compares the table with what these migrations make: in a schema of its own, in a transaction that is rolled back. So
 * no list of columns has to be kept here, and nothing is left behind.
 */
export const tableCheck: Check = async (patient) => {
  const [expected, found] = await catalogsOf(patient);
  const findings: Finding[] = [];
  const migrate = `pqrun migrate${patient.named}`;
  const problem = (what: string, cure: string): void => {
    findings.push({ check: "table", severity: "problem", what, cure });
  };
  const hint = (what: string, cure: string): void => {
    findings.push({ check: "table", severity: "hint", what, cure });
  };
  for (const [name, definition] of expected) {
    const own = found.get(name);
    if (own === definition) continue;
    if (own === undefined) problem(`${name} is missing: a migration is pending`, migrate);
    else if (own === "INVALID") problem(`${name} is invalid: its build was interrupted`, migrate);
    else if (name.startsWith("setting "))
      hint(`${name} is ${own}, not ${definition}`, settingCure(patient, name, definition));
    else
      problem(`${name} was changed: it is ${own}, not ${definition}`, changeCure(patient, name, definition));
  }
  const python = new Set(pythonIndexes(patient.table).map((name) => `index ${name}`));
  for (const [name, definition] of found) {
    if (expected.has(name) || !name.startsWith("index ")) continue;
    if (definition === "INVALID")
      problem(`${name} is invalid, and costs each write`, dropCure(patient, name));
    else if (python.has(name))
      hint(`${name} is the Python package's, which pqrun doesn't use`, `${migrate} --drop-python-indexes`);
    else hint(`${name} is not pqrun's, and costs each job a write`, dropCure(patient, name));
  }
  return findings;
};

async function catalogsOf({ executor, table, names }: Patient): Promise<readonly [Catalog, Catalog]> {
  if (executor.transaction === undefined) throw new Error("this driver has no transactions");
  const schema = `pqrun_doctor_${crypto.randomUUID().slice(0, 8)}`;
  const scratch = { ...table, schema };
  try {
    return await executor.transaction(async (tx) => {
      await tx.query(`CREATE SCHEMA ${schema}`, []);
      for (const { text } of tableMigrations(scratch, "always")) await tx.query(text, []);
      throw new Compared(await readCatalog(tx, tableNames(scratch)), await readCatalog(tx, names));
    });
  } catch (error) {
    if (error instanceof Compared) return error.catalogs;
    throw error;
  }
}

/** `jobs.payload` of `column jobs.payload`, quoted by the catalog where it must be. */
function member(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

function settingCure({ names }: Patient, name: string, definition: string): string {
  return `ALTER TABLE ${names.jobs} SET (${member(name)} = ${definition})`;
}

function dropCure({ names }: Patient, name: string): string {
  const index = name.slice("index ".length);
  const schema = names.jobs.slice(0, names.jobs.indexOf('"."') + 1);
  return `DROP INDEX CONCURRENTLY ${schema}.${index}`;
}

function changeCure({ names, named }: Patient, name: string, definition: string): string {
  if (name.startsWith("column ")) {
    const [type = definition, byDefault] = definition.split(" DEFAULT ");
    const set = byDefault === undefined ? "" : `, ALTER COLUMN ${member(name)} SET DEFAULT ${byDefault}`;
    const bare = type.replace(" NOT NULL", "").replace(" IDENTITY", "");
    return `ALTER TABLE ${names.jobs} ALTER COLUMN ${member(name)} TYPE ${bare}${set}`;
  }
  if (name.startsWith("index ")) return `${dropCure({ names } as Patient, name)}; then pqrun migrate${named}`;
  return `DROP TRIGGER ${member(name)} ON ${names.jobs}; then pqrun migrate${named}`;
}
