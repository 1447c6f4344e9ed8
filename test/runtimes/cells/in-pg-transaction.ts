import type { PgTransaction } from "pqrun/pg";

/** A transaction as a user of `pg` writes it. */
export async function inPgTransaction(
  client: PgTransaction,
  work: (tx: PgTransaction) => Promise<void>,
): Promise<void> {
  await client.query({ text: "BEGIN" });
  try {
    await work(client);
  } catch (error) {
    await client.query({ text: "ROLLBACK" });
    throw error;
  }
  await client.query({ text: "COMMIT" });
}
