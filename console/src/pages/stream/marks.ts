// Whether a pattern matches the records that are seen; asked of the server for those alone.

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { isAbort } from "../../api/error.ts";
import { explain } from "../../api/filter.ts";
import type { StreamRecord } from "../../model/record.ts";
import type { LiveSession } from "./session.ts";

/** By sequence number. */
export type Marks = ReadonlySignal<ReadonlyMap<string, boolean>>;

/** Between two questions. */
const EVERY_MS = 250;
/** So many marks are kept. */
const KEPT_MAX = 5000;

/** Marks of the records between the numbers in `seen`, while there is a pattern. */
export function useMarks(
  session: LiveSession,
  pattern: string | undefined,
  seen: { current: { first: number; last: number } },
): Marks | undefined {
  const marks = useSignal<ReadonlyMap<string, boolean>>(new Map());
  useEffect(() => {
    if (pattern === undefined) return;
    marks.value = new Map();
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      try {
        await mark(unmarked());
      } catch (error) {
        // The pattern was checked before; what else goes wrong is told by the record that one selects.
        if (isAbort(error)) return;
      }
      if (!abort.signal.aborted) timer = setTimeout(ask, EVERY_MS);
    };
    const unmarked = () => {
      const records: StreamRecord[] = [];
      for (let number = seen.current.last - 1; number >= seen.current.first; number -= 1) {
        const one = session.ring.get(number);
        if (one && !marks.value.has(one.record.dynamodb.SequenceNumber)) records.push(one.record);
      }
      return records;
    };
    const mark = async (records: StreamRecord[]) => {
      if (records.length === 0) return;
      const results = await explain([pattern], records, abort.signal);
      const kept = marks.value.size > KEPT_MAX ? [] : marks.value;
      const next = new Map(kept);
      for (const [index, { matches }] of results.entries()) {
        const record = records[index];
        if (record) next.set(record.dynamodb.SequenceNumber, matches);
      }
      marks.value = next;
    };
    void ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [session, pattern, seen, marks]);
  return pattern === undefined ? undefined : marks;
}
