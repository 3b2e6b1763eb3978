// Why records match filter patterns or not: `POST /_headwater/filter/explain`.

import type { StreamRecord } from "../model/record.ts";
import { requestJson } from "./http.ts";

/** What came of the array at the end of one path of a pattern. */
export interface RuleOutcome {
  path: string;
  rule: string;
  found: string;
  matches: boolean;
}

export interface PatternOutcome {
  matches: boolean;
  rules: RuleOutcome[];
  note?: string;
}

/** What came of one record. */
export interface Explanation {
  matches: boolean;
  patterns: PatternOutcome[];
}

/** Bounds of one question: records, and about so many bytes. */
const EVENTS_MAX = 100;
const BYTES_MAX = 60_000;

/** Asks once for as many of the records as fit into one question; at least for one. Throws `ApiError` for what is no pattern. */
export async function explain(
  patterns: readonly string[],
  records: readonly StreamRecord[],
  signal?: AbortSignal,
): Promise<Explanation[]> {
  const events: StreamRecord[] = [];
  let bytes = byteLength(patterns);
  for (const record of records.slice(0, EVENTS_MAX)) {
    bytes += byteLength(record);
    if (events.length > 0 && bytes > BYTES_MAX) break;
    events.push(record);
  }
  const question = { patterns, events };
  const answer = await requestJson<{ results: Explanation[] }>("POST", "/_headwater/filter/explain", question, signal);
  return answer.results;
}

const encoder = new TextEncoder();

function byteLength(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length + 1;
}

/** Asks for all of the records, in as many questions as it takes. */
export async function explainAll(
  patterns: readonly string[],
  records: readonly StreamRecord[],
  signal?: AbortSignal,
): Promise<Explanation[]> {
  const all: Explanation[] = [];
  while (all.length < records.length) {
    const some = await explain(patterns, records.slice(all.length), signal);
    if (some.length === 0) break;
    all.push(...some);
  }
  return all;
}

/** Throws `ApiError` with what is wrong with a pattern, if something is. */
export async function checkPattern(pattern: string, signal?: AbortSignal): Promise<void> {
  await explain([pattern], [], signal);
}
