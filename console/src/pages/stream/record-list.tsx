// Live records below each other, the newest first.

import type { ReadonlySignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { changeText, isExpiry, keyText, type LiveRecord, type StreamRecord } from "../../model/record.ts";
import { sequenceMs } from "../../model/sequence.ts";
import { useWindow } from "../../ui/virtual.tsx";
import { useNarrow } from "./narrow.ts";
import type { LiveSession } from "./session.ts";

const ROW_PX = 30;
/** With little room the change stands below the key. */
const ROW_NARROW_PX = 50;

/** Rows take turns in so many elements, which is more than are seen at once: none is made anew while records rush by. */
const SLOTS = 400;

export function RecordList(props: {
  session: LiveSession;
  selected: LiveRecord | undefined;
  onSelect: (record: LiveRecord) => void;
  /** Whether the pattern matches, where that is asked for and known. */
  marks?: ReadonlySignal<ReadonlyMap<string, boolean>> | undefined;
  /** Told the numbers of the records that are seen. */
  seen?: { current: { first: number; last: number } };
  /** Begins at the oldest record and stays there: what one jumped to. */
  fromOldest: boolean;
}) {
  const { session, selected, onSelect, marks } = props;
  const narrow = useNarrow();
  const rowPx = narrow ? ROW_NARROW_PX : ROW_PX;
  const scroller = useRef<HTMLDivElement>(null);
  // Everything that is shown is in the ring, which is no signal; this is.
  void session.version.value;
  const { ring } = session;
  const { first, last, above, total } = useWindow(scroller, ring.length, rowPx);

  // At its end the list stays with what is there, while more comes above.
  const atEnd = useRef(props.fromOldest);
  const endTop = useRef(0);
  useLayoutEffect(() => {
    const list = scroller.current;
    if (!atEnd.current || !list) return;
    list.scrollTop = total;
    endTop.current = list.scrollTop;
  }, [total]);

  // Further down the list must not move: new records wait until one comes back.
  const scrolled = () => {
    const list = scroller.current;
    if (!list) return;
    const below = list.scrollHeight - list.clientHeight - list.scrollTop;
    // The list may have become lower or higher meanwhile, which is no scrolling.
    if (atEnd.current && (below < rowPx || list.scrollTop >= endTop.current)) return;
    atEnd.current = false;
    const down = list.scrollTop >= rowPx;
    if (down && session.paused.value === "no") session.pause("scrolled");
    if (!down && session.paused.value === "scrolled") session.resume();
  };
  if (props.seen) props.seen.current = { first: ring.end - last, last: ring.end - first };

  const newest = ring.end - 1;
  const step = (by: number) => {
    const at = selected ? find(session, selected, newest) : undefined;
    const number = at === undefined ? newest : at - by;
    const next = ring.get(Math.min(Math.max(number, ring.begin), newest));
    if (!next) return;
    if (session.paused.value === "no") session.pause("asked");
    onSelect(next);
    reveal(scroller.current, (newest - number) * rowPx, rowPx);
  };
  const keys = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  };

  const rows = [];
  for (let index = first; index < last; index += 1) {
    const number = newest - index;
    const one = ring.get(number);
    if (!one) continue;
    const sequence = one.record.dynamodb.SequenceNumber;
    rows.push(
      <li key={number % SLOTS} class="stream-item" style={{ height: `${rowPx}px` }}>
        <Row
          one={one}
          current={selected?.record.dynamodb.SequenceNumber === sequence}
          mark={marks?.value.get(sequence)}
          marked={marks !== undefined}
          onSelect={onSelect}
        />
      </li>,
    );
  }
  return (
    <section
      class="virtual stream-list"
      ref={scroller}
      // What scrolls has to be reachable by the keyboard.
      tabIndex={0}
      aria-label="Records, the newest first. Up and down go through them."
      onScroll={scrolled}
      onKeyDown={keys}
    >
      <div class="virtual-space" style={{ height: `${total}px` }}>
        <ul style={{ transform: `translateY(${above}px)` }}>{rows}</ul>
      </div>
    </section>
  );
}

/** The number of a record that is held; the newest are looked at first. */
function find(session: LiveSession, one: LiveRecord, newest: number): number | undefined {
  for (let number = newest; number >= session.ring.begin; number -= 1) {
    if (session.ring.get(number)?.record.dynamodb.SequenceNumber === one.record.dynamodb.SequenceNumber) return number;
  }
  return undefined;
}

function reveal(scroller: HTMLElement | null, top: number, height: number): void {
  if (!scroller) return;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  const bottom = top + height - scroller.clientHeight;
  if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
}

function Row(props: {
  one: LiveRecord;
  current: boolean;
  mark: boolean | undefined;
  marked: boolean;
  onSelect: (record: LiveRecord) => void;
}) {
  const { one } = props;
  const { record } = one;
  return (
    <button
      type="button"
      // The list itself is one stop of the keyboard; arrows go through it.
      tabIndex={-1}
      class={props.mark === false ? "stream-row stream-row-off" : "stream-row"}
      aria-current={props.current ? "true" : undefined}
      onClick={() => props.onSelect(one)}
    >
      <span class="stream-time">{timeText(record)}</span>
      <EventMark record={record} />
      <span class="stream-key data ellipsis">{keyText(record.dynamodb.Keys)}</span>
      <span class="stream-change data ellipsis">{lineOf(record)}</span>
      {props.marked && <span class="stream-mark">{props.mark === undefined ? "" : props.mark ? "matches" : "no"}</span>}
    </button>
  );
}

/** The kind of a change; TTL stands beside what an expiry removed. */
export function EventMark({ record }: { record: StreamRecord }) {
  return (
    <span class={`stream-event stream-event-${record.eventName.toLowerCase()}`}>
      {record.eventName}
      {isExpiry(record) && <span class="stream-ttl"> TTL</span>}
    </span>
  );
}

/** Lines that were made; a record is rendered many times. */
const lines = new WeakMap<StreamRecord, string>();

function lineOf(record: StreamRecord): string {
  let line = lines.get(record);
  if (line === undefined) {
    line = changeText(record);
    lines.set(record, line);
  }
  return line;
}

function two(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}

/** The time of day to the millisecond. */
function timeText(record: StreamRecord): string {
  const ms = sequenceMs(record.dynamodb.SequenceNumber);
  const date = new Date(ms ?? record.dynamodb.ApproximateCreationDateTime * 1000);
  const day = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return ms === undefined ? day : `${day}.${two(date.getMilliseconds(), 3)}`;
}
