// The server at one glance.

import { useMemo } from "preact/hooks";
import type { MappingOverview, Overview, TableOverview } from "../../api/own.ts";
import { useResource } from "../../api/resource.ts";
import { bytes, count, duration, plural, rate } from "../../model/format.ts";
import type { Rates } from "../../model/metrics.ts";
import { STREAM_VIEWS } from "../../model/stream-view.ts";
import { tableTabs } from "../../shell/pages.ts";
import { href } from "../../shell/router.ts";
import { Badge, Status, toneOf } from "../../ui/badge.tsx";
import { LinkButton } from "../../ui/button.tsx";
import { Chart } from "../../ui/chart.tsx";
import { Card, Facts, Figure, PageHead } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading, Notice } from "../../ui/states.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Ago } from "../../ui/time.tsx";
import { EVERY_MS, history, look } from "./watch.ts";
import "./dashboard.css";

export default function Dashboard() {
  const known = useResource("dashboard", look, { every: EVERY_MS });
  const server = known.data.value;
  const error = known.error.value;
  return (
    <div class="page">
      <PageHead title="Dashboard" beside={server && <HealthBadge server={server} failed={error !== undefined} />} />
      {error && <ErrorState what="The server could not be asked how it is." error={error} retry={known.reload} />}
      {!server && !error && <Loading lines={6} />}
      {server && <Shown server={server} rates={history.value} />}
    </div>
  );
}

function HealthBadge({ server, failed }: { server: Overview; failed: boolean }) {
  if (failed) return <Badge tone="bad">Not reached</Badge>;
  if (server.health.status === "ok") return <Badge tone="good">Healthy</Badge>;
  return <Badge tone="bad">{server.health.status === "disk_full" ? "Disk full" : "Failed"}</Badge>;
}

function Shown({ server, rates }: { server: Overview; rates: readonly Rates[] }) {
  const items = server.tables.reduce((sum, table) => sum + table.items, 0);
  const size = server.tables.reduce((sum, table) => sum + table.bytes, 0);
  const now = rates.at(-1);
  return (
    <>
      {server.health.status !== "ok" && (
        <Notice
          kind="bad"
          title={
            server.health.status === "disk_full" ? "The disk is full: writes are refused" : "The server takes no writes"
          }
        >
          <p class="break">{server.health.message}</p>
        </Notice>
      )}
      <div class="figures">
        <Figure label="Tables" value={count(server.tables.length) + (server.more_tables ? "+" : "")} />
        <Figure label="Items" value={count(items)} />
        <Figure label="Size" value={bytes(size)} />
        <Figure label="Reads per second" value={now ? rate(now.reads) : "-"} />
        <Figure label="Writes per second" value={now ? rate(now.writes) : "-"} />
        <Figure label="Mean latency" value={latency(now?.latency ?? null)} />
      </div>
      <Charts rates={rates} />
      <Tables server={server} now={now} />
      {server.mappings.length > 0 && <Triggers mappings={server.mappings} />}
      <ServerCard server={server} />
    </>
  );
}

