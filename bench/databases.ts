import { runChild } from "./run-child.ts";
import { queryOnce, type BenchServer } from "./server.ts";
import { systemByName } from "./systems/by-name.ts";
import type { Background, SystemName } from "./systems/system.ts";

/** What a database holds before a run. */
export interface Contents {
  readonly system: SystemName;
  /** Jobs to be drained, put in with the system's own bulk call. */
  readonly jobs?: number;
  readonly background?: { readonly kind: Background; readonly rows: number };
}

/** Databases by what they hold: filled once, then copied for each run. */
export class Databases {
  readonly #server: BenchServer;
  readonly #templates = new Map<string, Promise<string>>();
  #copies = 0;

  constructor(server: BenchServer) {
    this.#server = server;
  }

  /** A fresh copy, as after a checkpoint; dropped when `use` ends. */
  async withCopy<T>(contents: Contents, use: (url: string) => Promise<T>): Promise<T> {
    const template = await this.template(contents);
    const name = `run_${String((this.#copies += 1))}`;
    // Before PostgreSQL 15 there is no other way.
    const copied = Number.parseInt(this.#server.version) < 15 ? "" : " STRATEGY FILE_COPY";
    await this.#admin(`CREATE DATABASE ${name} TEMPLATE ${template}${copied}`);
    try {
      await this.#admin("CHECKPOINT");
      return await use(this.#server.database(name));
    } finally {
      await this.#admin(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  }

  /** Fills a template now, so that it costs no run its time. */
  template(contents: Contents): Promise<string> {
    const { system, jobs = 0, background } = contents;
    const name = [
      "t",
      system.replace("-", ""),
      jobs,
      background?.kind ?? "empty",
      background?.rows ?? 0,
    ].join("_");
    const known = this.#templates.get(name);
    if (known !== undefined) return known;
    const made = this.#fill(name, contents).then(() => name);
    this.#templates.set(name, made);
    return made;
  }

  /** Drops the templates that hold rows. */
  async dropFilled(): Promise<void> {
    for (const name of this.#templates.keys()) {
      if (name.endsWith("_0_empty_0")) continue;
      this.#templates.delete(name);
      await this.#admin(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  }

  async #fill(name: string, { system, jobs = 0, background }: Contents): Promise<void> {
    const empty = jobs === 0 && background === undefined;
    const from = empty ? "template0" : await this.template({ system });
    await this.#admin(`CREATE DATABASE ${name} TEMPLATE ${from}`);
    const url = this.#server.database(name);
    if (empty) await runChild({ kind: "migrate", system, url });
    if (background !== undefined) {
      const { sql } = await systemByName(system);
      for (const text of sql.background(background.kind, background.rows)) await queryOnce(url, text);
    }
    if (jobs > 0) await runChild({ kind: "fill", system, url, jobs });
    await queryOnce(url, "VACUUM (ANALYZE)");
  }

  #admin(text: string): Promise<unknown> {
    return queryOnce(this.#server.url, text);
  }
}
