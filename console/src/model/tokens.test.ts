import { expect, test } from "vitest";
import { tokensOf } from "./tokens.ts";

test("a line is coloured, and nothing of it is lost", () => {
  for (const line of ['  "a\\"b" : "x:", -1.5e+3, true, null ]', '"open', "", "  {", 'nullable "a":1', '\u202e"x"']) {
    const tokens = tokensOf(line);
    expect(tokens.map(({ from, to }) => line.slice(from, to)).join("")).toBe(line);
  }
  const kinds = tokensOf('"a": "b", 1, true, "c').filter(({ kind }) => kind !== "plain");
  expect(kinds.map(({ kind }) => kind)).toEqual(["key", "string", "number", "word", "string"]);
});
