import { rowsOf, type Check, type Finding } from "./finding.ts";

const PATIENT_MINUTES = 5;
const OLD_TABLE = 1_000_000_000;
const MUCH_SKEW_MS = 2_000;
/** pqrun is tested from this version on. */
const OLDEST_SERVER = 12;

/** The settings of this session that change what statements do. */
export const settingsCheck: Check = async ({ executor }) => {
  const [[version, isolation, readOnly, autovacuum, role] = []] = await rowsOf(
    executor,
    `SELECT current_setting('server_version') AS a, current_setting('default_transaction_isolation') AS b,
            current_setting('transaction_read_only') AS c, current_setting('autovacuum') AS d, quote_ident(current_user) AS e`,
  );
  const findings: Finding[] = [];
  const add = (what: string, cure: string | null): void => {
    findings.push({ check: "settings", severity: "problem", what, cure });
  };
  if (Number.parseInt(version ?? "", 10) < OLDEST_SERVER) {
    add(`PostgreSQL ${version ?? ""} is older than ${OLDEST_SERVER}, on which pqrun is tested`, null);
  }
  if (isolation !== "read committed") {
    add(
      `the default isolation is ${isolation ?? ""}: statements lose conflicts, and are sent again`,
      `ALTER ROLE ${role ?? ""} SET default_transaction_isolation = 'read committed'`,
    );
  }
  if (readOnly === "on") {
    add("this session is read-only: a standby, or default_transaction_read_only", "connect to the primary");
  }
  if (autovacuum === "off")
    add("autovacuum is off", "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()");
  return findings;
};

/** What keeps VACUUM from what is dead: the table's bloat, and who holds an old snapshot. */
export const vacuumCheck: Check = async ({ executor, names: { jobs } }) => {
  const findings: Finding[] = [];
  const [[live, dead, age] = []] = await rowsOf(
    executor,
    `SELECT s.n_live_tup::text AS a, s.n_dead_tup::text AS b, age(c.relfrozenxid)::text AS c
       FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE c.oid = to_regclass($1::text)`,
    [jobs],
  );
  if (Number(dead) > 20_000 && Number(dead) > Number(live)) {
    findings.push({
      ...{ check: "vacuum", severity: "problem", cure: `VACUUM (ANALYZE) ${jobs}` },
      what: `${Number(dead).toLocaleString("en")} dead rows beside ${Number(live).toLocaleString("en")} live ones`,
    });
  }
  if (Number(age) > OLD_TABLE) {
    findings.push({
      ...{ check: "vacuum", severity: "problem", cure: `VACUUM (FREEZE) ${jobs}` },
      what: `the table's oldest row was frozen ${Number(age).toLocaleString("en")} transactions ago`,
    });
  }
  return findings;
};

/** Transactions that somebody left open. */
export const transactionsCheck: Check = async ({ executor }) => {
  const open = await rowsOf(
    executor,
    `SELECT pid::text AS a, state AS b, coalesce(nullif(application_name, ''), usename::text) AS c,
            floor(extract(epoch FROM now() - xact_start) / 60)::text AS d
       FROM pg_stat_activity
      WHERE xact_start < now() - ${PATIENT_MINUTES} * interval '1 min' AND backend_type = 'client backend'
        AND datname = current_database() AND pid <> pg_backend_pid()
      ORDER BY xact_start LIMIT 10`,
  );
  const prepared = await rowsOf(
    executor,
    `SELECT quote_literal(gid) AS a, floor(extract(epoch FROM now() - prepared) / 60)::text AS b FROM pg_prepared_xacts
      WHERE prepared < now() - ${PATIENT_MINUTES} * interval '1 min' AND database = current_database() LIMIT 10`,
  );
  const found = (what: string, cure: string): Finding => ({
    check: "transactions",
    severity: "problem",
    what,
    cure,
  });
  return [
    ...open.map(([pid, state, who, minutes]) =>
      found(
        `session ${pid ?? ""} (${who ?? ""}, ${state ?? ""}) has had a transaction open for ${minutes ?? ""} minutes, which keeps dead rows`,
        `SELECT pg_terminate_backend(${pid ?? ""})`,
      ),
    ),
    ...prepared.map(([gid, minutes]) =>
      found(
        `a prepared transaction has waited for ${minutes ?? ""} minutes, which keeps dead rows`,
        `ROLLBACK PREPARED ${gid ?? ""}`,
      ),
    ),
  ];
};

/** Dates that an application computes meet the database's clock. */
export const clockCheck: Check = async ({ executor }) => {
  const sent = Date.now();
  const [[theirs] = []] = await rowsOf(
    executor,
    "SELECT (1000 * extract(epoch FROM clock_timestamp()))::int8::text",
  );
  const [ours, halfTrip] = [(sent + Date.now()) / 2, (Date.now() - sent) / 2];
  const skew = Number(theirs) - ours;
  if (Math.abs(skew) <= MUCH_SKEW_MS + halfTrip) return [];
  const seconds = Math.round(Math.abs(skew) / 1000);
  return [
    {
      ...{ check: "clock", severity: "hint", cure: null },
      what: `this machine's clock is ${seconds} s ${skew > 0 ? "behind" : "ahead of"} the database's: a runAfter that it computes is off by that`,
    },
  ];
};
