import { expect, test } from "vitest";
import { createRequest, deleteRequest, keyOf, saveRequest } from "./save.ts";
import type { Item } from "./value.ts";

const BEFORE: Item = { id: { S: "1" }, a: { N: "1" }, b: { SS: ["x", "y"] }, c: { S: "gone" } };

test("only what changed is written, if all is as it was read", () => {
  const after: Item = { id: { S: "1" }, a: { N: "2" }, b: { SS: ["y", "x"] }, d: { BOOL: true } };
  const save = saveRequest("t", ["id"], BEFORE, after);
  expect(save).toEqual({
    kind: "update",
    unchecked: false,
    input: {
      TableName: "t",
      Key: { id: { S: "1" } },
      UpdateExpression: "SET #1 = :3, #3 = :4 REMOVE #2",
      ConditionExpression: "attribute_exists(#0) AND #1=:0 AND #2=:1 AND attribute_not_exists(#3) AND #4=:2",
      ExpressionAttributeNames: { "#0": "id", "#1": "a", "#2": "c", "#3": "d", "#4": "b" },
      ExpressionAttributeValues: {
        ":0": { N: "1" },
        ":1": { S: "gone" },
        ":2": { SS: ["x", "y"] },
        ":3": { N: "2" },
        ":4": { BOOL: true },
      },
      ReturnValues: "ALL_NEW",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    },
  });
});

test("nothing to save", () => {
  expect(saveRequest("t", ["id"], BEFORE, { ...BEFORE, b: { SS: ["y", "x"] } })).toEqual({ kind: "nothing" });
});

test("another key moves the item in one transaction", () => {
  const save = saveRequest("t", ["id"], BEFORE, { ...BEFORE, id: { S: "2" } });
  expect(save.kind).toBe("move");
  if (save.kind !== "move") return;
  const [gone, put] = save.input.TransactItems;
  expect(gone?.Delete?.Key).toEqual({ id: { S: "1" } });
  expect(gone?.Delete?.ConditionExpression).toContain("attribute_exists(#0) AND #1=:0");
  expect(put?.Put?.ConditionExpression).toBe("attribute_not_exists(#k)");
});

test("more attributes than a condition can name", () => {
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`a${index}`, { N: String(index) }]));
  const before: Item = { id: { S: "1" }, ...many };
  const one = saveRequest("t", ["id"], before, { ...before, a199: { N: "0" } });
  expect(one).toMatchObject({ kind: "update", unchecked: true });
  if (one.kind !== "update") return;
  // What changes is guarded, however many others there are.
  expect(Object.values(one.input.ExpressionAttributeNames ?? {})).toContain("a199");
  expect((one.input.ConditionExpression ?? "").length).toBeLessThan(4096);
  expect(() => saveRequest("t", ["id"], before, { id: { S: "1" } })).toThrow(/steps/);
});

test("names of JavaScript's own", () => {
  const before: Item = Object.fromEntries([
    ["id", { S: "1" }],
    ["__proto__", { N: "1" }],
  ]);
  const after: Item = Object.fromEntries([
    ["id", { S: "1" }],
    ["__proto__", { N: "2" }],
  ]);
  expect(saveRequest("t", ["id"], before, after)).toMatchObject({ kind: "update" });
  expect(deleteRequest("t", ["id"], before).ExpressionAttributeNames).toEqual({ "#0": "id", "#1": "__proto__" });
  expect(keyOf(before, ["__proto__"])).toEqual(Object.fromEntries([["__proto__", { N: "1" }]]));
});

test("a new item must not be there", () => {
  expect(createRequest("t", ["id", "at"], BEFORE)).toMatchObject({
    kind: "put",
    input: { ConditionExpression: "attribute_not_exists(#k)", ExpressionAttributeNames: { "#k": "id" } },
  });
});
