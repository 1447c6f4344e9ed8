/** The folders in test/orms whose packages the tests run with. */
export const RELEASES = ["lowest", "newest"] as const;

/** One of {@link RELEASES}. */
export type Release = (typeof RELEASES)[number];

/** @throws where it is neither. */
export function releaseOf(name: string | undefined): Release {
  const release = RELEASES.find((one) => one === name);
  if (release === undefined)
    throw new Error(`PQRUN_ORMS: ${RELEASES.join(" or ")}, as npm run test:orms sets it`);
  return release;
}

/** What comes from those folders, rather than from the root: `pg` too, whose Pool Drizzle knows by its class alone. */
export const ORMS = /^(?:drizzle-orm|kysely|knex|typeorm|@prisma|@mikro-orm|sequelize|objection|pg)(?:\/|$)/;
