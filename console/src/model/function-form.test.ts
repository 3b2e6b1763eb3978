import { expect, test } from "vitest";
import { functionInput, functionProblems, NEW_FUNCTION } from "./function-form.ts";
import { parseVariables, printVariables } from "./starters.ts";

test("a folder, an address and typed code become code of the API", () => {
  const folder = {
    ...NEW_FUNCTION,
    name: "f",
    kind: "folder" as const,
    folder: "/code ",
    runtime: "python3.12" as const,
    handler: "a.b",
  };
  expect(functionInput(folder)).toMatchObject({
    Code: { S3Bucket: "headwater-local-directory", S3Key: "/code" },
    Runtime: "python3.12",
    Handler: "a.b",
  });
  const hook = functionInput({ ...NEW_FUNCTION, name: "f", kind: "elsewhere", key: "http://127.0.0.1/" });
  expect(hook.Code).toEqual({ S3Bucket: "headwater-webhook", S3Key: "http://127.0.0.1/" });
  expect(hook.Runtime).toBeUndefined();
  const typed = functionInput({ ...NEW_FUNCTION, name: "f", runtime: "python3.11", text: "x = 1" });
  expect(typed.Handler).toBe("lambda_function.lambda_handler");
  const zip = Buffer.from(typed.Code.ZipFile ?? "", "base64").toString("latin1");
  expect(zip).toContain("lambda_function.pyx = 1");
});

test("what is missing is told", () => {
  expect(functionProblems({ ...NEW_FUNCTION, name: "f" })).toEqual({});
  expect(Object.keys(functionProblems({ ...NEW_FUNCTION, kind: "folder", folder: "code" }))).toEqual([
    "name",
    "folder",
  ]);
  const wrong = {
    ...NEW_FUNCTION,
    name: "f",
    kind: "zip" as const,
    timeout: "901",
    memory: "x",
    variables: "A=1\nb c",
  };
  expect(functionProblems(wrong)).toMatchObject({ variables: '"b c" is no NAME=value.' });
  expect(Object.keys(functionProblems(wrong)).sort()).toEqual(["memory", "timeout", "variables", "zip"]);
});

test("variables go there and back", () => {
  const text = "A=1\nB=x = y\nC=";
  expect(parseVariables(text)).toEqual({ A: "1", B: "x = y", C: "" });
  expect(printVariables(parseVariables(text))).toBe(text);
});
