import { expect, test } from "vitest";
import { functionOfArn, qualifierOfArn, tableOfArn } from "./arn.ts";
import { parseFailure } from "./failure.ts";

test("errors of Node and of Python are read", () => {
  const node =
    '{"errorType":"TypeError","errorMessage":"x is undefined","trace":["TypeError: x","    at f (a.mjs:1:2)"]}';
  expect(parseFailure(node)).toEqual({
    type: "TypeError",
    message: "x is undefined",
    trace: ["TypeError: x", "    at f (a.mjs:1:2)"],
  });
  const python =
    '{"errorMessage":"bad","errorType":"ValueError","stackTrace":["  File \\"a.py\\", line 1\\n    f()\\n"]}';
  expect(parseFailure(python).trace).toEqual(['  File "a.py", line 1', "    f()"]);
});

test("other texts are the message", () => {
  for (const text of ["the function timed out", "{", "[1]", "null", '{"message":"x"}', ""]) {
    expect(parseFailure(text)).toEqual({ type: "", message: text, trace: [] });
  }
});

test("names are found in ARNs", () => {
  expect(tableOfArn("arn:aws:dynamodb:us-east-1:000000000000:table/users/stream/2026-11-29T09:48:40.205")).toBe(
    "users",
  );
  expect(tableOfArn("nonsense")).toBe("");
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:resize";
  expect([functionOfArn(arn), qualifierOfArn(arn)]).toEqual(["resize", undefined]);
  expect([functionOfArn(`${arn}:live`), qualifierOfArn(`${arn}:live`)]).toEqual(["resize", "live"]);
});
