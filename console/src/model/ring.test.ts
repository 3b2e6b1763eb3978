import { expect, test } from "vitest";
import { Ring } from "./ring.ts";

function held(ring: Ring<string>): (string | undefined)[] {
  return Array.from({ length: ring.length }, (_, index) => ring.get(ring.begin + index));
}

test("the newest stay, the rest is counted", () => {
  const ring = new Ring<string>(3, 1000);
  for (const one of "abcde") ring.push(one, 1);
  expect(held(ring)).toEqual(["c", "d", "e"]);
  expect(ring.dropped).toBe(2);
  expect(ring.get(1)).toBeUndefined();
  expect(ring.get(4)).toBe("e");
  expect(ring.get(5)).toBeUndefined();
});

test("heavy ones make room of their size", () => {
  const ring = new Ring<string>(10, 100);
  for (const one of "abcd") ring.push(one, 25);
  ring.push("heavy", 60);
  expect(held(ring)).toEqual(["d", "heavy"]);
  expect(ring.weight).toBe(85);
  ring.push("heavier than all", 1000);
  expect(held(ring)).toEqual(["heavier than all"]);
  ring.push("e", 1);
  expect(held(ring)).toEqual(["e"]);
  expect(ring.weight).toBe(1);
});

test("numbers go on over a clear", () => {
  const ring = new Ring<string>(3, 100);
  for (const one of "abcd") ring.push(one, 1);
  ring.clear();
  expect([ring.length, ring.dropped, ring.weight]).toEqual([0, 0, 0]);
  expect(ring.get(3)).toBeUndefined();
  ring.push("e", 1);
  expect(ring.get(4)).toBe("e");
});
