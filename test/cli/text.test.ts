import { expect, test } from "vitest";

import { momentAt, spanSeconds } from "../../src/cli/moments.ts";
import { suggestion } from "../../src/cli/suggestion.ts";
import { columns } from "../../src/cli/terminal/columns.ts";
import { cutTo, displayWidth } from "../../src/cli/terminal/display-width.ts";

test.each([
  ["abc", 3],
  ["漢字", 4],
  ["한글", 4],
  ["e\u0301", 1],
  ["👩‍💻", 2],
  ["", 0],
])("%s takes %i places of a terminal", (text, places) => {
  expect(displayWidth(text)).toBe(places);
});

test("columns are aligned by what a terminal shows, not by what a string counts", () => {
  expect(
    columns(
      [
        ["漢字", "a"],
        ["ab", "b"],
        ["abcd", "c"],
      ],
      "left",
    ),
  ).toBe("  漢字  a\n  ab    b\n  abcd  c\n");
});

test("a text is cut between characters that are seen", () => {
  expect(cutTo("abcdef", 4)).toBe("abc…");
  expect(cutTo("漢字漢字", 4)).toBe("漢…");
  expect(cutTo("abcd", 4)).toBe("abcd");
});

test("spans are sums of units", () => {
  expect(["90s", "10m", "1h30m", "30d", "2w"].map((text) => spanSeconds("x", text))).toEqual([
    90, 600, 5_400, 2_592_000, 1_209_600,
  ]);
  for (const text of ["", "10", "m", "-1h", "1y", "999999999w"]) {
    expect(() => spanSeconds("older-than", text)).toThrow("--older-than: expected a span");
  }
});

test("a moment is a span from now, or a time as it is written", () => {
  expect(momentAt("x", "1h", -1, 7_200_000)).toEqual(new Date(3_600_000));
  expect(momentAt("x", "1h", 1, 7_200_000)).toEqual(new Date(10_800_000));
  expect(momentAt("x", "2026-12-24T18:00+01:00", 1)).toEqual(new Date("2026-12-24T17:00:00Z"));
  expect(momentAt("x", "2026-12-24", 1)).toEqual(new Date("2026-12-24T00:00:00Z"));
  for (const text of ["24.12.2026", "2026-13-01", "now"]) expect(() => momentAt("x", text, 1)).toThrow("--x");
});

test("a suggestion is for what is nearly a word, and for nothing else", () => {
  expect(suggestion("prnue", ["prune", "cancel"])).toBe("; did you mean prune?");
  expect(suggestion("canc", ["prune", "cancel"])).toBe("; did you mean cancel?");
  expect(suggestion("hunter2", ["prune", "cancel"])).toBe("");
  expect(suggestion("p".repeat(1_000_000), ["prune"])).toBe("");
});
