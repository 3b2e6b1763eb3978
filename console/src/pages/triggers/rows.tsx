// Triggers in rows: of all tables, or of one.

import type { TriggerStatus } from "../../api/triggers.ts";
import { functionOfArn, tableOfArn } from "../../model/arn.ts";
import { count } from "../../model/format.ts";
import { href } from "../../shell/router.ts";
import { Sparkline } from "../../ui/chart.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { lagOf, lagRecords } from "./lag.ts";
import { functionText, LastResult, lagText, TriggerState } from "./status.tsx";

export function TriggerRows({ triggers, table }: { triggers: readonly TriggerStatus[]; table: boolean }) {
  const columns = table ? COLUMNS : COLUMNS.filter((column) => column.id !== "table");
  return (
    <Table
      label="Triggers"
      columns={columns}
      rows={triggers}
      rowKey={(one) => one.uuid}
      order={{ id: "function", down: false }}
    />
  );
}

const COLUMNS: Column<TriggerStatus>[] = [
  {
    id: "function",
    label: "Function",
    sort: (one) => functionText(one.functionArn),
    cell: (one) => (
      <a class="strong break" href={href("/triggers/:uuid", { uuid: one.uuid })}>
        {functionText(one.functionArn)}
      </a>
    ),
  },
  {
    id: "table",
    label: "Table",
    sort: (one) => tableOfArn(one.streamArn),
    cell: (one) => (
      <a class="break" href={href("/tables/:table/stream", { table: tableOfArn(one.streamArn) })}>
        {tableOfArn(one.streamArn)}
      </a>
    ),
  },
  { id: "state", label: "State", sort: (one) => one.state, cell: (one) => <TriggerState status={one} /> },
  {
    id: "lag",
    label: "Behind",
    right: true,
    sort: (one) => lagRecords(one).records,
    cell: (one) => lagText(one),
  },
  {
    id: "line",
    label: "Last minutes",
    wide: true,
    cell: (one) => (
      <Sparkline
        values={lagOf(one.uuid)?.records ?? []}
        label={`Records that ${functionOfArn(one.functionArn)} is behind`}
      />
    ),
  },
  {
    id: "records",
    label: "Delivered",
    right: true,
    wide: true,
    sort: (one) => one.sinceStart.records,
    cell: (one) => count(one.sinceStart.records),
  },
  {
    id: "failed",
    label: "Failed calls",
    right: true,
    wide: true,
    sort: (one) => one.sinceStart.failedCalls,
    cell: (one) => `${count(one.sinceStart.failedCalls)} of ${count(one.sinceStart.calls)}`,
  },
  { id: "result", label: "Last result", wide: true, cell: (one) => <LastResult result={one.lastProcessingResult} /> },
];
