// The list of tables.

import { useState } from "preact/hooks";
import { useResource } from "../../api/resource.ts";
import { bytes, count, plural } from "../../model/format.ts";
import { href } from "../../shell/router.ts";
import { Badge, Status } from "../../ui/badge.tsx";
import { Button, LinkButton } from "../../ui/button.tsx";
import { Snippets } from "../../ui/copy.tsx";
import { TextField } from "../../ui/field.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading } from "../../ui/states.tsx";
import { type Column, Table as Rows } from "../../ui/table.tsx";
import { allTables, type Table } from "./load.ts";
import "./tables.css";

/** Counts of items change while one looks. */
const EVERY_MS = 5000;

const COLUMNS: Column<Table>[] = [
  {
    id: "name",
    label: "Name",
    sort: (table) => table.TableName,
    cell: (table) => (
      <a class="strong break" href={href("/tables/:table/items", { table: table.TableName })}>
        {table.TableName}
      </a>
    ),
  },
  { id: "status", label: "Status", cell: (table) => <Status status={table.TableStatus ?? ""} /> },
  { id: "keys", label: "Keys", wide: true, cell: (table) => <span class="data">{keysOf(table)}</span> },
  {
    id: "items",
    label: "Items",
    right: true,
    sort: (table) => table.ItemCount ?? 0,
    cell: (table) => count(table.ItemCount ?? 0),
  },
  {
    id: "size",
    label: "Size",
    right: true,
    wide: true,
    sort: (table) => table.TableSizeBytes ?? 0,
    cell: (table) => bytes(table.TableSizeBytes ?? 0),
  },
  {
    id: "indexes",
    label: "Indexes",
    right: true,
    wide: true,
    sort: indexCount,
    cell: (table) => count(indexCount(table)),
  },
  { id: "stream", label: "Stream", cell: (table) => <StreamState table={table} /> },
];

function keysOf(table: Table): string {
  return (table.KeySchema ?? []).map((key) => key.AttributeName).join(", ");
}

function indexCount(table: Table): number {
  return (table.LocalSecondaryIndexes ?? []).length + (table.GlobalSecondaryIndexes ?? []).length;
}

function StreamState({ table }: { table: Table }) {
  if (!table.StreamSpecification?.StreamEnabled) return <Badge tone="off">Off</Badge>;
  return <Badge tone="good">On</Badge>;
}

export default function TableList() {
  const tables = useResource("tables", allTables, { every: EVERY_MS });
  const [filter, setFilter] = useState("");
  const all = tables.data.value;
  const shown = all?.filter((table) => table.TableName.toLowerCase().includes(filter.trim().toLowerCase()));
  const error = tables.error.value;
  return (
    <div class="page">
      <PageHead
        title="Tables"
        actions={
          <LinkButton href="#/create-table" kind="primary" icon="plus">
            Create table
          </LinkButton>
        }
      />
      {error && <ErrorState what="The tables could not be listed." error={error} retry={tables.reload} />}
      {!all && !error && <Loading />}
      {all?.length === 0 && <NoTables />}
      {all && shown && all.length > 0 && (
        <>
          <div class="row">
            <div class="grow filter-box">
              <TextField
                label="Filter by name"
                hideLabel
                type="search"
                placeholder="Filter by name  ( / )"
                filter
                value={filter}
                onInput={setFilter}
              />
            </div>
            <span class="muted small" aria-live="polite">
              {shown.length === all.length
                ? plural(all.length, "table")
                : `${shown.length} of ${plural(all.length, "table")}`}
            </span>
          </div>
          {shown.length === 0 ? (
            <EmptyState icon="search" title="No table has that in its name">
              <Button onClick={() => setFilter("")}>Show all</Button>
            </EmptyState>
          ) : (
            <Card flush>
              <Rows
                label="Tables"
                columns={COLUMNS}
                rows={shown}
                rowKey={(table) => table.TableName}
                order={{ id: "name", down: false }}
              />
            </Card>
          )}
        </>
      )}
    </div>
  );
}

function NoTables() {
  const endpoint = location.origin;
  return (
    <EmptyState icon="table" title="There is no table yet">
      <p>Create one here, or with the AWS CLI or an SDK that is pointed at this server:</p>
      <Snippets
        snippets={[
          { label: "AWS CLI", text: cliSnippet(endpoint) },
          { label: "JavaScript", text: jsSnippet(endpoint) },
          { label: "Python", text: pythonSnippet(endpoint) },
        ]}
      />
      <LinkButton href="#/create-table" kind="primary" icon="plus">
        Create table
      </LinkButton>
    </EmptyState>
  );
}

function cliSnippet(endpoint: string): string {
  return `aws dynamodb create-table --endpoint-url ${endpoint} \\
  --table-name users --billing-mode PAY_PER_REQUEST \\
  --attribute-definitions AttributeName=id,AttributeType=S \\
  --key-schema AttributeName=id,KeyType=HASH`;
}

function jsSnippet(endpoint: string): string {
  return `import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({ endpoint: "${endpoint}", region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" } });
await client.send(new CreateTableCommand({
  TableName: "users",
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
  KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
}));`;
}

function pythonSnippet(endpoint: string): string {
  return `import boto3

dynamodb = boto3.client("dynamodb", endpoint_url="${endpoint}", region_name="us-east-1",
                        aws_access_key_id="local", aws_secret_access_key="local")
dynamodb.create_table(
    TableName="users",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
)`;
}
