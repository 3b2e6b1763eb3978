import { expect, test } from "vitest";
import type { TableDescription } from "../api/wire.ts";
import {
  checkSearch,
  keysOf,
  newFilter,
  newSearch,
  type SearchForm,
  searchFromText,
  searchInput,
  searchToText,
} from "./search-form.ts";

const TABLE: TableDescription = {
  TableName: "orders",
  KeySchema: [
    { AttributeName: "customer", KeyType: "HASH" },
    { AttributeName: "placed", KeyType: "RANGE" },
  ],
  AttributeDefinitions: [
    { AttributeName: "customer", AttributeType: "S" },
    { AttributeName: "placed", AttributeType: "N" },
    { AttributeName: "hash", AttributeType: "B" },
  ],
  GlobalSecondaryIndexes: [{ IndexName: "by-hash", KeySchema: [{ AttributeName: "hash", KeyType: "HASH" }] }],
};

function search(change: Partial<SearchForm>): SearchForm {
  return { ...newSearch(), ...change };
}

test("a scan of everything", () => {
  expect(searchInput(search({}), TABLE)).toEqual({ TableName: "orders" });
});

test("a query with a sort key between two numbers, backwards", () => {
  const form = search({
    mode: "query",
    partition: "a'b",
    sortOperator: "between",
    sort: "1",
    sortHigh: "99999999999999999999999999999999999999",
    descending: true,
  });
  expect([...checkSearch(form, keysOf(TABLE))]).toEqual([]);
  expect(searchInput(form, TABLE)).toEqual({
    TableName: "orders",
    KeyConditionExpression: "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2",
    ScanIndexForward: false,
    ExpressionAttributeNames: { "#n0": "customer", "#n1": "placed" },
    ExpressionAttributeValues: {
      ":v0": { S: "a'b" },
      ":v1": { N: "1" },
      ":v2": { N: "99999999999999999999999999999999999999" },
    },
  });
});

test("an index has keys and types of its own", () => {
  const form = search({ mode: "query", index: "by-hash", partition: "AQ==", sort: "ignored" });
  expect(searchInput(form, TABLE)).toMatchObject({
    IndexName: "by-hash",
    KeyConditionExpression: "#n0 = :v0",
    ExpressionAttributeValues: { ":v0": { B: "AQ==" } },
  });
});

test("each filter", () => {
  const filters = [
    { ...newFilter(1), name: "__proto__", value: "x" },
    { ...newFilter(2), name: "n", operator: "between", type: "N", value: "1", high: "2" },
    { ...newFilter(3), name: "t", operator: "not_contains", value: "y" },
    { ...newFilter(4), name: "t", operator: "attribute_type", value: "SS" },
    { ...newFilter(5), name: "e", operator: "attribute_not_exists" },
    { ...newFilter(6), name: "b", operator: "<>", type: "BOOL", value: "true" },
    { ...newFilter(7), name: "z", type: "NULL" },
    newFilter(8),
  ] as SearchForm["filters"];
  const input = searchInput(search({ filters }), TABLE);
  expect(input.FilterExpression).toBe(
    "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2 AND NOT contains(#n2, :v3) AND attribute_type(#n2, :v4) AND " +
      "attribute_not_exists(#n3) AND #n4 <> :v5 AND #n5 = :v6",
  );
  expect(input.ExpressionAttributeNames?.["#n0"]).toBe("__proto__");
  expect(input.ExpressionAttributeValues?.[":v4"]).toEqual({ S: "SS" });
  expect(input.ExpressionAttributeValues?.[":v6"]).toEqual({ NULL: true });
});

test("a projection has the keys in it", () => {
  const input = searchInput(search({ attributes: "total, total ,customer" }), TABLE);
  expect(input.ProjectionExpression).toBe("#n0, #n1, #n2");
  expect(input.ExpressionAttributeNames).toEqual({ "#n0": "customer", "#n1": "placed", "#n2": "total" });
});

test("what is typed has to fit its type", () => {
  const keys = keysOf(TABLE);
  const query = (change: Partial<SearchForm>) => [...checkSearch(search({ mode: "query", ...change }), keys).keys()];
  expect(query({})).toEqual(["partition"]);
  expect(query({ partition: "x", sort: "one" })).toEqual(["sort"]);
  expect(query({ partition: "x", sortOperator: "between", sort: "1" })).toEqual(["sortHigh"]);
  const filters = [{ ...newFilter(3), name: "b", type: "BOOL" as const, value: "yes" }];
  expect([...checkSearch(search({ filters }), keys).keys()]).toEqual(["filter.3"]);
});

test("a form goes through an address", () => {
  const form = search({
    mode: "query",
    index: "by-hash",
    partition: "AQ==",
    filters: [{ ...newFilter(1), name: "a&b", operator: "contains", value: "%" }],
  });
  expect(searchFromText(searchToText(form))).toEqual(form);
  expect(searchToText(newSearch())).toBe("");
  for (const broken of ["", "{", "[]", "7", "null", '{"mode":7,"filters":[1,{"operator":"drop"}]}']) {
    expect(() => searchInput(searchFromText(broken), TABLE)).not.toThrow();
  }
});
