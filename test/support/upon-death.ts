import { spawn } from "node:child_process";

/** What is to happen if this process dies. */
export interface UponDeath {
  /** It has ended in order: nothing happens any more. */
  forget(): void;
}

/**
 * Runs a line of `sh`, with `args` as `$1`, `$2` …, once this process is dead without having said `forget`.
 *
 * Node's "exit" event does not fire at a signal, nor could anything of this process run at SIGKILL. So a shell waits for a
 * word on a pipe, which the kernel closes with the process that holds its other end, however that dies. It has a
 * session of its own, since Ctrl-C goes to all of the terminal's.
 */
export function uponDeath(script: string, args: readonly string[]): UponDeath {
  if (process.platform === "win32") return { forget: () => undefined };
  const shell = spawn("sh", ["-c", `read -r _ || { ${script}; }`, "sh", ...args], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Without a shell a run that is killed leaves behind what it has started, and that is all.
  shell.on("error", () => undefined);
  shell.stdin.on("error", () => undefined);
  shell.unref();
  (shell.stdin as typeof shell.stdin & { unref?(): void }).unref?.();
  return { forget: () => void shell.stdin.end("over\n") };
}
