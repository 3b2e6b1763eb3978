import { expect, test } from "vitest";
import { EventReader } from "./events.ts";

const TEXT = [
  "retry: 1000\nid: 5\nevent: start\ndata: {}\n\n",
  ":\n\n",
  'event: records\ndata: [{"a":"b: c"}]\nid: 7\n\n',
  "id: 9\n\n",
  "data: one\r\ndata: two\r\n\r\n",
].join("");

const EVENTS = [
  { event: "start", data: "{}", id: "5" },
  { event: "records", data: '[{"a":"b: c"}]', id: "7" },
  { event: "message", data: "one\ntwo", id: "9" },
];

test("pieces may end anywhere", () => {
  for (let size = 1; size <= TEXT.length; size += 1) {
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < TEXT.length; at += size) events.push(...reader.read(TEXT.slice(at, at + size)));
    expect(events).toEqual(EVENTS);
    expect(reader.lastId).toBe("9");
  }
});

test("an id without data moves the place on", () => {
  const reader = new EventReader("3");
  expect([...reader.read("id: 4\n")]).toEqual([]);
  expect(reader.lastId).toBe("3");
  expect([...reader.read("\n")]).toEqual([]);
  expect(reader.lastId).toBe("4");
});
