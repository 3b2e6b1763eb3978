import { expect, test } from "vitest";
import { isBase64, numberProblem, parseItem, parseValue, printItem } from "./document.ts";
import { Problem } from "./json.ts";
import { equalItems, type Item } from "./value.ts";

/** One of each type, and what is easily lost: names of JavaScript's own, long numbers, maps that look like sets. */
const HOSTILE: Item = Object.fromEntries([
  ["s", { S: 'quotes " and \\ and </script><b>\u0000\u202eRTL\ud83d\ude80' }],
  ["n", { N: "-12345678901234567890123456789012345678" }],
  ["small", { N: "1E-130" }],
  ["b", { B: "AP8=" }],
  ["bool", { BOOL: false }],
  ["null", { NULL: true }],
  ["ss", { SS: ["a", ""] }],
  ["ns", { NS: ["1", "2.50"] }],
  ["bs", { BS: ["AA==", "AQ=="] }],
  ["l", { L: [{ L: [] }, { M: {} }, { S: "" }] }],
  ["m", { M: Object.fromEntries([["__proto__", { S: "own" }]]) }],
  ["__proto__", { M: { constructor: { N: "1" } } }],
  ["looks special", { M: { $ss: { L: [{ S: "a" }] } } }],
  ["looks twice", { M: { $m: { M: { $b: { S: "x" } } } } }],
  ["", { S: "no name" }],
]);

test.each(["plain", "dynamodb"] as const)("%s JSON goes there and back", (form) => {
  const text = printItem(HOSTILE, form);
  const back = parseItem(text, form);
  expect(equalItems(back, HOSTILE)).toBe(true);
  expect(Object.hasOwn(back, "__proto__")).toBe(true);
  expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
  expect(printItem(back, form)).toBe(text);
});

test("DynamoDB JSON is what JSON.stringify says", () => {
  expect(JSON.parse(printItem(HOSTILE, "dynamodb"))).toEqual(JSON.parse(JSON.stringify(HOSTILE)));
});

test("plain JSON reads as one would think", () => {
  expect(parseItem('{"a": [1, "x", null, {"b": true}]}', "plain")).toEqual({
    a: { L: [{ N: "1" }, { S: "x" }, { NULL: true }, { M: { b: { BOOL: true } } }] },
  });
  expect(parseValue('{"$ns": [1, "2"]}', "plain")).toEqual({ NS: ["1", "2"] });
});

/** Text, form, and what the problem marks and says. */
const WRONG: [string, "plain" | "dynamodb", string, RegExp][] = [
  ["[]", "plain", "[]", /object/],
  ['{"a": 1,}', "plain", ",", /comma/],
  ['{"a": 1 "b": 2}', "plain", '"', /comma is missing/],
  ['{"a": 1, "a": 2}', "plain", '"a"', /twice/],
  ['{"a": 01}', "plain", "01", /no number/],
  ['{"a": yes}', "plain", "yes", /quotes/],
  ['{"a": "x\ny"}', "plain", "\n", /\\n/],
  ['{"a": 123456789012345678901234567890123456789}', "plain", "123456789012345678901234567890123456789", /38/],
  ['{"a": {"$ss": []}}', "plain", "[]", /empty/],
  ['{"a": {"$ns": [1, 1]}}', "plain", "1", /once/],
  ['{"a": {"$b": "?"}}', "plain", '"?"', /base64/],
  ['{"a": 1}', "dynamodb", "1", /type/],
  ['{"a": {"N": 1}}', "dynamodb", "1", /quotes/],
  ['{"a": {"X": 1}}', "dynamodb", '"X"', /types are/],
  ['{"a": {"NULL": false}}', "dynamodb", "false", /true/],
  ['{"a": {"S": "x", "N": "1"}}', "dynamodb", '{"S": "x", "N": "1"}', /type/],
];

test.each(WRONG)("%s in %s is wrong", (text, form, marked, says) => {
  try {
    parseItem(text, form);
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    const problem = error as Problem;
    expect(problem.message).toMatch(says);
    expect(text.slice(problem.at, problem.end)).toBe(marked);
    return;
  }
  throw new Error("it was taken");
});

test("nesting ends", () => {
  const deep = (levels: number) => `{"a": ${"[".repeat(levels)}${"]".repeat(levels)}}`;
  expect(() => parseItem(deep(32), "plain")).not.toThrow();
  expect(() => parseItem(deep(33), "plain")).toThrow(/32/);
  expect(() => parseItem(deep(100_000), "plain")).toThrow(Problem);
});

test("numbers of DynamoDB", () => {
  for (const good of ["0", "-0.0", "1E+125", "9.9E125", "1e-130", ".5", "5.", "+1", `${"9".repeat(38)}000`]) {
    expect([good, numberProblem(good)]).toEqual([good, undefined]);
  }
  for (const bad of ["", ".", "1e", "0x1", "1E126", "1E-131", "1_0", "NaN", `1${"0".repeat(37)}1`]) {
    expect([bad, numberProblem(bad) !== undefined]).toEqual([bad, true]);
  }
});

test("base64", () => {
  expect(["", "AA==", "AAA=", "AAAA"].every(isBase64)).toBe(true);
  expect(["A", "AA", "AA=A", "A-_=", "===="].some(isBase64)).toBe(false);
});
