#!/usr/bin/env node
// Nothing is imported before the check: an import that an old Node can't resolve would end the process with that alone.

/** What an odd line has since its minor version; earlier ones have nothing, later ones all. */
const SINCE: Readonly<Record<number, number>> = { 20: 19, 21: 7 };

const { node } = process.versions;
const [major = 0, minor = 0] = node.split(".").map(Number);

if (major < 20 || minor < (SINCE[major] ?? 0)) {
  process.stderr.write(`pqrun: Node 20.19 or later is needed, and this is Node ${node}\n`);
  process.exitCode = 1;
} else {
  await import("./process.ts");
}
