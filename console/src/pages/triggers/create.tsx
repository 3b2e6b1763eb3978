// Adding a trigger: a table's stream, a function that is there or is made here, settings, filters.

import { useMemo, useState } from "preact/hooks";
import { dynamodb } from "../../api/dynamodb.ts";
import { createFunction, createMapping, listFunctions } from "../../api/lambda.ts";
import { overview } from "../../api/own.ts";
import { forget, useResource } from "../../api/resource.ts";
import { awsCli } from "../../model/cli.ts";
import { type FunctionForm, functionInput, functionProblems, NEW_FUNCTION } from "../../model/function-form.ts";
import { createInput, type MappingForm, mappingProblems, NEW_MAPPING } from "../../model/mapping-form.ts";
import { go, href, place } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Button, LinkButton } from "../../ui/button.tsx";
import { Code } from "../../ui/copy.tsx";
import { Choices, Select } from "../../ui/field.tsx";
import { Fold } from "../../ui/json.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { ErrorState, Loading, Notice } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { FunctionFields } from "../functions/form.tsx";
import { PatternsForm, SettingsForm, SettingsWords, StartField } from "./settings.tsx";
import { FilterTester } from "./tester.tsx";
import "./triggers.css";

const CRUMBS = [{ label: "Triggers", href: "#/triggers" }];

export default function CreateTrigger() {
  const server = useResource("overview/tables", overview);
  const functions = useResource("functions", listFunctions);
  const asked = place.value.query;
  const tables = server.data.value?.tables;
  const names = functions.data.value?.map((one) => one.FunctionName ?? "");
  const error = server.error.value ?? functions.error.value;
  return (
    <div class="page">
      <PageHead title="Add trigger" crumbs={CRUMBS} />
      {error && <ErrorState what="The tables and functions could not be listed." error={error} retry={server.reload} />}
      {tables && names ? (
        <Form
          tables={tables.map(({ name, stream }) => ({
            name,
            stream: stream?.status === "ENABLED" ? stream.arn : undefined,
          }))}
          functions={names}
          table={asked.get("table") ?? undefined}
          function={asked.get("function") ?? undefined}
          reload={server.reload}
        />
      ) : (
        !error && <Loading />
      )}
    </div>
  );
}

type Which = "existing" | "new";

