import { expect, test } from "vitest";
import { ago, bytes, count, duration, plural, rate } from "./format.ts";

test("numbers", () => {
  expect(count(1234567)).toBe("1,234,567");
  expect([0, 0.01, 0.44, 3, 12.6, 3400].map(rate)).toEqual(["0", "<0.1", "0.4", "3", "13", "3,400"]);
  expect([plural(1, "item"), plural(0, "item"), plural(2, "entry", "entries")]).toEqual([
    "1 item",
    "0 items",
    "2 entries",
  ]);
});

test("sizes", () => {
  expect([0, 999, 1000, 1536, 1024 * 1024 - 1, 5e12].map(bytes)).toEqual([
    "0 B",
    "999 B",
    "1 KB",
    "1.5 KB",
    "1 MB",
    "4.5 TB",
  ]);
});

test("times", () => {
  expect([0, 999.6, 4200, 59_900, 180_000, 7_500_000, 36_100_000, 400_000_000].map(duration)).toEqual([
    "0 ms",
    "1000 ms",
    "4.2 s",
    "60 s",
    "3 min",
    "2 h 5 min",
    "10 h",
    "4 d",
  ]);
  expect([ago(1000, 1500), ago(0, 120_000), ago(5000, 0)]).toEqual(["just now", "2 min ago", "in 5 s"]);
});
