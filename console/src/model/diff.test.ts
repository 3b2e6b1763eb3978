import { expect, test } from "vitest";
import { diffItems } from "./diff.ts";

test("changes by path", () => {
  const before = {
    id: { S: "1" },
    a: { M: { b: { N: "1" }, "c d": { N: "2" } } },
    l: { L: [{ S: "x" }, { S: "y" }] },
    gone: { NULL: true },
    set: { SS: ["a", "b"] },
  };
  const after = {
    id: { S: "1" },
    a: { M: { b: { N: "1" }, "c d": { N: "3" } } },
    l: { L: [{ S: "x" }, { S: "z" }] },
    set: { SS: ["b", "a"] },
    fresh: { BOOL: true },
  };
  expect(diffItems(before, after).map(({ path, kind }) => [path, kind])).toEqual([
    ["id", "same"],
    ["a.b", "same"],
    ['a."c d"', "changed"],
    ["l[0]", "same"],
    ["l[1]", "changed"],
    ["gone", "removed"],
    ["set", "same"],
    ["fresh", "added"],
  ]);
});

test("lists of other lengths and other types are changed as wholes", () => {
  const changes = diffItems({ l: { L: [{ N: "1" }] }, t: { S: "1" } }, { l: { L: [] }, t: { N: "1" } });
  expect(changes.map(({ path, kind }) => [path, kind])).toEqual([
    ["l", "changed"],
    ["t", "changed"],
  ]);
});

test("an insert has nothing before, a removal nothing after", () => {
  const item = Object.fromEntries([["__proto__", { S: "x" }]]);
  expect(diffItems(undefined, item)).toEqual([{ path: "__proto__", kind: "added", after: { S: "x" } }]);
  expect(diffItems(item, undefined)).toEqual([{ path: "__proto__", kind: "removed", before: { S: "x" } }]);
});
