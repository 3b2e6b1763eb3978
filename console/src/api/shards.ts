// Shards of a stream, and what splits them.

import { requestJson } from "./http.ts";

export interface Shard {
  id: string;
  parent: string | null;
  opened_ms: number;
  /** `null` while it is open. */
  closed_ms: number | null;
  first: string;
  last: string | null;
  /** The range of hashes of partition keys that it holds, as 8 hexadecimal digits each. */
  hash_from: string;
  hash_to: string;
}

export interface Shards {
  stream: string;
  view: string;
  status: string;
  now_ms: number;
  /** What is older than this can't be read any more. */
  trim_horizon: string;
  trim_horizon_ms: number;
  shards: Shard[];
}

export function shardsOf(stream: string, signal?: AbortSignal): Promise<Shards> {
  return requestJson("GET", `/_headwater/shards?${new URLSearchParams({ stream })}`, undefined, signal);
}

/** Closes an open shard and opens two that share its keys. */
export function splitShard(stream: string, shard: string): Promise<{ children: string[] }> {
  return requestJson("POST", "/_headwater/split", { stream_arn: stream, shard_id: shard, children: 2 });
}
