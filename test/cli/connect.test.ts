import postgres from "postgres";
import { expect, test } from "vitest";

import { withoutChannelBinding } from "../../src/cli/connect.ts";
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
])("%s loses its channel_binding alone", (url, expected) => {
  expect(withoutChannelBinding(url)).toBe(expected);
});

test("a URL as Neon's console shows it opens with postgres.js too", async () => {
  await using database = await freshDatabase();
  const url = `${database.url}?channel_binding=prefer`;
  const [refused, opened] = [postgres(url), postgres(withoutChannelBinding(url))];
  await expect(refused`SELECT 1`).rejects.toThrow("channel_binding");
  await expect(opened`SELECT 1 AS one`).resolves.toEqual([{ one: 1 }]);
  await Promise.all([refused.end(), opened.end()]);
});
