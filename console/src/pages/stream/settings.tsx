// Enabling and disabling a table's stream.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { dynamodb, streams } from "../../api/dynamodb.ts";
import { useResource } from "../../api/resource.ts";
import type { Stream as StreamEntry, StreamViewType, TableDescription } from "../../api/wire.ts";
import { awsCli } from "../../model/cli.ts";
import { STREAM_VIEWS } from "../../model/stream-view.ts";
import { useAction } from "../../ui/action.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { CopyButton, Snippets } from "../../ui/copy.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Choices } from "../../ui/field.tsx";
import { Card, Facts } from "../../ui/page.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";

interface Changed {
  onChange: () => Promise<void>;
}

function specification(table: string, view: StreamViewType | undefined) {
  const StreamSpecification =
    view === undefined ? { StreamEnabled: false } : { StreamEnabled: true, StreamViewType: view };
  return { TableName: table, StreamSpecification };
}

/** What a table without a stream shows: the four views, and a button. */
export function EnableStream({ table, onChange }: { table: string } & Changed) {
  return (
    <div class="stream-settings stack">
      <Card title="Enable the stream">
        <div class="stack">
          <p class="muted">
            A stream holds every change of the table's items in order. Functions and other readers get them from it, and
            this page shows them live.
          </p>
          <EnableForm table={table} onChange={onChange} />
        </div>
      </Card>
    </div>
  );
}

/** The four views with a button, and the command that does the same. */
export function EnableForm({ table, onChange }: { table: string } & Changed) {
  const [view, setView] = useState<StreamViewType>("NEW_AND_OLD_IMAGES");
  const action = useAction();
  const enable = () =>
    action.run(async () => {
      await dynamodb("UpdateTable", specification(table, view));
      await onChange();
      say(`The stream of ${table} is enabled.`);
    });
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void enable();
      }}
    >
      <Choices label="What its records hold" value={view} options={STREAM_VIEWS} onChange={setView} />
      {action.error && <ErrorState what="The stream could not be enabled." error={action.error} />}
      <div class="row">
        <Button kind="primary" submit busy={action.busy} icon="stream">
          Enable stream
        </Button>
      </div>
      <Snippets
        snippets={[
          { label: "AWS CLI", text: awsCli("dynamodb", "UpdateTable", specification(table, view), location.origin) },
        ]}
      />
    </form>
  );
}

/** What the stream is, and the button that disables it; for a disabled one, what enables it anew. */
export function StreamSettings(
  props: { table: TableDescription & { TableName: string }; stream: string; parts: ComponentChildren } & Changed,
) {
  const { table, stream, onChange } = props;
  const enabled = table.StreamSpecification?.StreamEnabled === true;
  const view = STREAM_VIEWS.find((one) => one.value === table.StreamSpecification?.StreamViewType);
  const [asked, setAsked] = useState(false);
  return (
    <div class="stream-settings stack">
      <div class="row">{props.parts}</div>
      <Card
        title="Stream"
        actions={
          enabled && (
            <Button kind="danger" small onClick={() => setAsked(true)}>
              Disable stream
            </Button>
          )
        }
      >
        <Facts
          facts={[
            [
              "State",
              <Badge key="state" tone={enabled ? "good" : "off"}>
                {enabled ? "Enabled" : "Disabled"}
              </Badge>,
            ],
            ["Records hold", view ? `${view.label}: ${view.hint}` : "The stream is disabled"],
            ["Since", <span class="data">{table.LatestStreamLabel}</span>],
            [
              "ARN",
              <span key="arn" class="row">
                <span class="data break">{stream}</span>
                <CopyButton text={stream} label="Copy the ARN" />
              </span>,
            ],
          ]}
        />
      </Card>
      {!enabled && (
        <Card title="Enable the stream anew">
          <div class="stack">
            <p class="muted">
              That makes a new stream with a new ARN. Triggers of the old one read what is left of it, and no more.
            </p>
            <EnableForm table={table.TableName} onChange={onChange} />
          </div>
        </Card>
      )}
      <Earlier table={table.TableName} stream={stream} />
      <DisableStream table={table.TableName} open={asked} onClose={() => setAsked(false)} onChange={onChange} />
    </div>
  );
}

/** Streams that the table had before, as long as their records are kept. */
function Earlier({ table, stream }: { table: string; stream: string }) {
  const all = useResource(`streams/${table}/${stream}`, (signal) =>
    streams("ListStreams", { TableName: table }, signal),
  );
  const earlier = (all.data.value?.Streams ?? []).filter((one) => one.StreamArn !== stream);
  if (earlier.length === 0) return null;
  return (
    <Card title="Earlier streams">
      <div class="stack-tight">
        <p class="muted small">Disabled, and readable until their records are past their retention.</p>
        <ul class="stack-tight">
          {earlier.map((one: StreamEntry) => (
            <li key={one.StreamArn} class="row">
              <span class="data break">{one.StreamArn}</span>
              <CopyButton text={one.StreamArn ?? ""} label="Copy the ARN" />
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
}

/** Asks before the stream is disabled. */
export function DisableStream(props: { table: string; open: boolean; onClose: () => void } & Changed) {
  const { table, open, onClose, onChange } = props;
  const action = useAction();
  const disable = async () => {
    const done = await action.run(async () => {
      await dynamodb("UpdateTable", specification(table, undefined));
      await onChange();
      say(`The stream of ${table} is disabled.`);
    });
    if (done) onClose();
  };
  return (
    <Confirm open={open} onClose={onClose} title="Disable the stream?" action="Disable stream" onConfirm={disable}>
      <p>
        Changes of <b class="break">{table}</b> are in no stream then. The records that are there stay readable until
        they are past their retention; triggers read them to the end and get nothing after that.
      </p>
      <p class="muted">Enabled again, it is a new stream with a new ARN, and triggers have to be added to that one.</p>
      {action.error && <ErrorState what="The stream could not be disabled." error={action.error} />}
    </Confirm>
  );
}
