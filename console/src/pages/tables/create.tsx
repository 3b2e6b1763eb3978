// The form that makes a table.

import { useMemo, useRef, useState } from "preact/hooks";
import { dynamodb } from "../../api/dynamodb.ts";
import { overview } from "../../api/own.ts";
import { forget, useResource } from "../../api/resource.ts";
import { awsCli } from "../../model/cli.ts";
import { STREAM_VIEWS } from "../../model/stream-view.ts";
import {
  checkTable,
  createTableInput,
  type IndexForm,
  newIndex,
  newTable,
  type Problems,
  type TableForm,
} from "../../model/table-form.ts";
import { go, href } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Button, IconButton, LinkButton } from "../../ui/button.tsx";
import { Code } from "../../ui/copy.tsx";
import { Checkbox, Choices, TextField } from "../../ui/field.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { IndexFields, KeyFields, TagFields } from "./fields.tsx";
import { untilActive } from "./load.ts";
import "./tables.css";

const CRUMBS = [{ label: "Tables", href: "#/tables" }];
const NONE: Problems = new Map();

export default function CreateTable() {
  const [form, setForm] = useState<TableForm>(newTable);
  // Problems are shown once one tried; before, a form that is not filled in yet would be full of red.
  const [tried, setTried] = useState(false);
  const action = useAction();
  const found = useMemo(() => checkTable(form), [form]);
  const problems = tried ? found : NONE;
  const change = (part: Partial<TableForm>) => setForm((old) => ({ ...old, ...part }));

  const create = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (found.size > 0) {
      requestAnimationFrame(() => document.querySelector<HTMLElement>("[aria-invalid]")?.focus());
      return;
    }
    const done = await action.run(() => createTable(form));
    if (done) {
      say(`${form.name} is there.`);
      go(href("/tables/:table/:tab", { table: form.name, tab: "items" }));
    }
  };

  return (
    <div class="page">
      <PageHead title="Create table" crumbs={CRUMBS} />
      <div class="create-table">
        <form class="stack" onSubmit={create} noValidate>
          <Basics form={form} change={change} problems={problems} />
          <Indexes form={form} change={change} problems={problems} />
          <Card title="Stream">
            <Choices
              label="What records of changes hold"
              value={form.stream}
              options={[{ value: "NONE", label: "No stream", hint: "It can be turned on later." }, ...STREAM_VIEWS]}
              onChange={(stream) => change({ stream })}
            />
          </Card>
          <More form={form} change={change} problems={problems} />
          {action.error && <ErrorState what={`${form.name} was not created as asked.`} error={action.error} />}
          {problems.size > 0 && (
            <p class="field-error" role="alert">
              Some fields need another look.
            </p>
          )}
          <div class="create-foot">
            <Button submit kind="primary" busy={action.busy}>
              Create table
            </Button>
            <LinkButton href="#/tables">Cancel</LinkButton>
          </div>
        </form>
        <div class="create-side">
          <Card title="The same by AWS CLI">
            <Code text={commands(form)} label="AWS CLI" />
          </Card>
        </div>
      </div>
    </div>
  );
}

/** Creates the table, and sets what CreateTable has no member for. */
async function createTable(form: TableForm): Promise<void> {
  await dynamodb("CreateTable", createTableInput(form));
  forget("tables");
  const [ttl, recovery] = afterwards(form);
  if (ttl || recovery) await untilActive(form.name);
  if (ttl) await dynamodb("UpdateTimeToLive", ttl);
  if (recovery) await dynamodb("UpdateContinuousBackups", recovery);
}

