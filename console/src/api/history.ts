// What became of one item: `POST /_headwater/history`, read from the log.

import type { EventName } from "../model/record.ts";
import type { Item } from "../model/value.ts";
import { requestJson } from "./http.ts";

/** One change of an item. */
export interface Version {
  SequenceNumber: string;
  Ms: number;
  EventName: EventName;
  /** `TTL` if the expiry of a time to live made it; absent for a write. */
  Service?: string;
  /** The item after the change, and before it. */
  Item?: Item;
  Before?: Item;
}

interface Page {
  Versions: Version[];
  Cursor?: string;
  /** How far back the log reaches; 0 if it has everything. */
  SinceMs: number;
}

/** Reads all versions, the oldest first, and tells of each page; a page may be empty while there is more. */
export async function readHistory(
  table: string,
  key: Item,
  onPage: (versions: readonly Version[], sinceMs: number, more: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  let cursor: string | undefined;
  let last: Version | undefined;
  do {
    const question = { TableName: table, Key: key, ...(cursor !== undefined && { Cursor: cursor }) };
    const page = await requestJson<Page>("POST", "/_headwater/history", question, signal);
    cursor = page.Cursor;
    // The log has what was before only where a stream needs it; it is the version before in any case.
    const versions = page.Versions.map((one) => {
      const before = one.Before ?? (one.EventName === "INSERT" ? undefined : last?.Item);
      last = before ? { ...one, Before: before } : one;
      return last;
    });
    onPage(versions, page.SinceMs, cursor !== undefined);
  } while (cursor !== undefined);
}
