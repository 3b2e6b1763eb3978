// One trigger: how it is doing, what goes wrong and why, what it gave up, how it is set.

import { useEffect, useState } from "preact/hooks";
import { getMapping, type Mapping, updateMapping } from "../../api/lambda.ts";
import { forget, useResource } from "../../api/resource.ts";
import { listDeadLetters, type ShardStatus, type TriggerStatus, triggerStatus } from "../../api/triggers.ts";
import { functionOfArn, tableOfArn } from "../../model/arn.ts";
import { count, duration, plural, rate } from "../../model/format.ts";
import { shortShard } from "../../model/lineage.ts";
import { formOf } from "../../model/mapping-form.ts";
import type { PageProps } from "../../shell/pages.ts";
import { href } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button, LinkButton } from "../../ui/button.tsx";
import { Chart, Sparkline } from "../../ui/chart.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Fold, JsonBlock } from "../../ui/json.tsx";
import { Card, Facts, Figure, PageHead } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading, Notice } from "../../ui/states.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Ago } from "../../ui/time.tsx";
import { complain, say } from "../../ui/toast.tsx";
import { Letters } from "../dead-letters/letters.tsx";
import { DeleteTrigger, EditTrigger } from "./change.tsx";
import { LastFailure } from "./failing.tsx";
import { LOOK_MS, lagOf, noteLag } from "./lag.ts";
import { SettingsWords } from "./settings.tsx";
import { functionText, LastResult, lagText, TriggerState } from "./status.tsx";
import { FilterTester } from "./tester.tsx";
import "./triggers.css";

const CRUMBS = [{ label: "Triggers", href: "#/triggers" }];

export default function TriggerPage({ params }: PageProps) {
  const uuid = params.uuid ?? "";
  const known = useResource(`trigger/${uuid}`, async (signal) => noteLag(await triggerStatus(uuid, signal)), {
    every: LOOK_MS,
  });
  const mapping = useResource(`mapping/${uuid}`, (signal) => getMapping(uuid, signal), { every: 2 * LOOK_MS });
  const status = known.data.value;
  const error = known.error.value ?? mapping.error.value;
  const reload = async () => {
    forget("triggers");
    await Promise.all([known.reload(), mapping.reload()]);
  };
  if (error?.status === 404) return <Gone />;
  return (
    <div class="page">
      <PageHead
        title={status ? functionText(status.functionArn) : "Trigger"}
        crumbs={CRUMBS}
        beside={status && <TriggerState status={status} />}
        actions={status && mapping.data.value && <Actions mapping={mapping.data.value} reload={reload} />}
      />
      {error && <ErrorState what="The trigger could not be read." error={error} retry={known.reload} />}
      {!status && !error && <Loading />}
      {status && <Shown status={status} mapping={mapping.data.value} />}
    </div>
  );
}

function Gone() {
  return (
    <div class="page">
      <PageHead title="Trigger" crumbs={CRUMBS} />
      <EmptyState icon="trigger" title="There is no such trigger">
        <p>It may have been deleted.</p>
        <LinkButton href="#/triggers">See all triggers</LinkButton>
      </EmptyState>
    </div>
  );
}

/** Pause, change, delete. */
function Actions({ mapping, reload }: { mapping: Mapping; reload: () => Promise<void> }) {
  const [open, setOpen] = useState<"edit" | "delete">();
  const action = useAction();
  const runs = mapping.State === "Enabled" || mapping.State === "Enabling" || mapping.State === "Creating";
  const turn = async () => {
    const done = await action.run(async () => {
      await updateMapping(mapping.UUID, { Enabled: !runs });
      await reload();
    });
    if (done) say(runs ? "Paused. It keeps its place." : "It goes on where it was.");
  };
  useEffect(() => {
    if (action.error) complain("The trigger was not changed.", action.error);
  }, [action.error]);
  return (
    <>
      <Button icon={runs ? "pause" : "play"} busy={action.busy} onClick={turn}>
        {runs ? "Pause" : "Go on"}
      </Button>
      <Button icon="edit" onClick={() => setOpen("edit")}>
        Change settings
      </Button>
      <Button icon="trash" kind="danger" onClick={() => setOpen("delete")}>
        Delete
      </Button>
      <EditTrigger mapping={mapping} open={open === "edit"} onClose={() => setOpen(undefined)} reload={reload} />
      <DeleteTrigger mapping={mapping} open={open === "delete"} onClose={() => setOpen(undefined)} />
    </>
  );
}

function Shown({ status, mapping }: { status: TriggerStatus; mapping: Mapping | undefined }) {
  const table = tableOfArn(status.streamArn);
  const name = functionOfArn(status.functionArn);
  const { sinceStart } = status;
  return (
    <>
      <p class="muted">
        Calls <a href={href("/functions/:name", { name })}>{functionText(status.functionArn)}</a> with the changes of{" "}
        <a href={href("/tables/:table/stream", { table })}>{table}</a>. Last result:{" "}
        <LastResult result={status.lastProcessingResult} />
      </p>
      {status.problem !== null && (
        <Notice kind="bad" title="It can't be told how far it is">
          <p>{status.problem}</p>
        </Notice>
      )}
      <div class="figures">
        <Figure label="Behind" value={lagText(status)} note="records, age of the oldest" />
        <Figure label="Delivered" value={count(sinceStart.records)} note="records since the start" />
        <Figure label="Calls" value={count(sinceStart.calls)} note={`${count(sinceStart.failedCalls)} failed`} />
        <Figure label="Passed over" value={count(sinceStart.filteredRecords)} note="by filters" />
        <Figure label="Given up" value={count(sinceStart.droppedRecords)} note="records" />
      </div>
      <LastFailure status={status} />
      <Charts uuid={status.uuid} />
      <DeadLettersOf uuid={status.uuid} dropped={sinceStart.droppedRecords} />
      <Card title="Shards" flush>
        <Table label="Shards" columns={shardColumns(status.uuid)} rows={status.shards} rowKey={(one) => one.shardId} />
      </Card>
      {mapping && <Settings mapping={mapping} table={table} />}
    </>
  );
}

