import { withClient } from "../support/postgres.ts";
import { anySetting } from "./settings.ts";

const CLIENTS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";

/** What befalls sessions, and what they rely on. */
export class SessionFaults {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Ends all sessions of a place in the fleet, as an operator would. */
  async terminate(label: string): Promise<void> {
    await withClient(this.#url, async (client) => {
      await client.query(`SELECT pg_terminate_backend(pid) ${CLIENTS} AND application_name LIKE $1`, [
        `${label}.%`,
      ]);
    });
  }

  /** Kills one backend, whichever, and with it the server restarts all. */
  async killAny(): Promise<void> {
    await withClient(this.#url, async (client) => {
      const { rows } = await client.query<{ pid: number }>(`SELECT pid ${CLIENTS} ORDER BY random() LIMIT 1`);
      // The server's own end of this connection goes with all others.
      client.on("error", () => undefined);
      if (rows[0] !== undefined) process.kill(rows[0].pid, "SIGKILL");
    });
  }

  /** Takes away the marks of those that wait, as a TRUNCATE of all tables does. */
  async truncateWaiting(): Promise<void> {
    await withClient(this.#url, (client) => client.query("TRUNCATE public.jobs_waiting"));
  }

  /** New sessions will read and write text otherwise. */
  async changeSettings(random: () => number): Promise<void> {
    const { name, value } = anySetting(random);
    const whose = random() < 0.5 ? "ROLE CURRENT_USER" : "DATABASE postgres";
    await withClient(this.#url, (client) =>
      // search_path is a list, and a list in quotes would be one name; none of these is more than one.
      client.query(`ALTER ${whose} SET ${name} = '${value}'`),
    );
  }
}
