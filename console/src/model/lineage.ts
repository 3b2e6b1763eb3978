// The picture of a stream's shards: time from left to right, hashes of keys from top to bottom, so that each shard is a block and
// the blocks that follow it are its children.

export interface ShardSpan {
  id: string;
  opened_ms: number;
  closed_ms: number | null;
  hash_from: string;
  hash_to: string;
}

/** A shard's block, in shares of the picture. */
export interface Block<T extends ShardSpan> {
  shard: T;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Older than what is kept: nothing of it can be read. */
  expired: boolean;
}

export interface Lineage<T extends ShardSpan> {
  fromMs: number;
  toMs: number;
  /** Where the retention ends, if that is in the picture. */
  edge: number | undefined;
  blocks: Block<T>[];
  /** Times for the axis. */
  ticks: { at: number; ms: number }[];
}

/** A picture shows at least so much time, or a new stream would fill it within a blink. */
const SPAN_MIN_MS = 15_000;
const HASHES = 2 ** 32;

/** Steps between times of the axis: as many as are not too close to each other. */
const STEPS_MS = [5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800].map(
  (seconds) => seconds * 1000,
);

/** The end of a shard's id, a number in hexadecimal digits, by which people tell shards of a stream apart. */
export function shortShard(id: string): string {
  return `#${(id.split("-").pop() ?? "").replace(/^0+(?=.)/, "")}`;
}

export function lineage<T extends ShardSpan>(
  shards: readonly T[],
  trimMs: number,
  nowMs: number,
  ticksMax = 6,
): Lineage<T> {
  const first = shards.reduce((least, shard) => Math.min(least, shard.opened_ms), nowMs);
  // What is long past its retention is nothing to look at.
  const begin = Math.max(first, trimMs - (nowMs - trimMs) * 0.15);
  const span = Math.max(nowMs - begin, SPAN_MIN_MS);
  const fromMs = nowMs - span;
  const place = (ms: number) => Math.min(1, Math.max(0, (ms - fromMs) / span));
  const blocks = shards
    .filter((shard) => (shard.closed_ms ?? nowMs) >= fromMs)
    .map((shard) => ({
      shard,
      left: place(shard.opened_ms),
      right: place(shard.closed_ms ?? nowMs),
      top: Number.parseInt(shard.hash_from, 16) / HASHES,
      bottom: (Number.parseInt(shard.hash_to, 16) + 1) / HASHES,
      expired: shard.closed_ms !== null && shard.closed_ms < trimMs,
    }));
  const step = STEPS_MS.find((one) => span / one <= ticksMax) ?? span / ticksMax;
  const ticks = [];
  for (let ms = Math.ceil(fromMs / step) * step; ms <= nowMs; ms += step) ticks.push({ at: place(ms), ms });
  return { fromMs, toMs: nowMs, edge: trimMs > fromMs ? place(trimMs) : undefined, blocks, ticks };
}
