import { expect, test } from "vitest";
import { attribute, binarySize, equal, itemSize, summary } from "./value.ts";

test("equality as DynamoDB sees it", () => {
  expect(equal({ NS: ["1", "2"] }, { NS: ["2", "1"] })).toBe(true);
  expect(equal({ L: [{ N: "1" }, { N: "2" }] }, { L: [{ N: "2" }, { N: "1" }] })).toBe(false);
  expect(equal({ M: { a: { S: "" }, b: { NULL: true } } }, { M: { b: { NULL: true }, a: { S: "" } } })).toBe(true);
  expect(equal({ S: "1" }, { N: "1" })).toBe(false);
  expect(equal({ M: {} }, { M: { a: { S: "" } } })).toBe(false);
});

test("attributes with names of JavaScript's own", () => {
  expect(attribute({}, "constructor")).toBeUndefined();
  expect(attribute({}, "__proto__")).toBeUndefined();
});

test("summaries are short, whatever the value", () => {
  expect(summary({ S: "plain" })).toBe("plain");
  expect(summary({ M: { a: { L: [{ N: "1" }, { S: "x" }] } } })).toBe('{"a": [1, "x"]}');
  expect(summary({ S: "x".repeat(400_000) }).length).toBe(200);
  expect(summary({ L: Array.from({ length: 50_000 }, () => ({ S: "abc" })) }).length).toBe(200);
});

test("sizes as documented", () => {
  expect(itemSize({ id: { S: "abc" } })).toBe(5);
  expect(itemSize({ a: { N: "100" } })).toBe(3);
  expect(itemSize({ a: { L: [{ BOOL: true }] } })).toBe(6);
  expect(binarySize("AP8=")).toBe(2);
});
