import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { isRoot, NOBODY } from "./server-process.ts";

/** A small disk of its own, which a test may fill. */
export interface SmallDisk extends Disposable {
  /** An empty folder on it that belongs to the server's user. */
  readonly folder: string;
}

/** Whether this process may mount one: root may, save in most containers. */
export function canMount(): boolean {
  if (!isRoot || process.platform !== "linux") return false;
  try {
    smallDisk(1)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

/** Mounts a tmpfs. */
export function smallDisk(megabytes: number): SmallDisk {
  const mount = mkdtempSync(join(tmpdir(), "pqrun-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "tmpfs", mount], {
      stdio: "ignore",
    });
  } catch (error) {
    rmSync(mount, { recursive: true });
    throw error;
  }
  const folder = join(mount, "space");
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, NOBODY, NOBODY);
  return {
    folder,
    [Symbol.dispose]: () => {
      // The server may still have its files open.
      execFileSync("umount", ["-l", mount]);
      rmSync(mount, { recursive: true });
    },
  };
}
