// One record: what changed, what it is, and what one can do with it.

import { useEffect, useRef } from "preact/hooks";
import { type Explanation, explain } from "../../api/filter.ts";
import { useResource } from "../../api/resource.ts";
import { bytes, moment } from "../../model/format.ts";
import { isExpiry, keyText, type LiveRecord, type StreamRecord, testEvent } from "../../model/record.ts";
import { sequenceMs } from "../../model/sequence.ts";
import { Button, IconButton, LinkButton } from "../../ui/button.tsx";
import { CopyButton, copyText } from "../../ui/copy.tsx";
import { Explained } from "../../ui/explanation.tsx";
import { Fold, ItemBlock, ItemDiff, JsonBlock } from "../../ui/json.tsx";
import { Facts } from "../../ui/page.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { historyHref } from "../history/address.ts";
import { recordCommand } from "./commands.ts";
import { EventMark } from "./record-list.tsx";

export function RecordDetail(props: {
  table: string;
  one: LiveRecord;
  /** A pattern that the record is held against. */
  pattern: string | undefined;
  onPattern: (pattern: string) => void;
  onClose: () => void;
}) {
  const { one, pattern, onClose } = props;
  const { record } = one;
  const { dynamodb } = record;
  const pane = useRef<HTMLElement>(null);
  const sequence = dynamodb.SequenceNumber;
  useEffect(() => {
    pane.current?.scrollTo(0, 0);
  }, [sequence]);
  const copy = async (what: string, text: string) => {
    if (await copyText(text)) say(`Copied ${what}.`);
  };
  return (
    <section
      class="stream-detail"
      ref={pane}
      tabIndex={0}
      aria-label="The record"
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <header class="stream-detail-head">
        <EventMark record={record} />
        <h2 class="grow data break">{keyText(dynamodb.Keys)}</h2>
        <IconButton icon="close" label="Close the record" onClick={onClose} />
      </header>
      <div class="row">
        <Button small icon="copy" onClick={() => copy("the test event", testEvent(record))}>
          Test event
        </Button>
        <Button
          small
          icon="copy"
          onClick={() =>
            copy("the command", recordCommand(record.eventSourceARN, one.shardId, sequence, location.origin))
          }
        >
          AWS CLI
        </Button>
        <Button small icon="filter" onClick={() => props.onPattern(patternOf(record))}>
          Pattern of it
        </Button>
        <LinkButton small icon="history" href={historyHref(props.table, dynamodb.Keys, sequence)}>
          History
        </LinkButton>
      </div>
      <Images record={record} />
      {pattern !== undefined && <Reasons record={record} pattern={pattern} />}
      <Facts
        facts={[
          ["Time", timeOf(record)],
          ["By", isExpiry(record) ? "Time to live: the item expired" : "A write"],
          ["Size", bytes(dynamodb.SizeBytes)],
          ["Shard", <span class="data">{one.shardId}</span>],
          [
            "Sequence number",
            <span key="sequence" class="row">
              <span class="data">{sequence}</span>
              <CopyButton text={sequence} label="Copy the sequence number" />
            </span>,
          ],
          ["Event id", <span class="data">{record.eventID}</span>],
        ]}
      />
      <Fold key={sequence} label="As functions receive it">
        {() => <JsonBlock label="Record" text={JSON.stringify(record, null, 2)} />}
      </Fold>
    </section>
  );
}

function timeOf(record: StreamRecord): string {
  const ms = sequenceMs(record.dynamodb.SequenceNumber);
  if (ms === undefined) return moment(record.dynamodb.ApproximateCreationDateTime * 1000);
  return `${moment(ms)}.${String(ms % 1000).padStart(3, "0")}`;
}

/** What the stream's view has of the item. */
function Images({ record }: { record: StreamRecord }) {
  const { Keys, NewImage, OldImage, StreamViewType } = record.dynamodb;
  if (NewImage && OldImage) return <ItemDiff before={OldImage} after={NewImage} />;
  const image = NewImage ?? OldImage;
  const whole = StreamViewType === "NEW_AND_OLD_IMAGES";
  return (
    <div class="stack-tight">
      <h3>{imageTitle(record)}</h3>
      <ItemBlock item={image ?? Keys} label="Item" />
      {!whole && (
        <p class="small muted">
          The view of this stream is {StreamViewType}; what its records do not hold is in the item's history.
        </p>
      )}
    </div>
  );
}

function imageTitle({ eventName, dynamodb }: StreamRecord): string {
  if (dynamodb.NewImage) return eventName === "INSERT" ? "The new item" : "After the change";
  if (dynamodb.OldImage) return eventName === "REMOVE" ? "The removed item" : "Before the change";
  return "The key";
}

/** Why the pattern matches the record or not. */
function Reasons({ record, pattern }: { record: StreamRecord; pattern: string }) {
  const key = `explain/${pattern}/${record.eventID}`;
  const asked = useResource<Explanation | undefined>(
    key,
    async (signal) => (await explain([pattern], [record], signal))[0],
  );
  const explanation = asked.data.value;
  return (
    <div class="stack-tight">
      <h3>The pattern</h3>
      {asked.error.value && <ErrorState what="The pattern could not be explained." error={asked.error.value} />}
      {explanation && <Explained explanation={explanation} />}
    </div>
  );
}

/** A pattern that matches changes of this kind to this item. */
function patternOf(record: StreamRecord): string {
  const keys = Object.entries(record.dynamodb.Keys).map(([name, value]) => {
    const [type, content] = Object.entries(value)[0] as [string, string];
    return [name, { [type]: [content] }] as const;
  });
  const pattern = { eventName: [record.eventName], dynamodb: { Keys: Object.fromEntries(keys) } };
  return JSON.stringify(pattern, null, 2);
}
