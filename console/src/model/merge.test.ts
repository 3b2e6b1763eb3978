import { expect, test } from "vitest";
import { merge } from "./merge.ts";

const BASE = { id: { S: "1" }, a: { N: "1" }, b: { N: "1" } };

test("changes of different attributes go together", () => {
  const mine = { id: { S: "1" }, a: { N: "2" }, mine: { S: "x" } };
  const theirs = { id: { S: "1" }, a: { N: "1" }, b: { N: "1" }, theirs: { S: "y" } };
  expect(merge(BASE, mine, theirs)).toEqual({ id: { S: "1" }, a: { N: "2" }, theirs: { S: "y" }, mine: { S: "x" } });
});

test("changes of one attribute do not, unless they are the same", () => {
  expect(merge(BASE, { ...BASE, a: { N: "2" } }, { ...BASE, a: { N: "3" } })).toBeUndefined();
  expect(merge(BASE, { ...BASE, a: { N: "2" } }, { ...BASE, a: { N: "2" } })).toEqual({ ...BASE, a: { N: "2" } });
  const { a: _, ...without } = BASE;
  expect(merge(BASE, without, { ...BASE, a: { N: "3" } })).toBeUndefined();
});
