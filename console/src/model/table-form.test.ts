import { expect, test } from "vitest";
import { checkTable, createTableInput, newIndex, newTable, type TableForm } from "./table-form.ts";

function form(change: Partial<TableForm>): TableForm {
  return { ...newTable(), name: "orders", partition: { name: "id", type: "S" }, ...change };
}

test("the smallest table", () => {
  expect([...checkTable(form({}))]).toEqual([]);
  expect(createTableInput(form({}))).toEqual({
    TableName: "orders",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    BillingMode: "PAY_PER_REQUEST",
  });
});

test("everything at once", () => {
  const full = form({
    sort: { name: "at", type: "N" },
    billing: "PROVISIONED",
    indexes: [
      { ...newIndex(1, "global"), name: "by-state", partition: { name: "state", type: "S" }, projection: "KEYS_ONLY" },
      {
        ...newIndex(2, "local"),
        name: "by-sum",
        sort: { name: "sum", type: "N" },
        projection: "INCLUDE",
        include: "a, b,a",
      },
    ],
    stream: "NEW_IMAGE",
    protection: true,
    tags: [{ id: 1, key: "team", value: "x" }],
  });
  expect([...checkTable(full)]).toEqual([]);
  const input = createTableInput(full);
  expect(input.AttributeDefinitions?.map((one) => one.AttributeName)).toEqual(["id", "at", "state", "sum"]);
  expect(input.GlobalSecondaryIndexes?.[0]).toEqual({
    IndexName: "by-state",
    KeySchema: [{ AttributeName: "state", KeyType: "HASH" }],
    Projection: { ProjectionType: "KEYS_ONLY" },
    ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 },
  });
  expect(input.LocalSecondaryIndexes?.[0]).toEqual({
    IndexName: "by-sum",
    KeySchema: [
      { AttributeName: "id", KeyType: "HASH" },
      { AttributeName: "sum", KeyType: "RANGE" },
    ],
    Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["a", "b"] },
  });
  expect(input.StreamSpecification).toEqual({ StreamEnabled: true, StreamViewType: "NEW_IMAGE" });
});

/** What is wrong, and the field that says so. */
const WRONG: [string, Partial<TableForm>, string][] = [
  ["a short name", { name: "ab" }, "name"],
  ["a name with spaces", { name: "a table" }, "name"],
  ["no partition key", { partition: { name: "", type: "S" } }, "partition"],
  ["the same key twice", { sort: { name: "id", type: "S" } }, "sort"],
  ["half a unit", { billing: "PROVISIONED", readUnits: "0.5" }, "readUnits"],
  ["no units", { billing: "PROVISIONED", writeUnits: "" }, "writeUnits"],
  ["a local index without a sort key", { indexes: [{ ...newIndex(7, "local"), name: "local" }] }, "index.7.name"],
  ["an index without a key", { indexes: [{ ...newIndex(7, "global"), name: "index" }] }, "index.7.partition"],
  [
    "another type of the same key",
    { indexes: [{ ...newIndex(7, "global"), name: "index", partition: { name: "id", type: "N" } }] },
    "index.7.partition",
  ],
  ["a tag without a key", { tags: [{ id: 4, key: "", value: "x" }] }, "tag.4"],
];

test.each(WRONG)("%s", (_, change, field) => {
  expect([...checkTable(form(change)).keys()]).toContain(field);
});
