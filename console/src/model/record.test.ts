import { expect, test } from "vitest";
import { changeText, EVENT_NAMES, keyText, recordTest, type StreamRecord, testEvent } from "./record.ts";
import type { Item } from "./value.ts";

function record(part: { keys?: Item; before?: Item; after?: Item }): StreamRecord {
  return {
    eventID: "e",
    eventName: part.before ? (part.after ? "MODIFY" : "REMOVE") : "INSERT",
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: "us-east-1",
    dynamodb: {
      ApproximateCreationDateTime: 1,
      Keys: part.keys ?? { id: { S: "Anna" }, at: { N: "12345678901234567890123456789012345678" } },
      ...(part.after && { NewImage: part.after }),
      ...(part.before && { OldImage: part.before }),
      SequenceNumber: "1001795945720219000000000",
      SizeBytes: 9,
      StreamViewType: "NEW_AND_OLD_IMAGES",
    },
    eventSourceARN: "arn",
  };
}

test("keys keep all digits", () => {
  expect(keyText(record({}).dynamodb.Keys)).toBe("Anna \u00b7 12345678901234567890123456789012345678");
});

test("a change is told in one line", () => {
  const before: Item = { id: { S: "Anna" }, state: { S: "new" }, old: { N: "1" }, same: { N: "2" } };
  const after: Item = { id: { S: "Anna" }, state: { S: "paid" }, same: { N: "2" }, total: { N: "3" } };
  expect(changeText(record({ before, after }))).toBe("state: new \u2192 paid, \u2212old, +total: 3");
  expect(changeText(record({ after }))).toBe("state: paid, same: 2, total: 3");
  expect(changeText(record({}))).toBe("");
});

test("a long change stops early", () => {
  const after = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`a${index}`, { S: "x".repeat(500) }]));
  expect(changeText(record({ after })).length).toBeLessThan(400);
});

test("attributes with the names of JavaScript's own are attributes", () => {
  const after: Item = Object.fromEntries([["__proto__", { S: "x" }]]);
  expect(changeText(record({ keys: Object.fromEntries([["constructor", { S: "k" }]]), after }))).toBe("__proto__: x");
});

test("records are found by event and by a part of a key", () => {
  const all = new Set(EVENT_NAMES);
  const one = record({ after: { id: { S: "Anna" } } });
  expect(recordTest({ events: all, key: " aNN" })(one)).toBe(true);
  expect(recordTest({ events: all, key: "56789012345678" })(one)).toBe(true);
  expect(recordTest({ events: all, key: "bob" })(one)).toBe(false);
  expect(recordTest({ events: new Set(["REMOVE"]), key: "" })(one)).toBe(false);
});

test("a test event holds the record", () => {
  expect(JSON.parse(testEvent(record({}))).Records).toHaveLength(1);
});
