// The frame of a table's page: its name, its state, and the tabs.

import { dynamodb } from "../../api/dynamodb.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import type { TableDescription } from "../../api/wire.ts";
import { Lazy } from "../../shell/lazy.tsx";
import { type PageProps, tableTabs } from "../../shell/pages.ts";
import { href } from "../../shell/router.ts";
import { Status } from "../../ui/badge.tsx";
import { LinkButton } from "../../ui/button.tsx";
import { PageHead, Tabs } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading } from "../../ui/states.tsx";

const CRUMBS = [{ label: "Tables", href: "#/tables" }];

/** Its counts and its state change while one looks. */
const EVERY_MS = 5000;

export default function TablePage({ params }: PageProps) {
  const name = params.table ?? "";
  const known = useResource(`table/${name}`, (signal) => describe(name, signal), { every: EVERY_MS });
  const table = known.data.value;
  const error = known.error.value;
  const current = params.tab ?? tableTabs[0]?.id ?? "";

  if (error?.type === "ResourceNotFoundException") return <Gone name={name} />;
  const full = tableTabs.find((tab) => tab.id === current)?.full === true;
  return (
    <div class={full ? "page page-full" : "page"}>
      <PageHead
        title={name}
        crumbs={CRUMBS}
        beside={table?.TableStatus && table.TableStatus !== "ACTIVE" && <Status status={table.TableStatus} />}
      />
      <Tabs
        label="Parts of the table"
        current={current}
        tabs={tableTabs.map(({ id, label }) => ({
          id,
          label,
          href: href("/tables/:table/:tab", { table: name, tab: id }),
        }))}
      />
      {error && <ErrorState what="The table could not be described." error={error} retry={known.reload} />}
      {!table && !error && <Loading />}
      {table && <TabContent name={name} table={table} resource={known} current={current} rest={params.rest} />}
    </div>
  );
}

async function describe(name: string, signal: AbortSignal): Promise<TableDescription> {
  const { Table } = await dynamodb("DescribeTable", { TableName: name }, signal);
  return Table ?? {};
}

function TabContent(props: {
  name: string;
  table: TableDescription;
  resource: Resource<TableDescription>;
  current: string;
  rest: string | undefined;
}) {
  const { name, table, resource, rest } = props;
  const tab = tableTabs.find((one) => one.id === props.current);
  if (!tab) {
    return (
      <EmptyState icon="search" title="A table has no such part">
        <LinkButton href={href("/tables/:table", { table: name })}>Go to the table</LinkButton>
      </EmptyState>
    );
  }
  // Another table's tab is another one: nothing of the first may stay in its fields.
  return (
    <Lazy key={`${tab.id}/${name}`} load={tab.load} props={{ table: { ...table, TableName: name }, resource, rest }} />
  );
}

function Gone({ name }: { name: string }) {
  return (
    <div class="page">
      <PageHead title={name} crumbs={CRUMBS} />
      <EmptyState icon="table" title="There is no table of this name">
        <p>It may have been deleted, or it is in the namespace of another access key or region.</p>
        <LinkButton href="#/tables">See all tables</LinkButton>
      </EmptyState>
    </div>
  );
}
