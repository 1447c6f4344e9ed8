import type { System, SystemName } from "./system.ts";

/** Loads one system and nothing of the others: each measured process has its own alone. */
export async function systemByName(name: SystemName): Promise<System> {
  switch (name) {
    case "pqrun":
      return (await import("./pqrun.ts")).pqrunSystem;
    case "graphile":
      return (await import("./graphile.ts")).graphileSystem;
    case "pg-boss":
      return (await import("./pg-boss.ts")).pgBossSystem;
    case "bullmq":
      return (await import("./bullmq.ts")).bullmqSystem;
    default:
      return name satisfies never;
  }
}
