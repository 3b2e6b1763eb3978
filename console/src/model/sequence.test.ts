import { expect, test } from "vitest";
import { compareSequences, isSequence, justBefore, sequenceMs } from "./sequence.ts";

const SEQUENCE = "1001795945720219000000000";

test("a sequence number tells its millisecond", () => {
  expect(sequenceMs(SEQUENCE)).toBe(1795945720219);
  expect(sequenceMs("100000000000000000001")).toBeUndefined();
  expect(sequenceMs("x")).toBeUndefined();
});

test("no digit is lost in the number before", () => {
  expect(justBefore("1001795945720219000000007")).toBe("1001795945720219000000006");
  expect(justBefore(SEQUENCE)).toBe("1001795945720218999999999");
});

test("they are ordered as numbers", () => {
  expect(compareSequences(justBefore(SEQUENCE), SEQUENCE)).toBeLessThan(0);
  expect(compareSequences("9", "10")).toBeLessThan(0);
  expect(compareSequences(SEQUENCE, SEQUENCE)).toBe(0);
});

test("what is typed is recognized", () => {
  expect(isSequence(SEQUENCE)).toBe(true);
  expect(isSequence("1795945720219")).toBe(false);
  expect(isSequence(`${SEQUENCE} `)).toBe(false);
});
