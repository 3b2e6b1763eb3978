// Live records: what one sees of them, the bar above, the list, and the one that is selected.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { TableDescription } from "../../api/wire.ts";
import { shellQuote } from "../../model/cli.ts";
import { count, plural, rate } from "../../model/format.ts";
import { EVENT_NAMES, type EventName, type LiveRecord } from "../../model/record.ts";
import { isSequence, justBefore } from "../../model/sequence.ts";
import { go, place } from "../../shell/router.ts";
import { useShortcuts } from "../../shell/shortcuts.ts";
import { Button } from "../../ui/button.tsx";
import { Code, Snippets } from "../../ui/copy.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Segments, TextField } from "../../ui/field.tsx";
import { EmptyState, ErrorState, Notice } from "../../ui/states.tsx";
import { feedCommands } from "./commands.ts";
import { type Jump, JumpDialog } from "./jump.tsx";
import { type Marks, useMarks } from "./marks.ts";
import { PatternExamples, PatternField, usePatternCheck } from "./pattern.tsx";
import { RecordDetail } from "./record-detail.tsx";
import { RecordList } from "./record-list.tsx";
import { LiveSession } from "./session.ts";

/** A text that is typed is sought when nothing was typed for so long. */
const TYPED_MS = 200;

/** What the address says of the list, so that it can be sent to somebody. */
interface Asked {
  from: string;
  key: string;
  events: ReadonlySet<EventName>;
  pattern: string;
}

function asked(): Asked {
  const { query } = place.peek();
  const events = EVENT_NAMES.filter((name) => query.getAll("event").includes(name));
  return {
    from: query.get("from") ?? "latest",
    key: query.get("key") ?? "",
    events: new Set(events.length > 0 ? events : EVENT_NAMES),
    pattern: query.get("pattern") ?? "",
  };
}

/** The address as the list made it; another one was gone to by a link or by the back button. */
let made = "";

/** Whether the address is not the list's own, which then has to begin anew. */
export function isOtherAddress(): boolean {
  return location.hash !== made;
}

/** Keeps the address as the list is; the back button passes over it. */
function remember({ from, key, events, pattern }: Asked): void {
  const query = new URLSearchParams();
  if (from !== "latest") query.set("from", from);
  if (key !== "") query.set("key", key);
  if (events.size < EVENT_NAMES.length) for (const event of events) query.append("event", event);
  if (pattern !== "") query.set("pattern", pattern);
  const bare = location.hash.replace(/\?.*$/, "");
  const text = query.toString();
  const address = text === "" ? bare : `${bare}?${text}`;
  if (address !== location.hash) go(address, { replace: true });
  made = location.hash;
}

