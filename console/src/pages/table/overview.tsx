// What a table is: keys, sizes, indexes.

import { useMemo, useState } from "preact/hooks";
import { dynamodb } from "../../api/dynamodb.ts";
import { overview } from "../../api/own.ts";
import { useResource } from "../../api/resource.ts";
import type { GlobalSecondaryIndexDescription, KeySchemaElement, TableDescription } from "../../api/wire.ts";
import { bytes, count, moment } from "../../model/format.ts";
import { STREAM_VIEWS } from "../../model/stream-view.ts";
import { checkIndex, definitions, globalIndex, type KeyType, newIndex } from "../../model/table-form.ts";
import type { TabProps } from "../../shell/pages.ts";
import { useAction } from "../../ui/action.ts";
import { Badge, Status } from "../../ui/badge.tsx";
import { Button, IconButton } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { Card, Facts } from "../../ui/page.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { type Column, Table as Rows } from "../../ui/table.tsx";
import { say } from "../../ui/toast.tsx";
import { IndexFields } from "../tables/fields.tsx";
import "../tables/tables.css";

export default function Overview(props: TabProps) {
  const { table } = props;
  const encrypted = useResource("overview", overview).data.value?.encrypted;
  const view = STREAM_VIEWS.find((one) => one.value === table.StreamSpecification?.StreamViewType);
  return (
    <div class="stack">
      <Card title="Table">
        <Facts
          facts={[
            ["Status", <Status key="status" status={table.TableStatus ?? ""} />],
            ["Partition key", <Key key="hash" table={table} schema={table.KeySchema} kind="HASH" />],
            ["Sort key", <Key key="range" table={table} schema={table.KeySchema} kind="RANGE" />],
            ["Items", count(table.ItemCount ?? 0)],
            ["Size", bytes(table.TableSizeBytes ?? 0)],
            ["Billing", billing(table)],
            ["Stream", view ? view.label : "Off"],
            ["Deletion protection", table.DeletionProtectionEnabled ? "On" : "Off"],
            ["Encryption at rest", encrypted ? "On, with the server's key" : "Off"],
            ["Created", moment((table.CreationDateTime ?? 0) * 1000)],
          ]}
        />
        <Facts
          wide
          facts={[
            ["ARN", <Copied key="arn" text={table.TableArn ?? ""} label="Copy the ARN" />],
            ...(table.LatestStreamArn
              ? ([
                  ["Stream ARN", <Copied key="stream" text={table.LatestStreamArn} label="Copy the stream's ARN" />],
                ] as const)
              : []),
          ]}
        />
      </Card>
      <Indexes {...props} />
    </div>
  );
}

function Copied({ text, label }: { text: string; label: string }) {
  return (
    <span class="row">
      <span class="data">{text}</span>
      <CopyButton text={text} label={label} />
    </span>
  );
}

const TYPES: Record<string, string> = { S: "String", N: "Number", B: "Binary" };

function Key(props: { table: TableDescription; schema: KeySchemaElement[] | undefined; kind: "HASH" | "RANGE" }) {
  const name = props.schema?.find((key) => key.KeyType === props.kind)?.AttributeName;
  if (name === undefined) return <span class="muted">None</span>;
  const type = props.table.AttributeDefinitions?.find((one) => one.AttributeName === name)?.AttributeType;
  return (
    <>
      <span class="data">{name}</span> <span class="muted">{TYPES[type ?? ""]}</span>
    </>
  );
}

function billing(table: TableDescription): string {
  const units = table.ProvisionedThroughput;
  if (table.BillingModeSummary?.BillingMode === "PAY_PER_REQUEST") return "On demand";
  return `${count(units?.ReadCapacityUnits ?? 0)} read and ${count(units?.WriteCapacityUnits ?? 0)} write units`;
}

type Index = GlobalSecondaryIndexDescription & { kind: "Global" | "Local" };

