// One version: what changed with it, what the item was, and how it differs from what it is now.

import { useState } from "preact/hooks";
import type { Version } from "../../api/history.ts";
import { printItem } from "../../model/document.ts";
import type { Item } from "../../model/value.ts";
import { useAction } from "../../ui/action.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Segments } from "../../ui/field.tsx";
import { ItemBlock, ItemDiff } from "../../ui/json.tsx";
import { Card, Facts } from "../../ui/page.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { saveItem } from "../items/saving.ts";
import { timeText, VersionMark } from "./versions.tsx";

type View = "change" | "item" | "now";

interface Props {
  table: string;
  keyNames: readonly string[];
  version: Version;
  newest: Version;
  onRestored: () => void;
}

export function VersionDetail(props: Props) {
  const { version, newest } = props;
  const [view, setView] = useState<View>("change");
  const [asked, setAsked] = useState(false);
  const isNewest = version.SequenceNumber === newest.SequenceNumber;
  const item = version.Item;
  return (
    <Card
      title={timeText(version.Ms)}
      actions={
        item &&
        !isNewest && (
          <Button small icon="history" onClick={() => setAsked(true)}>
            Put this version back
          </Button>
        )
      }
    >
      <div class="stack">
        <Segments
          label="What is shown"
          value={view}
          options={[
            { value: "change", label: "What changed" },
            { value: "item", label: "The item then" },
            { value: "now", label: "Then and now" },
          ]}
          onChange={setView}
        />
        {view === "change" && <Change version={version} />}
        {view === "item" &&
          (item ? <ItemBlock item={item} label="The item then" /> : <p class="muted">There was no item then.</p>)}
        {view === "now" && <ItemDiff before={item} after={newest.Item} beforeLabel="Then" afterLabel="Now" />}
        <Facts
          facts={[
            ["Change", <VersionMark key="mark" version={version} />],
            ["By", version.Service === undefined ? "A write" : "Time to live: the item expired"],
            [
              "Sequence number",
              <span key="sequence" class="row">
                <span class="data">{version.SequenceNumber}</span>
                <CopyButton text={version.SequenceNumber} label="Copy the sequence number" />
              </span>,
            ],
            [
              "Copy the item",
              item ? (
                <CopyButton key="copy" text={() => printItem(item, "dynamodb")} label="Copy as DynamoDB JSON" />
              ) : (
                "-"
              ),
            ],
          ]}
        />
      </div>
      {item && <RestoreDialog {...props} item={item} open={asked} onClose={() => setAsked(false)} />}
    </Card>
  );
}

function Change({ version }: { version: Version }) {
  const { Item, Before } = version;
  if (Item && Before) return <ItemDiff before={Before} after={Item} />;
  return (
    <div class="stack-tight">
      <h3>{Item ? "The new item" : "The removed item"}</h3>
      <ItemBlock item={Item ?? Before ?? {}} label="Item" />
    </div>
  );
}

/** Asks, with what would change; written only if the item still is as the history ends. */
function RestoreDialog(props: Props & { item: Item; open: boolean; onClose: () => void }) {
  const { table, keyNames, item, newest, open, onClose, onRestored } = props;
  const action = useAction();
  const restore = async () => {
    const done = await action.run(async () => {
      const outcome = await saveItem(table, keyNames, newest.Item, item);
      if (outcome.kind === "conflict") {
        onRestored();
        throw new Error("The item was changed meanwhile, and nothing was written. Its history is read again.");
      }
      say("The version is back.");
    });
    if (!done) return;
    onRestored();
    onClose();
  };
  return (
    <Confirm
      open={open}
      onClose={onClose}
      title="Put this version back?"
      action="Put it back"
      kind="primary"
      onConfirm={restore}
    >
      <p>That is a new change of the item, in its stream too:</p>
      <ItemDiff before={newest.Item} after={item} beforeLabel="Now" afterLabel="Then" />
      {action.error && <ErrorState what="The version was not put back." error={action.error} />}
    </Confirm>
  );
}
