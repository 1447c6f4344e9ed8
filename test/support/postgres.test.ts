import { expect, test } from "vitest";

import { freshDatabase, withClient } from "./postgres.ts";

const currentDatabase = async (url: string): Promise<unknown> =>
  withClient(
    url,
    async (client) => (await client.query<object>("SELECT current_database() AS name")).rows[0],
  );

test("each test database is one of its own", async () => {
  await using one = await freshDatabase();
  await using other = await freshDatabase();
  expect(await currentDatabase(one.url)).not.toEqual(await currentDatabase(other.url));
});

test("a database is dropped although a session is still in it", async () => {
  const database = await freshDatabase();
  await withClient(database.url, async (client) => {
    const errors: Error[] = [];
    client.on("error", (error) => errors.push(error));
    const ended = new Promise((resolve) => client.once("end", resolve));
    await database.drop();
    await ended;
    expect(errors[0]).toMatchObject({ code: "57P01" });
  });
  await expect(currentDatabase(database.url)).rejects.toMatchObject({ code: "3D000" });
});
