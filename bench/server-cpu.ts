import { readFileSync, readdirSync } from "node:fs";

import { queryOnce } from "./server.ts";

/** Linux's unit of CPU time in /proc, whatever the kernel's own tick is. */
const TICK_US = 10_000;

interface ProcessTimes {
  readonly parent: number;
  /** Its own, and that of its children that have ended. */
  readonly cpuUs: number;
}

/** What all processes of the server have used so far, in microseconds. Only on Linux, and on this machine. */
export async function serverCpuUs(url: string): Promise<number> {
  const [row] = await queryOnce(url, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid");
  const postmaster = Number(row?.["pid"]);
  if (timesOf(postmaster) === undefined) throw new Error("the server's processes are not on this machine");
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => timesOf(Number(name)))
    .filter((times) => times?.parent === postmaster);
  return [timesOf(postmaster), ...children].reduce((sum, times) => sum + (times?.cpuUs ?? 0), 0);
}

/** Undefined where the process has ended. */
function timesOf(pid: number): ProcessTimes | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
    // The name, in parentheses, may hold spaces: what follows it begins with the state, the third field.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { parent: Number(fields[1]), cpuUs: ticks * TICK_US };
  } catch {
    return undefined;
  }
}
