import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { awsCli, shellQuote } from "./cli.ts";

test("a shell gives back what was quoted", () => {
  for (const text of ["plain", "it's", '$(id) `id` \\ "x" !', "line\nbreak", "", "'''"]) {
    const back = execFileSync("sh", ["-c", `printf %s ${shellQuote(text)}`], { encoding: "utf8" });
    expect(back).toBe(text);
  }
});

test("commands are named as the AWS CLI names them", () => {
  const command = awsCli("dynamodb", "UpdateTimeToLive", { TableName: "t" }, "http://127.0.0.1:8000");
  expect(command).toBe(
    `aws dynamodb update-time-to-live --endpoint-url http://127.0.0.1:8000 \\\n  --cli-input-json '{\n  "TableName": "t"\n}'`,
  );
});