function Charts({ uuid }: { uuid: string }) {
  const lag = lagOf(uuid);
  if (!lag) return null;
  return (
    <div class="trigger-charts">
      <Card title="Records behind">
        <Chart
          label="Records that are still to be delivered"
          times={lag.times}
          series={[{ label: "records", values: lag.records }]}
          format={count}
        />
      </Card>
      <Card title="Age of the oldest">
        <Chart
          label="Age of the oldest record that is still to be delivered"
          times={lag.times}
          series={[{ label: "age", values: lag.ages }]}
          format={duration}
        />
      </Card>
      <Card title="Calls a second">
        <Chart
          label="Calls a second"
          times={lag.times}
          series={[
            { label: "calls", values: lag.calls },
            { label: "failed", values: lag.failures },
          ]}
          format={rate}
        />
      </Card>
    </div>
  );
}

const STATES = {
  delivering: <Badge tone="good">Delivering</Badge>,
  waiting: <Badge tone="busy">Waiting</Badge>,
  finished: <Badge tone="off">Finished</Badge>,
} as const;

/** The number, with the whole id where one points. */
function ShardName({ id }: { id: string }) {
  return (
    <span class="row" title={id}>
      <span class="data">{shortShard(id)}</span>
      <CopyButton text={id} label={`Copy ${id}`} />
    </span>
  );
}

function shardColumns(uuid: string): Column<ShardStatus>[] {
  return [
    { id: "shard", label: "Shard", sort: (one) => one.shardId, cell: (one) => <ShardName id={one.shardId} /> },
    { id: "state", label: "State", cell: (one) => STATES[one.state] },
    {
      id: "lag",
      label: "Behind",
      right: true,
      sort: (one) => one.lagRecords,
      cell: (one) => `${count(one.lagRecords)}${one.lagRecordsAtLeast ? "+" : ""}`,
    },
    {
      id: "age",
      label: "Age",
      right: true,
      wide: true,
      sort: (one) => one.lagMs ?? 0,
      cell: (one) => (one.lagMs === null ? "?" : one.lagMs === 0 ? "-" : duration(one.lagMs)),
    },
    {
      id: "line",
      label: "Last minutes",
      wide: true,
      cell: (one) => (
        <Sparkline values={lagOf(uuid)?.shards.get(one.shardId) ?? []} label={`Records behind in ${one.shardId}`} />
      ),
    },
    {
      id: "flight",
      label: "At the function",
      right: true,
      wide: true,
      cell: (one) => count(one.inFlight),
    },
    {
      id: "attempts",
      label: "Failed tries",
      right: true,
      cell: (one) => (one.attempts === 0 ? "-" : count(one.attempts)),
    },
    {
      id: "last",
      label: "Last batch",
      wide: true,
      cell: (one) =>
        one.lastBatchAt === null ? (
          "-"
        ) : (
          <>
            {plural(one.lastBatchRecords ?? 0, "record")}, <Ago ms={Date.parse(one.lastBatchAt)} />
          </>
        ),
    },
  ];
}

/** What this trigger gave up and is still in the store. */
function DeadLettersOf({ uuid, dropped }: { uuid: string; dropped: number }) {
  const known = useResource(`dead-letters/${uuid}`, (signal) => listDeadLetters({ mapping: uuid }, signal), {
    every: 2 * LOOK_MS,
  });
  // A new one is shown at once.
  useEffect(() => void known.reload(), [known, dropped]);
  const letters = known.data.value?.deadLetters ?? [];
  if (known.error.value) {
    return <ErrorState what="Its dead letters could not be listed." error={known.error.value} retry={known.reload} />;
  }
  if (letters.length === 0) return null;
  return <Letters letters={letters} functions={false} more={known.data.value?.next !== null} reload={known.reload} />;
}

function Settings({ mapping, table }: { mapping: Mapping; table: string }) {
  const form = formOf(mapping);
  return (
    <Card title="Settings">
      <div class="stack">
        <SettingsWords form={form} />
        {form.patterns.map((pattern, index) => (
          <JsonBlock key={index} label={`Pattern ${index + 1}`} text={indented(pattern)} />
        ))}
        {form.patterns.length > 0 && (
          <Fold label="Try the filters on recent records">
            {() => <FilterTester table={table} patterns={form.patterns} />}
          </Fold>
        )}
        <Facts
          facts={[
            ["Began with", form.start === "LATEST" ? "The next change" : "The oldest change"],
            [
              "UUID",
              <span key="uuid" class="row">
                <span class="data">{mapping.UUID}</span>
                <CopyButton text={mapping.UUID} label="Copy the UUID" />
              </span>,
            ],
            ["Stream", <span class="data break">{mapping.EventSourceArn}</span>],
          ]}
        />
        <Fold label="As the API has it">
          {() => <JsonBlock label="Mapping" text={JSON.stringify(mapping, null, 2)} />}
        </Fold>
      </div>
    </Card>
  );
}

function indented(pattern: string): string {
  try {
    return JSON.stringify(JSON.parse(pattern), null, 2);
  } catch {
    return pattern;
  }
}