export function LiveRecords(props: {
  table: TableDescription & { TableName: string };
  stream: string;
  parts: ComponentChildren;
}) {
  const table = props.table.TableName;
  const first = useMemo(asked, []);
  const [from, setFrom] = useState(first.from);
  const [key, setKey] = useState(first.key);
  const [events, setEvents] = useState(first.events);
  const [pattern, setPattern] = useState(first.pattern);
  const [patternOpen, setPatternOpen] = useState(first.pattern !== "");
  const [others, setOthers] = useState<"hide" | "mark">("hide");
  const [jumping, setJumping] = useState(false);
  const [commands, setCommands] = useState(false);
  const selected = useSignal<LiveRecord | undefined>(undefined);
  const seen = useRef({ first: 0, last: 0 });

  const check = usePatternCheck(pattern);
  const held = pattern.trim() === "" || check.problem !== undefined || check.checking ? undefined : pattern;
  // While a pattern is typed, the last one that was right stays.
  const last = useRef(first.pattern === "" ? undefined : first.pattern);
  if (pattern.trim() === "") last.current = undefined;
  else if (held !== undefined) last.current = held;
  const used = last.current;
  const hides = used !== undefined && others === "hide";

  const session = useMemo(
    () => new LiveSession(table, { from: first.from, patterns: hides ? [used] : [], filter: { events, key } }),
    [table],
  );
  useEffect(() => session.start(), [session]);

  const filter = useRef({ events, key, pattern: hides ? used : undefined });
  useEffect(() => {
    remember({ from, key, events, pattern });
    const timer = setTimeout(() => {
      const next = { events, key, pattern: hides ? used : undefined };
      const now = filter.current;
      if (next.events === now.events && next.key === now.key && next.pattern === now.pattern) return;
      filter.current = next;
      session.narrow({
        filter: { events, key },
        patterns: next.pattern === undefined ? [] : [next.pattern],
      });
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [session, from, key, events, pattern, used, hides]);

  const marks = useMarks(session, used !== undefined && !hides ? used : undefined, seen);
  const toggle = () => (session.paused.value === "no" ? session.pause("asked") : session.resume());
  useShortcuts([{ keys: "p", label: "Pause the records, or go on", run: toggle }]);

  const jump = (to: Jump) => {
    const next = "from" in to ? to.from : "ms" in to ? `@${to.ms}` : justBefore(to.at);
    setFrom(next);
    session.jump(next);
  };
  const clear = () => {
    session.clear();
    setFrom("latest");
  };
  const one = selected.value;
  return (
    <>
      <div class="stream-bar">
        {props.parts}
        <State session={session} />
        <div class="actions">
          <PauseButton session={session} onToggle={toggle} />
          <Button small icon="clock" onClick={() => setJumping(true)}>
            {fromText(from)}
          </Button>
          <Button small icon="trash" onClick={clear}>
            Clear
          </Button>
          <Button small icon="copy" onClick={() => setCommands(true)}>
            Commands
          </Button>
        </div>
      </div>
      <div class="stream-bar">
        <div class="stream-filter">
          <TextField
            label="Filter by key"
            hideLabel
            type="search"
            placeholder="Key contains  ( / )"
            filter
            mono
            value={key}
            onInput={setKey}
          />
        </div>
        <EventButtons events={events} onChange={setEvents} />
        <Button
          small
          icon="filter"
          pressed={patternOpen}
          onClick={() => {
            if (patternOpen) setPattern("");
            setPatternOpen(!patternOpen);
          }}
        >
          Pattern
        </Button>
        <Held session={session} />
      </div>
      {patternOpen && (
        <div class="stream-pattern">
          <PatternField label="Filter pattern" value={pattern} onInput={setPattern} problem={check.problem} rows={4} />
          <div class="stack-tight">
            <Segments
              label="Records that do not match"
              value={others}
              options={[
                { value: "hide", label: "Only matching" },
                { value: "mark", label: "All, marked" },
              ]}
              onChange={setOthers}
            />
            <PatternExamples onPick={setPattern} />
          </div>
        </div>
      )}
      <Notices session={session} />
      <div class={one ? "stream-split" : "stream-split stream-split-one"}>
        <Rows
          table={props.table}
          session={session}
          selected={one}
          onSelect={(record) => {
            selected.value = record;
          }}
          marks={marks}
          seen={seen}
          from={from}
          onOldest={() => jump({ from: "horizon" })}
        />
        {one && (
          <RecordDetail
            table={table}
            one={one}
            pattern={used}
            onPattern={(text) => {
              setPattern(text);
              setPatternOpen(true);
            }}
            onClose={() => {
              selected.value = undefined;
            }}
          />
        )}
      </div>
      <JumpDialog open={jumping} onClose={() => setJumping(false)} onJump={jump} />
      <Dialog open={commands} onClose={() => setCommands(false)} title="The same from elsewhere" size="medium">
        <div class="stack">
          <Snippets snippets={feedCommands(table, props.stream, from, used, location.origin)} />
        </div>
      </Dialog>
    </>
  );
}

function fromText(from: string): string {
  if (from === "latest") return "From now on";
  if (from === "horizon") return "From the oldest";
  if (isSequence(from)) return "From a number";
  return `From ${new Date(Number(from.slice(1))).toLocaleTimeString("en-GB")}`;
}

function EventButtons(props: { events: ReadonlySet<EventName>; onChange: (events: ReadonlySet<EventName>) => void }) {
  const { events, onChange } = props;
  const toggle = (name: EventName) => {
    const next = new Set(events);
    if (!next.delete(name)) next.add(name);
    // None at all would show nothing for ever.
    onChange(next.size === 0 ? new Set(EVENT_NAMES) : next);
  };
  return (
    <fieldset class="stream-events">
      <legend class="visually-hidden">Kinds of changes</legend>
      {EVENT_NAMES.map((name) => (
        <Button key={name} small pressed={events.has(name)} onClick={() => toggle(name)}>
          {name}
        </Button>
      ))}
    </fieldset>
  );
}

function PauseButton({ session, onToggle }: { session: LiveSession; onToggle: () => void }) {
  const paused = session.paused.value !== "no";
  const waiting = session.waiting.value;
  if (session.phase.value === "ended" && !paused) return null;
  if (!paused) {
    return (
      <Button small icon="pause" onClick={onToggle}>
        Pause
      </Button>
    );
  }
  return (
    <Button small kind="primary" icon="play" onClick={onToggle}>
      {waiting > 0 ? `Go on (${count(waiting)} waiting)` : "Go on"}
    </Button>
  );
}

const PHASE_WORDS = {
  connecting: "Connecting",
  live: "Live",
  retrying: "Connection lost, trying again",
  ended: "Ended: the stream is disabled and read to its end",
  failed: "Stopped",
} as const;

const PAUSE_WORDS = {
  asked: "Paused",
  scrolled: "Held while scrolled down",
  full: "Held: the list is full",
} as const;

/** What the session does, in words, and how fast records come. */
function State({ session }: { session: LiveSession }) {
  const phase = session.phase.value;
  const paused = session.paused.value;
  const words = phase === "live" && paused !== "no" ? PAUSE_WORDS[paused] : PHASE_WORDS[phase];
  const kind = phase === "live" && paused !== "no" ? "paused" : phase;
  return (
    <div class={`stream-state stream-state-${kind}`}>
      <span class="stream-dot" aria-hidden="true" />
      <span aria-live="polite">{words}</span>
      <span class="muted small stream-rate">{rate(session.rate.value)} records/s</span>
    </div>
  );
}

/** How many are in the list, and how many had to go. */
function Held({ session }: { session: LiveSession }) {
  void session.version.value;
  const { length, dropped } = session.ring;
  return (
    <span class="stream-held muted small">
      {plural(length, "record")}
      {dropped > 0 && `, ${count(dropped)} older let go`}
    </span>
  );
}

function Notices({ session }: { session: LiveSession }) {
  const error = session.error.value;
  return (
    <>
      {error && <ErrorState what="The records can't be read." error={error} retry={() => session.retry()} />}
      {session.lost.value && (
        <Notice kind="warn" title="Some records are gone">
          <p>The server says: {session.lost.value}.</p>
        </Notice>
      )}
    </>
  );
}

function Rows(props: {
  table: TableDescription & { TableName: string };
  session: LiveSession;
  selected: LiveRecord | undefined;
  onSelect: (record: LiveRecord) => void;
  marks: Marks | undefined;
  seen: { current: { first: number; last: number } };
  from: string;
  onOldest: () => void;
}) {
  const { session } = props;
  void session.version.value;
  if (session.ring.length > 0) {
    return (
      <RecordList
        key={props.from}
        session={session}
        selected={props.selected}
        onSelect={props.onSelect}
        marks={props.marks}
        seen={props.seen}
        fromOldest={props.from !== "latest"}
      />
    );
  }
  if (session.phase.value !== "live" && session.phase.value !== "ended") return <div class="stream-list" />;
  return (
    <div class="stream-list stream-none">
      <NoRecords
        table={props.table}
        ended={session.phase.value === "ended"}
        filtered={isFiltered(session)}
        onOldest={props.onOldest}
      />
    </div>
  );
}

function isFiltered({ look }: LiveSession): boolean {
  return look.patterns.length > 0 || look.filter.key.trim() !== "" || look.filter.events.size < EVENT_NAMES.length;
}

function NoRecords(props: {
  table: TableDescription & { TableName: string };
  ended: boolean;
  filtered: boolean;
  onOldest: () => void;
}) {
  const oldest = (
    <Button icon="clock" onClick={props.onOldest}>
      Begin at the oldest record
    </Button>
  );
  if (props.ended) {
    return (
      <EmptyState icon="stream" title="Nothing more comes">
        <p>The stream is disabled. What is left of it can still be read; the settings enable it anew.</p>
        {oldest}
      </EmptyState>
    );
  }
  if (props.filtered) {
    return (
      <EmptyState icon="filter" title="No record matches so far">
        <p>The filter is as you see it above. Changes that match appear here as they are made.</p>
        {oldest}
      </EmptyState>
    );
  }
  return (
    <EmptyState icon="stream" title="Waiting for changes">
      <p>Each change of an item appears here as it is made, such as that of</p>
      <Code label="A write" text={putCommand(props.table)} />
      <p>What was changed before can be seen too.</p>
      {oldest}
    </EmptyState>
  );
}

/** A command that writes an item with the table's keys. */
function putCommand(table: TableDescription & { TableName: string }): string {
  const types = new Map((table.AttributeDefinitions ?? []).map((one) => [one.AttributeName, one.AttributeType]));
  const values = { S: { S: "a" }, N: { N: "1" }, B: { B: "YQ==" } };
  const keys = (table.KeySchema ?? []).map((one) => [one.AttributeName, values[types.get(one.AttributeName) ?? "S"]]);
  const item = JSON.stringify(Object.fromEntries(keys));
  const names = `--endpoint-url ${location.origin} --table-name ${shellQuote(table.TableName)}`;
  return `aws dynamodb put-item ${names} \\\n  --item ${shellQuote(item)}`;
}