function Form(props: {
  tables: readonly { name: string; stream: string | undefined }[];
  functions: readonly string[];
  table: string | undefined;
  function: string | undefined;
  reload: () => Promise<void>;
}) {
  const { tables, functions } = props;
  const first = tables.find((one) => one.name === props.table) ?? tables.find((one) => one.stream) ?? tables[0];
  const [table, setTable] = useState(first?.name ?? "");
  const [which, setWhich] = useState<Which>(functions.length > 0 ? "existing" : "new");
  const [existing, setExisting] = useState(props.function ?? functions[0] ?? "");
  const [made, setMade] = useState<FunctionForm>(NEW_FUNCTION);
  const [form, setForm] = useState<MappingForm>(NEW_MAPPING);
  const [tried, setTried] = useState(false);
  const action = useAction();
  const stream = tables.find((one) => one.name === table)?.stream;
  const functionWrong = useMemo(() => (which === "new" ? functionProblems(made) : {}), [which, made]);
  const wrong = useMemo(() => mappingProblems(form), [form]);
  const ready = stream !== undefined && Object.keys(functionWrong).length + Object.keys(wrong).length === 0;
  const change = (part: Partial<MappingForm>) => setForm((old) => ({ ...old, ...part }));
  const name = which === "new" ? made.name : existing;

  const create = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (!ready) {
      requestAnimationFrame(() => document.querySelector<HTMLElement>("[aria-invalid]")?.focus());
      return;
    }
    let uuid = "";
    const done = await action.run(async () => {
      if (which === "new") {
        await createFunction(functionInput(made));
        // From now on it is there: another attempt makes the mapping alone.
        forget("functions");
        setExisting(made.name);
        setWhich("existing");
      }
      uuid = (await createMapping(createInput(form, stream, name))).UUID;
    });
    if (!done) return;
    forget("triggers");
    say(`${name} is called with the changes of ${table}.`);
    go(href("/triggers/:uuid", { uuid }));
  };

  if (tables.length === 0) {
    return (
      <Notice title="There is no table yet">
        <p>A trigger is called with the changes of a table.</p>
        <LinkButton href="#/create-table" kind="primary" icon="plus">
          Create table
        </LinkButton>
      </Notice>
    );
  }
  const options = functions.includes(existing) || existing === "" ? functions : [...functions, existing];
  return (
    <form class="stack trigger-form" onSubmit={create} noValidate>
      <Card title="Changes of">
        <div class="stack">
          <Select
            label="Table"
            value={table}
            options={tables.map((one) => ({
              value: one.name,
              label: one.stream ? one.name : `${one.name} (no stream)`,
            }))}
            onChange={setTable}
          />
          {stream === undefined && <NeedsStream table={table} onEnabled={props.reload} />}
          <StartField form={form} problems={wrong} onChange={change} />
        </div>
      </Card>
      <Card title="Call">
        <div class="stack">
          {functions.length > 0 && (
            <Choices
              label="Function"
              hideLabel
              value={which}
              options={[
                { value: "existing", label: "A function that is there" },
                { value: "new", label: "A new function" },
              ]}
              onChange={setWhich}
            />
          )}
          {which === "existing" ? (
            <Select
              label="Function"
              value={existing}
              options={options.map((value) => ({ value, label: value }))}
              onChange={setExisting}
            />
          ) : (
            <FunctionFields
              form={made}
              problems={tried ? functionWrong : {}}
              onChange={(part) => setMade((old) => ({ ...old, ...part }))}
            />
          )}
        </div>
      </Card>
      <Card title="How">
        <div class="stack">
          <SettingsForm form={form} problems={wrong} onChange={change} />
          <SettingsWords form={form} />
        </div>
      </Card>
      <Card title="Which changes">
        <div class="stack">
          <PatternsForm form={form} problems={wrong} onChange={change} />
          {stream !== undefined && form.patterns.some((one) => one.trim() !== "") && (
            <FilterTester key={table} table={table} patterns={form.patterns} />
          )}
        </div>
      </Card>
      {action.error && <ErrorState what="The trigger could not be added." error={action.error} />}
      <div class="row">
        <Button kind="primary" submit busy={action.busy} icon="plus">
          Add trigger
        </Button>
        <LinkButton href="#/triggers">Cancel</LinkButton>
      </div>
      {stream !== undefined && Object.keys(wrong).length === 0 && (
        <Fold label="The same by the AWS CLI">
          {() => (
            <Code
              label="AWS CLI"
              text={awsCli(
                "lambda",
                "CreateEventSourceMapping",
                createInput(form, stream, name || "NAME"),
                location.origin,
              )}
            />
          )}
        </Fold>
      )}
    </form>
  );
}

/** A table without a stream gets one here, so that one does not have to leave. */
function NeedsStream({ table, onEnabled }: { table: string; onEnabled: () => Promise<void> }) {
  const action = useAction();
  const enable = () =>
    action.run(async () => {
      const StreamSpecification = { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" } as const;
      await dynamodb("UpdateTable", { TableName: table, StreamSpecification });
      forget(`table/${table}`);
      await onEnabled();
    });
  return (
    <Notice kind="warn" title="The table has no stream">
      <p>Functions get changes from it. With new and old images they see the whole item before and after.</p>
      {action.error && <ErrorState what="The stream could not be enabled." error={action.error} />}
      <Button small busy={action.busy} onClick={enable}>
        Enable it with new and old images
      </Button>
    </Notice>
  );
}
