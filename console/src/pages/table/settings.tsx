// What can be changed about a table, and its end.

import { useRef, useState } from "preact/hooks";
import { dynamodb } from "../../api/dynamodb.ts";
import { forget, useResource } from "../../api/resource.ts";
import type { Tag } from "../../api/wire.ts";
import { moment, plural } from "../../model/format.ts";
import { STREAM_VIEWS } from "../../model/stream-view.ts";
import { type Billing, checkTags, type TagForm } from "../../model/table-form.ts";
import { type TabProps, tableTabs } from "../../shell/pages.ts";
import { go, href } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Badge, Status } from "../../ui/badge.tsx";
import { Button, LinkButton } from "../../ui/button.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { Segments, TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ErrorState, Loading } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { TagFields } from "../tables/fields.tsx";
import { Setting } from "./setting.tsx";
import "../tables/tables.css";

export default function Settings(props: TabProps) {
  return (
    <div class="stack">
      <Card title="Data" flush>
        <TimeToLive {...props} />
        <Recovery {...props} />
        <StreamRow {...props} />
      </Card>
      <Card title="Table" flush>
        <BillingMode {...props} />
        <Protection {...props} />
      </Card>
      <Tags {...props} />
      <Card title="Delete" flush>
        <DeleteTable {...props} />
      </Card>
    </div>
  );
}

function TimeToLive({ table }: TabProps) {
  const TableName = table.TableName;
  const isThere = table.TableStatus !== "CREATING" && table.TableStatus !== "DELETING";
  const known = useResource(`ttl/${TableName}/${isThere}`, async (signal) => {
    // Until then it is refused to say anything of it.
    if (!isThere) return {};
    const { TimeToLiveDescription } = await dynamodb("DescribeTimeToLive", { TableName }, signal);
    return TimeToLiveDescription ?? {};
  });
  const [attribute, setAttribute] = useState("");
  const action = useAction();
  const now = known.data.value;
  const on = now?.TimeToLiveStatus === "ENABLED" || now?.TimeToLiveStatus === "ENABLING";
  const set = async (AttributeName: string, Enabled: boolean) => {
    const done = await action.run(async () => {
      await dynamodb("UpdateTimeToLive", { TableName, TimeToLiveSpecification: { AttributeName, Enabled } });
      await known.reload();
    });
    if (done) say(Enabled ? `Items expire by ${AttributeName}.` : "Items do not expire any more.");
  };
  return (
    <Setting
      title="Time to live"
      text={
        on ? (
          <>
            Items are deleted after the time in <b class="data">{now?.AttributeName}</b>, in seconds since 1970.
          </>
        ) : (
          "Deletes items after the time in one of their attributes: a number, in seconds since 1970."
        )
      }
      state={now?.TimeToLiveStatus && <Status status={now.TimeToLiveStatus} />}
      action={action}
      known={known}
    >
      {on ? (
        <div class="row">
          <Button small busy={action.busy} onClick={() => set(now?.AttributeName ?? "", false)}>
            Turn off
          </Button>
        </div>
      ) : (
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            void set(attribute.trim(), true);
          }}
        >
          <TextField
            label="Attribute"
            hideLabel
            placeholder="Attribute"
            mono
            value={attribute}
            onInput={setAttribute}
          />
          <Button submit busy={action.busy} disabled={attribute.trim() === ""}>
            Turn on
          </Button>
        </form>
      )}
    </Setting>
  );
}

function Recovery({ table }: TabProps) {
  const TableName = table.TableName;
  const known = useResource(`recovery/${TableName}`, async (signal) => {
    const { ContinuousBackupsDescription } = await dynamodb("DescribeContinuousBackups", { TableName }, signal);
    return ContinuousBackupsDescription?.PointInTimeRecoveryDescription ?? {};
  });
  const action = useAction();
  const now = known.data.value;
  const on = now?.PointInTimeRecoveryStatus === "ENABLED";
  const set = async (enabled: boolean) => {
    const done = await action.run(async () => {
      const specification = { PointInTimeRecoveryEnabled: enabled };
      await dynamodb("UpdateContinuousBackups", { TableName, PointInTimeRecoverySpecification: specification });
      await known.reload();
    });
    if (done) say(`Point-in-time recovery is ${enabled ? "on" : "off"}.`);
  };
  const earliest = now?.EarliestRestorableDateTime;
  return (
    <Setting
      title="Point-in-time recovery"
      text={
        on && earliest !== undefined
          ? `Any second since ${moment(earliest * 1000)} can be restored into a new table.`
          : "Keeps the log long enough to restore any second of the window into a new table."
      }
      state={now?.PointInTimeRecoveryStatus && <Status status={now.PointInTimeRecoveryStatus} />}
      action={action}
      known={known}
    >
      {now && (
        <div class="row">
          <Button small busy={action.busy} onClick={() => set(!on)}>
            {on ? "Turn off" : "Turn on"}
          </Button>
        </div>
      )}
    </Setting>
  );
}

