// Records that are there already: the newest of a table, and those at one place of a shard.

import type { LiveRecord, StreamRecord } from "../model/record.ts";
import { streams } from "./dynamodb.ts";
import { readFeed } from "./feed.ts";
import type { Record as ApiRecord } from "./wire.ts";

/** How far back is looked, until there are enough. */
const WINDOWS_MS = [30_000, 600_000, 7_200_000, 31_536_000_000];

/** When nothing came for so long, everything that is there was read. */
const QUIET_MS = 250;

/** No more are read than this, however many there are. */
const READ_MAX = 4000;

/** The newest records of a table, the newest first; as many as were asked for, if there are that many. */
export async function recentRecords(table: string, wanted: number, signal: AbortSignal): Promise<StreamRecord[]> {
  let records: StreamRecord[] = [];
  for (const window of WINDOWS_MS) {
    records = await recordsSince(table, Date.now() - window, signal);
    if (records.length >= wanted) break;
  }
  return records.slice(-wanted).reverse();
}

async function recordsSince(table: string, ms: number, signal: AbortSignal): Promise<StreamRecord[]> {
  const records: StreamRecord[] = [];
  const stop = new AbortController();
  const leave = () => stop.abort();
  signal.addEventListener("abort", leave);
  let quiet = setTimeout(leave, 4 * QUIET_MS);
  try {
    await readFeed({
      table,
      from: `@${Math.max(0, ms)}`,
      patterns: [],
      signal: stop.signal,
      onStart: () => {
        clearTimeout(quiet);
        quiet = setTimeout(leave, QUIET_MS);
      },
      onRecords: (some: readonly LiveRecord[]) => {
        records.push(...some.map((one) => one.record));
        clearTimeout(quiet);
        if (records.length >= READ_MAX) leave();
        else quiet = setTimeout(leave, QUIET_MS);
      },
      onPlace: () => {},
      onLost: () => {},
    });
  } catch (error) {
    if (!stop.signal.aborted || signal.aborted) throw error;
  } finally {
    clearTimeout(quiet);
    signal.removeEventListener("abort", leave);
  }
  return records;
}

/** The records of a shard from a sequence number on, in the form in which functions receive them. */
export async function recordsAt(
  stream: string,
  shard: string,
  sequence: string,
  limit: number,
  signal?: AbortSignal,
): Promise<StreamRecord[]> {
  const place = await streams(
    "GetShardIterator",
    { StreamArn: stream, ShardId: shard, ShardIteratorType: "AT_SEQUENCE_NUMBER", SequenceNumber: sequence },
    signal,
  );
  const page = await streams("GetRecords", { ShardIterator: place.ShardIterator ?? "", Limit: limit }, signal);
  return (page.Records ?? []).map((record) => asFunctionsReceive(record, stream));
}

/** The API has the identity of a service in other letters, and not the stream. */
function asFunctionsReceive(record: ApiRecord, stream: string): StreamRecord {
  const { userIdentity, ...rest } = record;
  const identity = userIdentity && {
    type: userIdentity.Type ?? "",
    principalId: userIdentity.PrincipalId ?? "",
  };
  return { ...rest, ...(identity && { userIdentity: identity }), eventSourceARN: stream } as StreamRecord;
}
