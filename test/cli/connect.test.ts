import postgres from "postgres";
import { expect, test } from "vitest";

import { socketOf, withoutOthersParameters } from "../../src/cli/connect.ts";
import { freshDatabase } from "../support/postgres.ts";

test.each([
  ["postgres://h/d?sslmode=require&channel_binding=require", "postgres://h/d?sslmode=require"],
  ["postgres://h/d?channel_binding=require&sslmode=require", "postgres://h/d?sslmode=require"],
  ["postgres://h/d?channel_binding=require", "postgres://h/d"],
  ["postgres://h/d?a=1&channel_binding=prefer&b=2", "postgres://h/d?a=1&b=2"],
  [
    "postgres://u:channel_binding=x@h/d?sslmode=require",
    "postgres://u:channel_binding=x@h/d?sslmode=require",
  ],
  ["postgres://h/d?schema=public&sslmode=require&connection_limit=1", "postgres://h/d?sslmode=require"],
  ["postgres://h/d?pgbouncer=true", "postgres://h/d"],
])("%s loses what is no parameter of the server's, and nothing else", (url, expected) => {
  expect(withoutOthersParameters(url)).toBe(expected);
});

test("a URL as Prisma wants it, with a schema, opens with postgres.js too", async () => {
  await using database = await freshDatabase();
  const url = `${database.url}?schema=public`;
  const [refused, opened] = [postgres(url), postgres(withoutOthersParameters(url))];
  await expect(refused`SELECT 1`).rejects.toThrow("schema");
  await expect(opened`SELECT 1 AS one`).resolves.toEqual([{ one: 1 }]);
  await Promise.all([refused.end(), opened.end()]);
});

test.each([
  [
    "postgres://app:p%40w@/shop?host=/cloudsql/project:region:instance",
    {
      path: "/cloudsql/project:region:instance/.s.PGSQL.5432",
      user: "app",
      password: "p@w",
      database: "shop",
    },
  ],
  ["postgresql:///shop?port=5433&host=/run/pg", { path: "/run/pg/.s.PGSQL.5433", database: "shop" }],
  ["postgres://localhost/shop?host=%2Frun%2Fpg", { path: "/run/pg/.s.PGSQL.5432", database: "shop" }],
  ["postgres://app@db.example/shop?host=other", undefined],
  ["postgres://app@db.example/shop", undefined],
])("a socket's URL is read for postgres.js: %s", (url, expected) => {
  expect(socketOf(url)).toEqual(expected);
});

test("a URL as Neon's console shows it opens with postgres.js too", async () => {
  await using database = await freshDatabase();
  const url = `${database.url}?channel_binding=prefer`;
  const [refused, opened] = [postgres(url), postgres(withoutOthersParameters(url))];
  await expect(refused`SELECT 1`).rejects.toThrow("channel_binding");
  await expect(opened`SELECT 1 AS one`).resolves.toEqual([{ one: 1 }]);
  await Promise.all([refused.end(), opened.end()]);
});