/** The stream is managed on its own tab. */
function StreamRow({ table }: TabProps) {
  const view = STREAM_VIEWS.find((one) => one.value === table.StreamSpecification?.StreamViewType);
  const tab = tableTabs.find((one) => one.id === "stream");
  return (
    <Setting
      title="Stream"
      text={view ? `Each change is in the stream. ${view.hint}` : "Changes are not in a stream."}
      state={<Badge tone={view ? "good" : "off"}>{view ? view.label : "Off"}</Badge>}
    >
      {tab && (
        <div class="row">
          <LinkButton small href={href("/tables/:table/:tab", { table: table.TableName, tab: tab.id })}>
            Manage the stream
          </LinkButton>
        </div>
      )}
    </Setting>
  );
}

function BillingMode({ table, resource }: TabProps) {
  const now: Billing = table.BillingModeSummary?.BillingMode === "PAY_PER_REQUEST" ? "PAY_PER_REQUEST" : "PROVISIONED";
  const units = table.ProvisionedThroughput;
  const [open, setOpen] = useState(false);
  const [mode, setMode] = useState<Billing>(now);
  const [read, setRead] = useState("5");
  const [write, setWrite] = useState("5");
  const action = useAction();
  const start = () => {
    setMode(now);
    setRead(String(units?.ReadCapacityUnits || 5));
    setWrite(String(units?.WriteCapacityUnits || 5));
    action.clear();
    setOpen(true);
  };
  const save = async (event: Event) => {
    event.preventDefault();
    const done = await action.run(async () => {
      const throughput = { ReadCapacityUnits: Number(read), WriteCapacityUnits: Number(write) };
      const indexes = (table.GlobalSecondaryIndexes ?? []).map((index) => ({
        Update: { IndexName: index.IndexName ?? "", ProvisionedThroughput: throughput },
      }));
      const provisioned = {
        ProvisionedThroughput: throughput,
        // Indexes that had no units before need some with the table.
        ...(now === "PAY_PER_REQUEST" && indexes.length > 0 ? { GlobalSecondaryIndexUpdates: indexes } : {}),
      };
      const change = mode === "PROVISIONED" ? provisioned : {};
      await dynamodb("UpdateTable", { TableName: table.TableName, BillingMode: mode, ...change });
      await resource.reload();
    });
    if (!done) return;
    setOpen(false);
    say("The billing mode is changed.");
  };
  const form = "billing-form";
  return (
    <Setting
      title="Billing"
      text={
        now === "PAY_PER_REQUEST"
          ? "No units are planned."
          : `${plural(units?.ReadCapacityUnits ?? 0, "read unit")} and ${plural(units?.WriteCapacityUnits ?? 0, "write unit")} are planned. Nothing is throttled by them.`
      }
      state={<Badge>{now === "PAY_PER_REQUEST" ? "On demand" : "Provisioned"}</Badge>}
    >
      <div class="row">
        <Button small onClick={start}>
          Change
        </Button>
      </div>
      <Dialog open={open} onClose={() => setOpen(false)} title="Billing" size="small">
        <form id={form} class="stack" onSubmit={save}>
          <Segments
            label="Billing"
            value={mode}
            options={[
              { value: "PAY_PER_REQUEST", label: "On demand" },
              { value: "PROVISIONED", label: "Provisioned" },
            ]}
            onChange={setMode}
          />
          {mode === "PROVISIONED" && (
            <div class="row-fields">
              <TextField label="Read units" type="number" value={read} onInput={setRead} />
              <TextField label="Write units" type="number" value={write} onInput={setWrite} />
            </div>
          )}
          {action.error && <ErrorState what="It was not changed." error={action.error} />}
          <div class="dialog-foot dialog-foot-inline">
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button submit kind="primary" busy={action.busy}>
              Save
            </Button>
          </div>
        </form>
      </Dialog>
    </Setting>
  );
}

function Protection({ table, resource }: TabProps) {
  const on = table.DeletionProtectionEnabled === true;
  const action = useAction();
  const set = async () => {
    const done = await action.run(async () => {
      await dynamodb("UpdateTable", { TableName: table.TableName, DeletionProtectionEnabled: !on });
      await resource.reload();
    });
    if (done) say(`Deletion protection is ${on ? "off" : "on"}.`);
  };
  return (
    <Setting
      title="Deletion protection"
      text="While it is on, the table can't be deleted, here or by the API."
      state={<Badge tone={on ? "good" : "off"}>{on ? "On" : "Off"}</Badge>}
      action={action}
    >
      <div class="row">
        <Button small busy={action.busy} onClick={set}>
          {on ? "Turn off" : "Turn on"}
        </Button>
      </div>
    </Setting>
  );
}

