// Records of a stream, as functions receive them.

import type { StreamViewType } from "../api/wire.ts";
import { diffItems } from "./diff.ts";
import { type Item, summary } from "./value.ts";

export type EventName = "INSERT" | "MODIFY" | "REMOVE";

/** The three, in the order in which they are shown. */
export const EVENT_NAMES: readonly EventName[] = ["INSERT", "MODIFY", "REMOVE"];

/** A record in the form of Lambda's events. */
export interface StreamRecord {
  eventID: string;
  eventName: EventName;
  eventVersion: string;
  eventSource: string;
  awsRegion: string;
  dynamodb: {
    ApproximateCreationDateTime: number;
    Keys: Item;
    NewImage?: Item;
    OldImage?: Item;
    SequenceNumber: string;
    SizeBytes: number;
    StreamViewType: StreamViewType;
  };
  /** Who did it, if it was a service: time to live. */
  userIdentity?: { type: string; principalId: string };
  eventSourceARN: string;
}

/** A record, and the shard that it is in. */
export interface LiveRecord {
  shardId: string;
  record: StreamRecord;
}

/** What a record is without its items, in bytes; they are added to the size that it tells. */
const FRAME_BYTES = 1000;

/** About how much memory a record takes. */
export function recordWeight({ record }: LiveRecord): number {
  return FRAME_BYTES + 3 * record.dynamodb.SizeBytes;
}

/** The key in one line. */
export function keyText(keys: Item, max = 120): string {
  return Object.values(keys)
    .map((value) => summary(value, max))
    .join(" \u00b7 ");
}

/** Whether the expiry of a time to live made the change. */
export function isExpiry(record: StreamRecord): boolean {
  return record.userIdentity?.type === "Service";
}

/** A record says so much of each value in one line. */
const VALUE_MAX = 40;
/** And so much of all of them: the line ends anyway. */
const LINE_MAX = 240;

/** What happened, in one line: `state: "new" -> "paid", +total`. */
export function changeText(record: {
  dynamodb: Pick<StreamRecord["dynamodb"], "Keys" | "NewImage" | "OldImage">;
}): string {
  const { Keys, NewImage, OldImage } = record.dynamodb;
  if (NewImage && OldImage) return changedText(OldImage, NewImage);
  const image = NewImage ?? OldImage;
  if (!image) return "";
  const rest = Object.entries(image).filter(([name]) => !Object.hasOwn(Keys, name));
  return joined(
    rest.map(
      ([name, value]) =>
        () =>
          `${name}: ${summary(value, VALUE_MAX)}`,
    ),
  );
}

function changedText(before: Item, after: Item): string {
  const changes = diffItems(before, after).filter((change) => change.kind !== "same");
  return joined(
    changes.map((change) => () => {
      const was = change.before && summary(change.before, VALUE_MAX);
      const is = change.after && summary(change.after, VALUE_MAX);
      if (is === undefined) return `\u2212${change.path}`;
      return was === undefined ? `+${change.path}: ${is}` : `${change.path}: ${was} \u2192 ${is}`;
    }),
  );
}

function joined(parts: readonly (() => string)[]): string {
  let text = "";
  for (const part of parts) {
    if (text.length > LINE_MAX) break;
    text += (text === "" ? "" : ", ") + part();
  }
  return text;
}

/** The event with which a function is called for a record: what `Invoke` and test runners take. */
export function testEvent(record: StreamRecord): string {
  return JSON.stringify({ Records: [record] }, null, 2);
}

/** What one looks for among records; text is sought in the keys, without regard to case. */
export interface RecordFilter {
  events: ReadonlySet<EventName>;
  key: string;
}

/** The test that a filter stands for. */
export function recordTest(filter: RecordFilter): (record: StreamRecord) => boolean {
  const text = filter.key.trim().toLowerCase();
  return (record) => {
    if (!filter.events.has(record.eventName)) return false;
    return text === "" || keyText(record.dynamodb.Keys, Number.MAX_SAFE_INTEGER).toLowerCase().includes(text);
  };
}
