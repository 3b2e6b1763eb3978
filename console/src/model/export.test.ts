import { expect, test } from "vitest";
import { csv, jsonList } from "./export.ts";
import type { Item } from "./value.ts";

test("CSV quotes what has to be quoted", () => {
  const items: Item[] = [
    { id: { S: 'a "b", c' }, n: { N: "12345678901234567890" }, m: { M: { x: { L: [{ N: "1" }] } } } },
    { id: { S: "" }, n: { N: "-1" }, "odd, name": { S: "line\r\nbreak" } },
    { id: { S: "=1+1" }, m: { NULL: true } },
  ];
  expect(csv(items, ["id", "n", "m", "odd, name"]).join("")).toBe(
    [
      'id,n,m,"odd, name"',
      '"a ""b"", c",12345678901234567890,"{ ""x"": [1] }",',
      '"",-1,,"line\r\nbreak"',
      "=1+1,,null,",
      "",
    ].join("\r\n"),
  );
});

test("JSON of many items is JSON", () => {
  const items = Array.from({ length: 2500 }, (_, index) => ({ id: { N: String(index) } }));
  const texts = jsonList(items, "dynamodb");
  expect(texts.length).toBe(5);
  expect(JSON.parse(texts.join(""))).toEqual(items);
  expect(JSON.parse(jsonList([], "plain").join(""))).toEqual([]);
});