function latency(ms: number | null): string {
  if (ms === null) return "-";
  return ms < 1 ? `${Math.round(ms * 1000)} \u00b5s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

function Charts({ rates }: { rates: readonly Rates[] }) {
  const drawn = useMemo(() => {
    const pick = (of: (one: Rates) => number | null) => rates.map(of);
    return {
      times: rates.map(({ ms }) => ms),
      work: [
        { label: "Reads", values: pick((one) => one.reads) },
        { label: "Writes", values: pick((one) => one.writes) },
      ],
      latency: [{ label: "Mean", values: pick((one) => one.latency) }],
      requests: [
        { label: "Requests", values: pick((one) => one.requests) },
        { label: "Errors", values: pick((one) => one.errors) },
      ],
    };
  }, [rates]);
  return (
    <div class="dashboard-charts">
      <Card title="Reads and writes per second">
        <Chart label="Reads and writes per second" times={drawn.times} series={drawn.work} format={rate} />
      </Card>
      <Card title="Latency">
        <Chart label="Latency" times={drawn.times} series={drawn.latency} format={latency} />
      </Card>
      <Card title="Requests per second">
        <Chart label="Requests and errors per second" times={drawn.times} series={drawn.requests} format={rate} />
      </Card>
    </div>
  );
}

function Tables({ server, now }: { server: Overview; now: Rates | undefined }) {
  const columns: Column<TableOverview>[] = [
    {
      id: "name",
      label: "Name",
      sort: (table) => table.name,
      cell: (table) => (
        <a class="strong break" href={href("/tables/:table/:tab", { table: table.name, tab: "items" })}>
          {table.name}
        </a>
      ),
    },
    {
      id: "items",
      label: "Items",
      right: true,
      sort: (table) => table.items,
      cell: (table) => count(table.items),
    },
    {
      id: "size",
      label: "Size",
      right: true,
      wide: true,
      sort: (table) => table.bytes,
      cell: (table) => bytes(table.bytes),
    },
    {
      id: "reads",
      label: "Reads/s",
      right: true,
      wide: true,
      sort: (table) => now?.tables.get(table.name)?.reads ?? 0,
      cell: (table) => rate(now?.tables.get(table.name)?.reads ?? 0),
    },
    {
      id: "writes",
      label: "Writes/s",
      right: true,
      sort: (table) => now?.tables.get(table.name)?.writes ?? 0,
      cell: (table) => rate(now?.tables.get(table.name)?.writes ?? 0),
    },
    { id: "stream", label: "Stream", cell: (table) => <StreamBadge table={table} /> },
    {
      id: "triggers",
      label: "Triggers",
      right: true,
      wide: true,
      sort: (table) => table.mappings,
      cell: (table) => count(table.mappings),
    },
  ];
  if (server.tables.length === 0) {
    return (
      <Card>
        <EmptyState icon="table" title="There is no table yet">
          <p>Point the AWS CLI or an SDK at {location.origin}, with any credentials, or create a table here.</p>
          <LinkButton href="#/create-table" kind="primary" icon="plus">
            Create table
          </LinkButton>
        </EmptyState>
      </Card>
    );
  }
  return (
    <Card
      flush
      title="Tables"
      actions={
        <LinkButton small href="#/create-table" icon="plus">
          Create table
        </LinkButton>
      }
    >
      <Table
        label="Tables"
        columns={columns}
        rows={server.tables}
        rowKey={(table) => table.name}
        order={{ id: "name", down: false }}
      />
    </Card>
  );
}

function StreamBadge({ table }: { table: TableOverview }) {
  const stream = table.stream;
  if (!stream) return <Badge tone="off">Off</Badge>;
  const view = STREAM_VIEWS.find((one) => one.value === stream.view)?.label ?? stream.view;
  const badge = <Badge tone={toneOf(stream.status)}>{view}</Badge>;
  if (!tableTabs.some((tab) => tab.id === "stream")) return badge;
  return <a href={href("/tables/:table/:tab", { table: table.name, tab: "stream" })}>{badge}</a>;
}

function Triggers({ mappings }: { mappings: readonly MappingOverview[] }) {
  const columns: Column<MappingOverview>[] = [
    {
      id: "function",
      label: "Function",
      sort: functionOf,
      cell: (mapping) => <span class="strong break">{functionOf(mapping)}</span>,
    },
    {
      id: "table",
      label: "Table",
      sort: tableOf,
      cell: (mapping) => {
        const table = tableOf(mapping);
        const tab = tableTabs.some((one) => one.id === "triggers") ? "triggers" : "overview";
        return (
          <a class="break" href={href("/tables/:table/:tab", { table, tab })}>
            {table}
          </a>
        );
      },
    },
    { id: "state", label: "State", cell: (mapping) => <Status status={mapping.state} /> },
    { id: "lag", label: "Behind", right: true, sort: (mapping) => mapping.lagMs, cell: lagOf },
    {
      id: "result",
      label: "Last result",
      wide: true,
      cell: (mapping) => <Result mapping={mapping} />,
    },
  ];
  return (
    <Card flush title="Triggers">
      <Table
        label="Triggers"
        columns={columns}
        rows={mappings}
        rowKey={(mapping) => mapping.uuid}
        order={{ id: "function", down: false }}
      />
    </Card>
  );
}

/** `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, perhaps with a qualifier. */
function functionOf(mapping: MappingOverview): string {
  return mapping.functionArn.split(":").slice(6).join(":");
}

/** `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL`. */
function tableOf(mapping: MappingOverview): string {
  return mapping.streamArn.split("/")[1] ?? "";
}

function lagOf(mapping: MappingOverview): string {
  const records = mapping.shards.reduce((sum, shard) => sum + shard.lagRecords, 0);
  const atLeast = mapping.shards.some((shard) => shard.lagRecordsAtLeast) ? "+" : "";
  if (records === 0 && atLeast === "") return "0";
  return `${count(records)}${atLeast}, ${duration(mapping.lagMs)}`;
}

function Result({ mapping }: { mapping: MappingOverview }) {
  if (mapping.problem) return <Badge tone="bad">{mapping.problem}</Badge>;
  const result = mapping.lastProcessingResult ?? "No records processed";
  return <Badge tone={result === "OK" ? "good" : result.startsWith("PROBLEM") ? "bad" : "plain"}>{result}</Badge>;
}

const DURABILITY: { readonly [mode: string]: string } = {
  sync: "sync: acknowledged means on disk",
  interval: "interval: on disk a moment after it is acknowledged",
  memory: "memory: nothing is kept over a restart",
};

function stateFact(state: Overview["state"]): string {
  const used = bytes(state.bytes - state.free_bytes);
  return state.runs > 0 ? `${used} in ${plural(state.runs, "run")}` : used;
}

function ServerCard({ server }: { server: Overview }) {
  const { log, state, disk } = server;
  return (
    <Card title="Server">
      <Facts
        facts={[
          ["Version", server.version],
          ["Running for", duration(server.now_ms - server.started_ms)],
          ["Region and account", `${server.region}, ${server.account}`],
          ["Durability", DURABILITY[server.durability] ?? server.durability],
          ["Encryption at rest", server.encrypted ? "On" : "Off"],
          [
            "Disk",
            disk ? `${bytes(disk.free_bytes)} free, ${bytes(disk.reserve_bytes)} kept in reserve` : "None in use",
          ],
          ["Log", `${bytes(log.bytes)} in ${plural(log.segments, "segment")}`],
          ["State", stateFact(state)],
          ["Log reaches back to", log.oldest_ms > 0 ? <Ago key="oldest" ms={log.oldest_ms} /> : "The beginning"],
        ]}
      />
      <Facts
        wide
        facts={[
          [
            "Durable up to",
            <span key="durable" class="data">
              {log.durable}
            </span>,
          ],
          ["In the tables up to", <Position key="applied" position={log.applied} durable={log.durable} />],
          ["In a checkpoint up to", <Position key="checkpoint" position={log.checkpoint} durable={log.durable} />],
        ]}
      />
    </Card>
  );
}

/** A position of the log, beside the newest one. */
function Position({ position, durable }: { position: string; durable: string }) {
  return (
    <>
      <span class="data">{position}</span>{" "}
      <span class="muted small">{position === durable ? "the same" : "behind, and catching up"}</span>
    </>
  );
}
