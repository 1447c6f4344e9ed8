import { readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";

/** Where, and with what versions, the benchmark ran. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGib: number;
  readonly node: string;
  /** By package: pqrun's and its peers'. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The machine that this is. */
export function thisMachine(): Machine {
  const { version } = manifest("../package.json");
  const { devDependencies } = manifest("package.json");
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    versions: { pqrun: version, ...devDependencies },
  };
}

interface Manifest {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function manifest(path: string): Manifest {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as Manifest;
}