async function allTags(ResourceArn: string, signal: AbortSignal): Promise<Tag[]> {
  const tags: Tag[] = [];
  let NextToken: string | undefined;
  do {
    const page = await dynamodb("ListTagsOfResource", NextToken ? { ResourceArn, NextToken } : { ResourceArn }, signal);
    tags.push(...(page.Tags ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return tags;
}

function Tags({ table }: TabProps) {
  const arn = table.TableArn ?? "";
  const known = useResource(`tags/${arn}`, (signal) => allTags(arn, signal));
  const [draft, setDraft] = useState<TagForm[]>();
  const [tried, setTried] = useState(false);
  const nextId = useRef(0);
  const action = useAction();
  const now = known.data.value;
  const id = () => {
    nextId.current += 1;
    return nextId.current;
  };
  const problems = new Map<string, string>();
  if (draft && tried) checkTags(draft, problems);
  const save = async () => {
    const found = new Map<string, string>();
    checkTags(draft ?? [], found);
    setTried(true);
    if (found.size > 0) return;
    const done = await action.run(() => saveTags(arn, now ?? [], draft ?? []));
    if (!done) return;
    await known.reload();
    setDraft(undefined);
    say("The tags are saved.");
  };
  const edit = () => {
    setTried(false);
    action.clear();
    setDraft((now ?? []).map((tag) => ({ id: id(), key: tag.Key, value: tag.Value })));
  };
  return (
    <Card
      title="Tags"
      actions={
        draft ? (
          <>
            <Button small onClick={() => setDraft(undefined)}>
              Cancel
            </Button>
            <Button small kind="primary" busy={action.busy} onClick={save}>
              Save tags
            </Button>
          </>
        ) : (
          <Button small disabled={!now} onClick={edit}>
            Edit tags
          </Button>
        )
      }
    >
      {known.error.value && <ErrorState what="The tags did not load." error={known.error.value} retry={known.reload} />}
      {!now && !known.error.value && <Loading lines={1} />}
      {action.error && <ErrorState what="The tags were not saved." error={action.error} />}
      {draft && <TagFields tags={draft} onChange={setDraft} problems={problems} nextId={id} />}
      {now && !draft && <TagList tags={now} />}
    </Card>
  );
}

/** What is gone is taken away, the rest is set. */
async function saveTags(ResourceArn: string, before: Tag[], after: TagForm[]): Promise<void> {
  const kept = new Set(after.map((tag) => tag.key));
  const gone = before.map((tag) => tag.Key).filter((key) => !kept.has(key));
  if (gone.length > 0) await dynamodb("UntagResource", { ResourceArn, TagKeys: gone });
  const changed = after.filter((tag) => !before.some((old) => old.Key === tag.key && old.Value === tag.value));
  if (changed.length > 0) {
    const set = changed.map((tag) => ({ Key: tag.key, Value: tag.value }));
    await dynamodb("TagResource", { ResourceArn, Tags: set });
  }
}

function TagList({ tags }: { tags: readonly Tag[] }) {
  if (tags.length === 0) return <p class="muted">There are none.</p>;
  return (
    <ul class="row">
      {tags.map((tag) => (
        <li key={tag.Key} class="tag">
          <span class="muted break">{tag.Key}</span> <b class="break">{tag.Value}</b>
        </li>
      ))}
    </ul>
  );
}

function DeleteTable({ table }: TabProps) {
  const [open, setOpen] = useState(false);
  const action = useAction();
  const isProtected = table.DeletionProtectionEnabled === true;
  const remove = async () => {
    const done = await action.run(async () => {
      await dynamodb("DeleteTable", { TableName: table.TableName });
    });
    if (!done) return;
    forgetTable(table.TableName);
    say(`${table.TableName} is deleted.`);
    go("#/tables");
  };
  return (
    <Setting
      title="Delete this table"
      text={
        isProtected
          ? "Deletion protection is on. Turn it off first."
          : `${plural(table.ItemCount ?? 0, "item")} and the settings go with it. Backups of it stay.`
      }
    >
      <div class="row">
        <Button kind="danger" icon="trash" disabled={isProtected} onClick={() => setOpen(true)}>
          Delete table
        </Button>
      </div>
      <Confirm
        open={open}
        title="Delete table"
        action="Delete the table"
        typed={table.TableName}
        onClose={() => {
          action.clear();
          setOpen(false);
        }}
        onConfirm={remove}
      >
        <p>
          {plural(table.ItemCount ?? 0, "item")} of <b class="break">{table.TableName}</b> are deleted. That can't be
          taken back.
        </p>
        {action.error && <ErrorState what="It was not deleted." error={action.error} />}
      </Confirm>
    </Setting>
  );
}

function forgetTable(name: string): void {
  forget("tables");
  for (const kind of ["table", "ttl", "recovery"]) forget(`${kind}/${name}`);
}
