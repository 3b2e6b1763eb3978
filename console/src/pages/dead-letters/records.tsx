// The records of a batch, one of which is open.

import { useState } from "preact/hooks";
import { tableOfArn } from "../../model/arn.ts";
import { changeText, keyText, type StreamRecord } from "../../model/record.ts";
import { justBefore } from "../../model/sequence.ts";
import { href } from "../../shell/router.ts";
import { Button, LinkButton } from "../../ui/button.tsx";
import { ItemBlock, ItemDiff } from "../../ui/json.tsx";
import { historyHref } from "../history/address.ts";
import { EventMark } from "../stream/record-list.tsx";
import "../stream/stream.css";

/** More are shown when one asks. */
const FIRST = 50;

export function RecordsList({ records }: { records: readonly StreamRecord[] }) {
  const [open, setOpen] = useState(records.length === 1 ? records[0]?.eventID : undefined);
  const [all, setAll] = useState(false);
  const shown = all ? records : records.slice(0, FIRST);
  return (
    <div class="stack-tight">
      <ul class="tester">
        {shown.map((record) => (
          <li key={record.eventID}>
            <button
              type="button"
              class="tester-row"
              aria-expanded={open === record.eventID}
              onClick={() => setOpen(open === record.eventID ? undefined : record.eventID)}
            >
              <EventMark record={record} />
              <span class="data ellipsis">{keyText(record.dynamodb.Keys)}</span>
              <span class="data ellipsis muted">{changeText(record)}</span>
            </button>
            {open === record.eventID && (
              <div class="tester-reasons">
                <RecordImages record={record} />
                <RecordLinks record={record} />
              </div>
            )}
          </li>
        ))}
      </ul>
      {!all && records.length > FIRST && (
        <Button small kind="quiet" onClick={() => setAll(true)}>
          Show all {records.length}
        </Button>
      )}
    </div>
  );
}

/** Where a record can be looked at further. */
export function RecordLinks({ record }: { record: StreamRecord }) {
  const table = tableOfArn(record.eventSourceARN);
  const { Keys, SequenceNumber } = record.dynamodb;
  return (
    <div class="row">
      <LinkButton
        small
        icon="stream"
        href={href("/tables/:table/stream", { table }, { from: justBefore(SequenceNumber) })}
      >
        In the stream
      </LinkButton>
      <LinkButton small icon="history" href={historyHref(table, Keys, SequenceNumber)}>
        History
      </LinkButton>
    </div>
  );
}

/** What a record has of the item. */
export function RecordImages({ record }: { record: StreamRecord }) {
  const { Keys, NewImage, OldImage } = record.dynamodb;
  if (NewImage && OldImage) return <ItemDiff before={OldImage} after={NewImage} />;
  return <ItemBlock item={NewImage ?? OldImage ?? Keys} label="Item" />;
}
