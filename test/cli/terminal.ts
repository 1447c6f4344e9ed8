import { spawn, spawnSync } from "node:child_process";

import type { CliRun } from "./run-cli.ts";
import { MAIN } from "./run-cli.ts";

/** Whether this machine can run a program on a pseudo-terminal: util-linux's `script`, which macOS's is not. */
export const hasTerminal = String(spawnSync("script", ["--version"]).stdout).includes("util-linux");

/** Runs a command of the CLI on a pseudo-terminal, which has both its outputs, and types each answer when it is asked. */
export function onTerminal(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { width = 80, answers = [] }: { width?: number; answers?: readonly (readonly [RegExp, string])[] } = {},
): Promise<Pick<CliRun, "code" | "stdout">> {
  const quoted = [process.execPath, MAIN, ...args].map((arg) => `'${arg.replaceAll("'", "'\\''")}'`);
  const command = `stty cols ${width}; exec ${quoted.join(" ")}`;
  return new Promise((resolve, reject) => {
    const child = spawn("script", ["-qefc", command, "/dev/null"], { env: { ...process.env, ...env } });
    const left = [...answers];
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const [next] = left;
      if (next?.[0].test(stdout) !== true) return;
      left.shift();
      child.stdin.write(next[1]);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, stdout: stdout.replaceAll("\r\n", "\n") });
    });
  });
}
