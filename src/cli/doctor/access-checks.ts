import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { exposedRoles } from "../../migrate/exposed-roles.ts";
import { rowsOf, type Check, type Finding } from "./finding.ts";

const RIGHTS = ["SELECT", "INSERT", "UPDATE", "DELETE"] as const;
/** Whose tools drop or report tables that their own schema doesn't have. */
const ORM_CONFIG = /^(?:drizzle\.config|mikro-orm\.config|ormconfig)\.[a-z]+$|^schema\.prisma$/;

/** What this role may do, and who else may. */
export const rolesCheck: Check = async ({ executor, names: { jobs, schedules, steps } }) => {
  const findings: Finding[] = [];
  const [[role = "", ...has] = []] = await rowsOf(
    executor,
    `SELECT quote_ident(current_user) AS role, ${RIGHTS.map((right) => `has_table_privilege(to_regclass($1::text), '${right}')::text AS ${right}_right`).join(", ")}`,
    [jobs],
  );
  const lacking = RIGHTS.filter((_, place) => has[place] === "false");
  if (lacking.length > 0) {
    findings.push({
      ...{
        check: "rights",
        severity: "hint",
        cure: `GRANT ${lacking.join(", ")} ON ${jobs} TO ${role ?? ""}`,
      },
      what: `${role ?? ""} has no ${lacking.join(", ")} on ${jobs}, which a worker needs`,
    });
  }
  for (const table of [jobs, schedules, steps]) {
    const warning = await exposedRoles(executor, table);
    const [what = "", cure = null] = warning?.split(/(?=REVOKE ALL ON)/) ?? [];
    if (what !== "") findings.push({ check: "roles", severity: "problem", what: what.trim(), cure });
  }
  return findings;
};

/** An ORM's schema tool takes a queue in `public` for a table that somebody forgot to drop. */
export const ormCheck: Check = async ({ names: { schema } }) => {
  if (schema !== "public") return await Promise.resolve([]);
  const config = [".", "prisma"]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => ORM_CONFIG.test(name))
        .map((name) => join(folder, name)),
    );
  return config.map((file) => ({
    ...{
      check: "orm",
      severity: "problem",
      cure: 'PQRUN_SCHEMA=pqrun pqrun migrate, and schema: "pqrun" in the store\'s options',
    },
    what: `${file} is here and the queue is in public, whose unknown tables a schema tool drops (drizzle-kit push does)`,
  }));
};
