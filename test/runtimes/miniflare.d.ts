// The parts of Miniflare that these tests call. So declared, the repository is checked without it.

declare module "miniflare" {
  import type { Readable } from "node:stream";

  export const Response: typeof globalThis.Response;
  export type Response = globalThis.Response;
  export type Request = globalThis.Request;

  export interface MiniflareOptions {
    readonly modules: readonly { readonly type: "ESModule"; readonly path: string }[];
    readonly modulesRoot: string;
    readonly compatibilityDate: string;
    readonly compatibilityFlags: readonly string[];
    readonly bindings: Readonly<Record<string, unknown>>;
    /** Binding names to connection strings. */
    readonly hyperdrives?: Readonly<Record<string, string>>;
    readonly cf: false;
    readonly outboundService?: (request: Request) => Promise<Response>;
    readonly handleRuntimeStdio?: (stdout: Readable, stderr: Readable) => void;
  }

  export class Miniflare {
    constructor(options: MiniflareOptions);
    readonly ready: Promise<unknown>;
    dispatchFetch(url: string, init?: RequestInit): Promise<Response>;
    getWorker(): Promise<{
      scheduled(options: {
        readonly cron: string;
        readonly scheduledTime: Date;
      }): Promise<{ readonly outcome: string }>;
    }>;
    dispose(): Promise<void>;
  }
}
