import { expect, test } from "vitest";
import { createInput, formOf, mappingProblems, mappingWords, NEW_MAPPING, settingsOf } from "./mapping-form.ts";

test("what was emptied is unset", () => {
  expect(settingsOf(NEW_MAPPING)).toMatchObject({
    MaximumRetryAttempts: -1,
    MaximumRecordAgeInSeconds: -1,
    DestinationConfig: { OnFailure: {} },
    FilterCriteria: { Filters: [] },
    FunctionResponseTypes: [],
  });
  expect(settingsOf({ ...NEW_MAPPING, patterns: ["", '{"eventName":["INSERT"]}', " "] }).FilterCriteria).toEqual({
    Filters: [{ Pattern: '{"eventName":["INSERT"]}' }],
  });
});

test("a mapping that is there becomes the same again", () => {
  const form = {
    ...NEW_MAPPING,
    start: "TRIM_HORIZON" as const,
    batchSize: "7",
    retries: "0",
    maxAgeSeconds: "60",
    bisect: true,
    reportsFailures: true,
    destination: "arn:aws:sqs:us-east-1:000000000000:failed",
    patterns: ["{}"],
  };
  const { FunctionName, ...input } = createInput(form, "arn", "f");
  expect(FunctionName).toBe("f");
  expect(formOf(input)).toEqual(form);
});

test("numbers out of their bounds are told", () => {
  const wrong = {
    ...NEW_MAPPING,
    batchSize: "0",
    windowSeconds: "301",
    parallel: "",
    retries: "-1",
    maxAgeSeconds: "59",
  };
  expect(Object.keys(mappingProblems({ ...wrong, tumblingSeconds: "1e2", destination: "queue" })).sort()).toEqual([
    "batchSize",
    "destination",
    "maxAgeSeconds",
    "parallel",
    "retries",
    "tumblingSeconds",
    "windowSeconds",
  ]);
  expect(mappingProblems(NEW_MAPPING)).toEqual({});
  expect(mappingWords(wrong)).toEqual([]);
});

test("settings are told in words", () => {
  expect(mappingWords(NEW_MAPPING)).toEqual([
    "Up to 100 records are sent in one call, as soon as they are there; one call at a time for each shard.",
    "A batch that fails is tried again until its records expire, and keeps its shard waiting; then it goes into the dead-letter store.",
  ]);
  expect(mappingWords({ ...NEW_MAPPING, retries: "2", maxAgeSeconds: "120", patterns: ["{}", "{}"] }).slice(1)).toEqual(
    [
      "A batch that fails is tried 2 times more, or until its records are older than 2 min; then it goes into the dead-letter store.",
      "Only records that match one of 2 patterns are delivered.",
    ],
  );
});
