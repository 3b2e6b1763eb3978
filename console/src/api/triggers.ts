// How mappings are doing, what they gave up, and the logs of functions: the server's own calls.

import type { StreamRecord } from "../model/record.ts";
import { requestJson } from "./http.ts";

/** A shard as a mapping reads it. */
export interface ShardStatus {
  shardId: string;
  state: "delivering" | "waiting" | "finished";
  /** The sequence number from which it goes on. */
  position: string;
  lagRecords: number;
  /** There are that many at least. */
  lagRecordsAtLeast: boolean;
  /** Age of the oldest record that is still to be delivered; `null` if that is not known. */
  lagMs: number | null;
  inFlight: number;
  readAhead: number;
  /** Calls that the batch at hand has failed. */
  attempts: number;
  lastError: string | null;
  lastErrorAt: string | null;
  /** The batch that the function failed with, if the error is about one. */
  lastErrorBatch: FailedBatch | null;
  lastBatchRecords: number | null;
  lastBatchAt: string | null;
  lastBatchAgeMs: number | null;
}

export interface FailedBatch {
  /** How many it has. */
  records: number;
  /** Of the first of them. */
  sequenceNumbers: string[];
  /** The one that it failed with, where that is known. */
  atFault: string | null;
}

export interface TriggerStatus {
  uuid: string;
  functionArn: string;
  streamArn: string;
  state: string;
  lastProcessingResult: string | null;
  lagMs: number;
  shards: ShardStatus[];
  problem: string | null;
  sinceStart: {
    calls: number;
    failedCalls: number;
    unreached: number;
    records: number;
    filteredRecords: number;
    droppedRecords: number;
    lostStretches: number;
    destinationBatches: number;
    destinationFailures: number;
  };
}

export async function triggerStatuses(signal?: AbortSignal): Promise<TriggerStatus[]> {
  const answer = await requestJson<{ triggers: TriggerStatus[] }>("GET", "/_headwater/triggers", undefined, signal);
  return answer.triggers;
}

export function triggerStatus(uuid: string, signal?: AbortSignal): Promise<TriggerStatus> {
  return requestJson("GET", `/_headwater/triggers/${encodeURIComponent(uuid)}`, undefined, signal);
}

/** A batch that was given up. */
export interface DeadLetter {
  id: string;
  mapping: string;
  functionArn: string;
  streamArn: string;
  shardId: string;
  startSequenceNumber: string;
  endSequenceNumber: string;
  firstRecordAt: string;
  lastRecordAt: string;
  records: number;
  bytes: number;
  condition: "RetryAttemptsExhausted" | "RecordAgeExceeded";
  approximateInvokeCount: number;
  error: string | null;
  requestId: string | null;
  droppedAt: string;
  destination: string | null;
  destinationError: string | null;
  redrives: number;
  redriveError: string | null;
}

export interface DeadLetters {
  deadLetters: DeadLetter[];
  next: string | null;
  /** How many the store holds, of all mappings. */
  held: number;
  /** How many made room for newer ones. */
  pushedOut: number;
}

/** A page of the batches that were given up, the oldest first. */
export function listDeadLetters(
  of: { mapping?: string | undefined; after?: string | undefined },
  signal?: AbortSignal,
): Promise<DeadLetters> {
  const query = new URLSearchParams();
  if (of.mapping !== undefined) query.set("mapping", of.mapping);
  if (of.after !== undefined) query.set("after", of.after);
  return requestJson("GET", `/_headwater/dead-letters?${query}`, undefined, signal);
}

/** One with its records. */
export function getDeadLetter(
  id: string,
  signal?: AbortSignal,
): Promise<DeadLetter & { payload: { Records?: StreamRecord[] } | null }> {
  return requestJson("GET", letterPath(id), undefined, signal);
}

/** Calls the function with it once more; success removes it. Throws what the function failed with. */
export function redriveDeadLetter(id: string): Promise<void> {
  return requestJson("POST", `${letterPath(id)}/redrive`);
}

export function removeDeadLetter(id: string): Promise<void> {
  return requestJson("DELETE", letterPath(id));
}

function letterPath(id: string): string {
  return `/_headwater/dead-letters/${encodeURIComponent(id)}`;
}

export interface LogLine {
  number: number;
  atMs: number;
  requestId: string | null;
  processId: number | null;
  text: string;
}

export interface LogLines {
  lines: LogLine[];
  next: number;
}

/** The newest lines of a function's log. */
export function functionLog(name: string, limit: number, signal?: AbortSignal): Promise<LogLines> {
  return requestJson("GET", `${logPath(name)}?limit=${limit}`, undefined, signal);
}

/** Waits for lines behind a `next`, up to some seconds. */
export function functionLogAfter(name: string, after: number, signal?: AbortSignal): Promise<LogLines> {
  return requestJson("GET", `${logPath(name)}?after=${after}&limit=1000&wait-ms=5000`, undefined, signal);
}

function logPath(name: string): string {
  return `/_headwater/functions/${encodeURIComponent(name)}/logs`;
}
