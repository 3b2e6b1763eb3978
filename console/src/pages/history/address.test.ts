import { expect, test } from "vitest";
import { parsePlace } from "../../shell/router.ts";
import { historyHref, keyOfAddress } from "./address.ts";

test("a key goes into an address and comes back", () => {
  const key = Object.fromEntries([
    ["__proto__", { S: "a/b?c&d=<e>" }],
    ["at", { N: "12345678901234567890123456789012345678" }],
  ]);
  const { path, query } = parsePlace(historyHref("t", key, "1001795945720219000000000"));
  expect(path).toBe("/tables/t/history");
  expect(query.get("at")).toBe("1001795945720219000000000");
  expect(Object.entries(keyOfAddress(query, ["__proto__", "at"]) ?? {})).toEqual(Object.entries(key));
});

test("what is no key of the table is none", () => {
  for (const text of [
    "",
    "null",
    "[]",
    "{}",
    '{"id":"x"}',
    '{"id":{"BOOL":true}}',
    '{"other":{"S":"x"}}',
    '{"id":{"S":1}}',
  ]) {
    expect(keyOfAddress(new URLSearchParams({ key: text }), ["id"])).toBeUndefined();
  }
});