function Indexes({ table, resource }: TabProps) {
  const [adding, setAdding] = useState(false);
  const [deleting, setDeleting] = useState<string>();
  const action = useAction();
  const indexes: Index[] = [
    ...(table.GlobalSecondaryIndexes ?? []).map((index) => ({ ...index, kind: "Global" as const })),
    ...(table.LocalSecondaryIndexes ?? []).map((index) => ({ ...index, kind: "Local" as const })),
  ];
  const remove = async (IndexName: string) => {
    const done = await action.run(async () => {
      const input = { TableName: table.TableName, GlobalSecondaryIndexUpdates: [{ Delete: { IndexName } }] };
      await dynamodb("UpdateTable", input);
      await resource.reload();
    });
    if (!done) return;
    setDeleting(undefined);
    say(`The index ${IndexName} is deleted.`);
  };
  return (
    <Card
      flush
      title="Indexes"
      actions={
        <Button small icon="plus" onClick={() => setAdding(true)}>
          Add global index
        </Button>
      }
    >
      {indexes.length === 0 ? (
        <p class="muted card-text">There is no index. Local indexes are made together with their table.</p>
      ) : (
        <Rows
          label="Indexes"
          rows={indexes}
          rowKey={(index) => index.IndexName ?? ""}
          columns={columns(table, setDeleting)}
        />
      )}
      {adding && (
        <AddIndex
          table={table}
          onClose={() => setAdding(false)}
          onDone={async () => {
            setAdding(false);
            await resource.reload();
          }}
        />
      )}
      <Confirm
        open={deleting !== undefined}
        title="Delete index"
        action="Delete the index"
        onClose={() => {
          action.clear();
          setDeleting(undefined);
        }}
        onConfirm={() => remove(deleting ?? "")}
      >
        <p>
          Queries of <b class="data">{deleting}</b> fail from then on. The items stay.
        </p>
        {action.error && <ErrorState what="It was not deleted." error={action.error} />}
      </Confirm>
    </Card>
  );
}

function columns(table: TableDescription, onDelete: (name: string) => void): Column<Index>[] {
  return [
    { id: "name", label: "Name", cell: (index) => <span class="data strong">{index.IndexName}</span> },
    { id: "kind", label: "Kind", cell: (index) => <Badge>{index.kind}</Badge> },
    {
      id: "status",
      label: "Status",
      wide: true,
      cell: (index) => <Status status={index.IndexStatus ?? "ACTIVE"} />,
    },
    { id: "hash", label: "Partition key", cell: (index) => <Key table={table} schema={index.KeySchema} kind="HASH" /> },
    { id: "range", label: "Sort key", cell: (index) => <Key table={table} schema={index.KeySchema} kind="RANGE" /> },
    { id: "holds", label: "Holds", wide: true, cell: (index) => <span class="break">{projection(index)}</span> },
    { id: "items", label: "Items", right: true, cell: (index) => count(index.ItemCount ?? 0) },
    {
      id: "delete",
      label: <span class="visually-hidden">Delete</span>,
      right: true,
      cell: (index) =>
        index.kind === "Global" && (
          <IconButton
            icon="trash"
            label={`Delete the index ${index.IndexName}`}
            onClick={() => onDelete(index.IndexName ?? "")}
          />
        ),
    },
  ];
}

function projection(index: Index): string {
  const { ProjectionType, NonKeyAttributes } = index.Projection ?? {};
  if (ProjectionType === "ALL") return "All attributes";
  if (ProjectionType === "KEYS_ONLY") return "Keys only";
  return `Keys, ${(NonKeyAttributes ?? []).join(", ")}`;
}

function AddIndex(props: { table: TableDescription; onClose: () => void; onDone: () => Promise<void> }) {
  const { table } = props;
  const [index, setIndex] = useState(() => newIndex(1, "global"));
  const [tried, setTried] = useState(false);
  const action = useAction();
  const problems = useMemo(() => checkIndex(index, keysOf(table)), [index, table]);
  const add = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (problems.size > 0) return;
    const done = await action.run(async () => {
      const provisioned = table.BillingModeSummary?.BillingMode !== "PAY_PER_REQUEST";
      const units = provisioned ? { ReadCapacityUnits: 5, WriteCapacityUnits: 5 } : undefined;
      await dynamodb("UpdateTable", {
        TableName: table.TableName ?? "",
        AttributeDefinitions: definitions([index.partition, index.sort]),
        GlobalSecondaryIndexUpdates: [{ Create: globalIndex(index, units) }],
      });
    });
    if (!done) return;
    say(`The index ${index.name} is being built.`);
    await props.onDone();
  };
  return (
    <Dialog
      open
      title="Add global index"
      onClose={props.onClose}
      actions={
        <>
          <Button onClick={props.onClose}>Cancel</Button>
          <Button kind="primary" busy={action.busy} onClick={add}>
            Add the index
          </Button>
        </>
      }
    >
      <form class="stack" onSubmit={add}>
        <IndexFields index={index} onChange={setIndex} problems={tried ? problems : new Map()} kinds={false} />
        {action.error && <ErrorState what="The index was not added." error={action.error} />}
      </form>
    </Dialog>
  );
}

/** The table's keys as the form knows them. */
function keysOf(table: TableDescription) {
  const find = (kind: "HASH" | "RANGE") => {
    const name = table.KeySchema?.find((key) => key.KeyType === kind)?.AttributeName ?? "";
    const type = table.AttributeDefinitions?.find((one) => one.AttributeName === name)?.AttributeType ?? "S";
    return { name, type: type as KeyType };
  };
  return { partition: find("HASH"), sort: find("RANGE") };
}
