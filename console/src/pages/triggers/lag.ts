// How far mappings were behind, since the console was opened: what the charts show.

import type { TriggerStatus } from "../../api/triggers.ts";

/** Between two looks. */
export const LOOK_MS = 2000;

/** So many are kept of each mapping: ten minutes. */
const SAMPLES_MAX = 300;

export interface Lag {
  times: number[];
  /** Records that were still to be delivered. */
  records: number[];
  /** Age of the oldest of them, in milliseconds. */
  ages: (number | null)[];
  /** Calls and failed ones per second. */
  calls: (number | null)[];
  failures: (number | null)[];
  /** Records by shard, for the small lines. */
  shards: Map<string, number[]>;
  last: { ms: number; calls: number; failed: number } | undefined;
}

const lags = new Map<string, Lag>();

/** What is known of a mapping. */
export function lagOf(uuid: string): Lag | undefined {
  return lags.get(uuid);
}

/** Adds what was just seen. The arrays are new, so that charts see the change. */
export function noteLag(status: TriggerStatus, now = Date.now()): TriggerStatus {
  const before = lags.get(status.uuid);
  const { calls, failedCalls } = status.sinceStart;
  const passed = before?.last && (now - before.last.ms) / 1000;
  const perSecond = (value: number, then: number | undefined) =>
    passed === undefined || passed <= 0 || then === undefined || value < then ? null : (value - then) / passed;
  const ages = status.shards.map((shard) => shard.lagMs);
  const shards = new Map(
    status.shards.map((shard) => [shard.shardId, added(before?.shards.get(shard.shardId), shard.lagRecords)]),
  );
  lags.set(status.uuid, {
    times: added(before?.times, now),
    records: added(before?.records, lagRecords(status).records),
    ages: added(before?.ages, ages.includes(null) ? null : Math.max(0, ...(ages as number[]))),
    calls: added(before?.calls, perSecond(calls, before?.last?.calls)),
    failures: added(before?.failures, perSecond(failedCalls, before?.last?.failed)),
    shards,
    last: { ms: now, calls, failed: failedCalls },
  });
  return status;
}

function added<T>(values: readonly T[] | undefined, value: T): T[] {
  return [...(values ?? []), value].slice(-SAMPLES_MAX);
}

/** Records of all shards that are still to be delivered; `more` if there are that many at least. */
export function lagRecords(status: TriggerStatus): { records: number; more: boolean } {
  const records = status.shards.reduce((sum, shard) => sum + shard.lagRecords, 0);
  return { records, more: status.shards.some((shard) => shard.lagRecordsAtLeast) };
}