function afterwards(form: TableForm) {
  const TableName = form.name;
  const attribute = form.ttl.trim();
  return [
    attribute !== "" && { TableName, TimeToLiveSpecification: { Enabled: true, AttributeName: attribute } },
    form.recovery && { TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
  ] as const;
}

function commands(form: TableForm): string {
  const [ttl, recovery] = afterwards(form);
  const endpoint = location.origin;
  const all = [awsCli("dynamodb", "CreateTable", createTableInput(form), endpoint)];
  if (ttl) all.push(awsCli("dynamodb", "UpdateTimeToLive", ttl, endpoint));
  if (recovery) all.push(awsCli("dynamodb", "UpdateContinuousBackups", recovery, endpoint));
  return all.join("\n");
}

interface PartProps {
  form: TableForm;
  change: (part: Partial<TableForm>) => void;
  problems: Problems;
}

function Basics({ form, change, problems }: PartProps) {
  return (
    <Card title="Table">
      <div class="stack">
        <TextField
          label="Table name"
          value={form.name}
          error={problems.get("name")}
          hint="3 to 255 letters, digits, and _ . -"
          mono
          autoFocus
          onInput={(name) => change({ name })}
        />
        <div class="row-fields">
          <KeyFields
            label="Partition key"
            value={form.partition}
            error={problems.get("partition")}
            hint="Items with the same one are kept together."
            onChange={(partition) => change({ partition })}
          />
          <KeyFields
            label="Sort key (optional)"
            value={form.sort}
            error={problems.get("sort")}
            hint="Orders the items of a partition."
            onChange={(sort) => change({ sort })}
          />
        </div>
        <Choices
          label="Billing"
          value={form.billing}
          options={[
            { value: "PAY_PER_REQUEST", label: "On demand", hint: "No units to plan. Nothing is throttled here." },
            {
              value: "PROVISIONED",
              label: "Provisioned",
              hint: "Units as code expects to find them. They are kept, and decide how many shards a stream has.",
            },
          ]}
          onChange={(billing) => change({ billing })}
        />
        {form.billing === "PROVISIONED" && (
          <div class="row-fields">
            <TextField
              label="Read units"
              type="number"
              value={form.readUnits}
              error={problems.get("readUnits")}
              onInput={(readUnits) => change({ readUnits })}
            />
            <TextField
              label="Write units"
              type="number"
              value={form.writeUnits}
              error={problems.get("writeUnits")}
              onInput={(writeUnits) => change({ writeUnits })}
            />
          </div>
        )}
      </div>
    </Card>
  );
}

function Indexes({ form, change, problems }: PartProps) {
  const nextId = useRef(1);
  const add = () => {
    change({ indexes: [...form.indexes, newIndex(nextId.current, "global")] });
    nextId.current += 1;
  };
  const put = (index: IndexForm) => change({ indexes: form.indexes.map((one) => (one.id === index.id ? index : one)) });
  return (
    <Card
      title="Indexes"
      actions={
        <Button small icon="plus" onClick={add}>
          Add index
        </Button>
      }
    >
      <div class="stack">
        {form.indexes.length === 0 && (
          <p class="muted">Items can be found by their keys. An index finds them by other attributes.</p>
        )}
        {form.indexes.map((index, place) => (
          <div class="index-card" key={index.id}>
            <div class="index-card-head">
              <h3>Index {place + 1}</h3>
              <IconButton
                icon="trash"
                label={`Remove index ${place + 1}`}
                onClick={() => change({ indexes: form.indexes.filter((one) => one.id !== index.id) })}
              />
            </div>
            <IndexFields index={index} problems={problems} kinds onChange={put} />
          </div>
        ))}
      </div>
    </Card>
  );
}

function More({ form, change, problems }: PartProps) {
  const nextId = useRef(1);
  const id = () => {
    nextId.current += 1;
    return nextId.current;
  };
  return (
    <Card title="More">
      <div class="stack">
        <TextField
          label="Time to live attribute (optional)"
          value={form.ttl}
          mono
          hint="Items are deleted after the time in this attribute: a number, in seconds since 1970."
          onInput={(ttl) => change({ ttl })}
        />
        <Checkbox
          label="Deletion protection"
          hint="DeleteTable is refused until this is turned off."
          checked={form.protection}
          onChange={(protection) => change({ protection })}
        />
        <Checkbox
          label="Point-in-time recovery"
          hint="Keeps the log long enough to restore any second of the last 35 days into a new table."
          checked={form.recovery}
          onChange={(recovery) => change({ recovery })}
        />
        <div class="stack-tight">
          <span class="field-label">Tags</span>
          <TagFields tags={form.tags} problems={problems} nextId={id} onChange={(tags) => change({ tags })} />
        </div>
        <Encryption />
      </div>
    </Card>
  );
}

/** It is the server's, not the table's: shown, so that nobody has to wonder. */
function Encryption() {
  const server = useResource("overview", overview);
  const known = server.data.value;
  if (!known) return null;
  return (
    <p class="muted small">
      {known.encrypted
        ? "Everything that this server writes is encrypted at rest with its key, this table too."
        : "This server does not encrypt at rest. Start it with an encryption key to have that for all tables."}
    </p>
  );
}
