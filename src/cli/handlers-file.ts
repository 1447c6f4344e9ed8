import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import type { UntypedJobs } from "../core/contract.ts";
import type { Schedules } from "../core/schedules/schedules.ts";
import type { Handlers } from "../runners/job/handler.ts";
import { UsageError } from "./command.ts";

/** What a file of handlers exports: each by its name, or all of it as `default`, or the handlers alone as that. */
export interface HandlersFile {
  readonly handlers: Handlers<UntypedJobs>;
  readonly jobs?: UntypedJobs | undefined;
  readonly schedules?: Schedules | undefined;
  readonly owner?: string | undefined;
}

/** How a file of handlers is written: the help of the commands that take one. */
export const HANDLERS_NOTE = `FILE exports \`handlers\`, an object of functions by job type, and may export \`jobs\`,
\`schedules\` and \`owner\`; or \`default\`, with all that or the handlers alone. TypeScript
needs Node 22.18, which runs it by itself.`;

/** @throws UsageError for a file that isn't there or exports no handlers; and what importing it throws. */
export async function readHandlers(file: string): Promise<HandlersFile> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UsageError("there is no such file of handlers");
  const exported = await imported(pathToFileURL(path).href);
  const { default: whole, ...named } = exported;
  const all =
    "handlers" in named ? named : isObject(whole) && "handlers" in whole ? whole : { handlers: whole };
  if (isObject(all["handlers"])) return all as unknown as HandlersFile;
  throw new UsageError("the file exports no handlers: `export const handlers = { … }`");
}

async function imported(fileUrl: string): Promise<Record<string, unknown>> {
  try {
    return (await import(fileUrl)) as Record<string, unknown>;
  } catch (error) {
    if (!isUnreadableTypeScript(error)) throw error;
    throw new Error(
      `the file of handlers is TypeScript, which Node runs from 22.18 on, and this is Node ${process.versions.node}: ` +
        "compile it, or update Node",
      { cause: error },
    );
  }
}

/** Also of a file that the handlers import. */
function isUnreadableTypeScript(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return code === "ERR_UNKNOWN_FILE_EXTENSION" && /"\.[mc]?ts"/.test(String(message));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
