import { pgliteExecutor } from "../../adapters/pglite.ts";
import { connect, type Connection } from "../connect.ts";

/** The database of the URL, or one in this process's memory. */
export async function openDatabase(url: string | undefined): Promise<Connection> {
  if (url !== undefined) return await connect(url);
  const { PGlite } = await import("@electric-sql/pglite");
  const pglite = await PGlite.create();
  return {
    executor: pgliteExecutor(pglite),
    driver: "PGlite, in this process's memory",
    [Symbol.asyncDispose]: () => pglite.close(),
  };
}
