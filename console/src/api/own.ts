// The server's own endpoints under `/_headwater/`.

import { request, requestJson } from "./http.ts";

/** How the server is; `failed` means that it takes no writes until a restart. */
export interface Health {
  status: "ok" | "disk_full" | "failed";
  message?: string;
}

/** A table as the overview counts it. Counters begin with the server's start. */
export interface TableOverview {
  name: string;
  arn: string;
  status: string;
  items: number;
  bytes: number;
  reads: number;
  writes: number;
  stream: { arn: string; label: string; view: string; status: string } | null;
  mappings: number;
}

/** What `GET /_headwater/overview` answers. Positions are sequence numbers, which are too long for numbers. */
export interface Overview {
  version: string;
  now_ms: number;
  started_ms: number;
  region: string;
  account: string;
  health: Health;
  durability: string;
  encrypted: boolean;
  disk: { free_bytes: number; reserve_bytes: number } | null;
  log: {
    durable: string;
    applied: string;
    checkpoint: string;
    bytes: number;
    segments: number;
    oldest_ms: number;
  };
  /** Runs are 0 for a state in the form of earlier versions. */
  state: { bytes: number; free_bytes: number; runs: number };
  tables: TableOverview[];
  /** There are more tables than one answer takes. */
  more_tables: boolean;
  mappings: MappingOverview[];
}

/** An event source mapping, as `/_headwater/triggers` shows it. */
export interface MappingOverview {
  uuid: string;
  functionArn: string;
  streamArn: string;
  state: string;
  lastProcessingResult: string | null;
  /** Age of the oldest record that is still to be delivered. */
  lagMs: number;
  shards: { lagRecords: number; lagRecordsAtLeast: boolean; lagMs: number | null; inFlight: number }[];
  problem: string | null;
}

/** The whole server at one glance. */
export function overview(signal?: AbortSignal): Promise<Overview> {
  return requestJson("GET", "/_headwater/overview", undefined, signal);
}

/** The metrics, in the text form of Prometheus. */
export async function metricsText(signal?: AbortSignal): Promise<string> {
  const response = await request("GET", "/_headwater/metrics", { signal: signal ?? null });
  return response.text();
}
