import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { runCli } from "../../src/cli/cli.ts";
import type { Environment } from "../../src/runners/worker-environment.ts";

/** What came of a command. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The CLI's source, which Node runs as it stands. */
export const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Runs a command in this process. */
export async function cli(
  args: readonly string[],
  env: Environment = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<CliRun> {
  const written = { stdout: "", stderr: "" };
  const output = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const io = { stdout: output("stdout"), stderr: output("stderr"), env, signal };
  return { code: await runCli(args, io), ...written };
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const written = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => (written[name] += text));
    }
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, ...written });
    });
  });
}
