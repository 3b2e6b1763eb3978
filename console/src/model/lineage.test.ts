import { expect, test } from "vitest";
import { lineage, shortShard } from "./lineage.ts";

const HOUR = 3_600_000;
const NOW = 1_000_000 * HOUR;

function shard(id: string, opened: number, closed: number | null, from = "00000000", to = "ffffffff") {
  return {
    id,
    opened_ms: NOW + opened,
    closed_ms: closed === null ? null : NOW + closed,
    hash_from: from,
    hash_to: to,
  };
}

test("children stand behind their parent, over its range", () => {
  const shards = [
    shard("parent", -4 * HOUR, -2 * HOUR),
    shard("low", -2 * HOUR, null, "00000000", "7fffffff"),
    shard("high", -2 * HOUR, null, "80000000", "ffffffff"),
  ];
  const { blocks, edge } = lineage(shards, NOW - 24 * HOUR, NOW);
  expect(blocks.map(({ left, right, top, bottom }) => [left, right, top, bottom])).toEqual([
    [0, 0.5, 0, 1],
    [0.5, 1, 0, 0.5],
    [0.5, 1, 0.5, 1],
  ]);
  expect(edge).toBeUndefined();
});

test("what is past the retention is marked, and cut off when it is long past", () => {
  const shards = [
    shard("gone", -90 * HOUR, -80 * HOUR),
    shard("expired", -26 * HOUR, -25 * HOUR),
    shard("partly", -25 * HOUR, -20 * HOUR),
    shard("open", -20 * HOUR, null),
  ];
  const { blocks, edge } = lineage(shards, NOW - 24 * HOUR, NOW);
  expect(blocks.map((block) => [block.shard.id, block.expired])).toEqual([
    ["expired", true],
    ["partly", false],
    ["open", false],
  ]);
  expect(edge).toBeGreaterThan(0);
});

test("a new stream has an axis too", () => {
  const { blocks, ticks } = lineage([shard("new", -100, null)], NOW - 24 * HOUR, NOW);
  expect(blocks[0]?.left).toBeGreaterThan(0.99);
  expect(ticks.length).toBeGreaterThan(1);
  expect(ticks.length).toBeLessThanOrEqual(7);
});

test("shards are told apart by the end of their ids, which is hexadecimal", () => {
  expect(shortShard("shardId-00000001795950661564-0000000b")).toBe("#b");
  expect(shortShard("shardId-00000001795950661564-00000010")).toBe("#10");
  expect(shortShard("shardId-00000001795950661564-00000000")).toBe("#0");
});
