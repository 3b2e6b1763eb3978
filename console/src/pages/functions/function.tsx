// One function: what it is, a call by hand, its log, its triggers.

import { useState } from "preact/hooks";
import { deleteFunction, getFunction, updateFunction, updateFunctionCode } from "../../api/lambda.ts";
import { forget, useResource } from "../../api/resource.ts";
import { triggerStatuses } from "../../api/triggers.ts";
import type { GetFunctionResponse } from "../../api/wire.ts";
import { functionOfArn } from "../../model/arn.ts";
import { bytes } from "../../model/format.ts";
import {
  codeOf,
  type FunctionForm,
  functionProblems,
  handlerOf,
  NEW_FUNCTION,
  starterOf,
} from "../../model/function-form.ts";
import { parseVariables, printVariables } from "../../model/starters.ts";
import type { PageProps } from "../../shell/pages.ts";
import { go, href } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Status } from "../../ui/badge.tsx";
import { Button, LinkButton } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { TextArea, TextField } from "../../ui/field.tsx";
import { Card, Facts, PageHead } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { LOOK_MS, noteLag } from "../triggers/lag.ts";
import { TriggerRows } from "../triggers/rows.tsx";
import { CodeFields } from "./form.tsx";
import { InvokeCard } from "./invoke.tsx";
import { Changed } from "./list.tsx";
import { FollowedLog } from "./log.tsx";
import { isElsewhere, placeOf, placeText, runtimeText } from "./where.ts";
import "./functions.css";

const CRUMBS = [{ label: "Functions", href: "#/functions" }];
const EVERY_MS = 4000;

export default function FunctionPage({ params }: PageProps) {
  const name = params.name ?? "";
  const known = useResource(`function/${name}`, (signal) => getFunction(name, signal), { every: EVERY_MS });
  const data = known.data.value;
  const error = known.error.value;
  if (error?.status === 404) {
    return (
      <div class="page">
        <PageHead title={name} crumbs={CRUMBS} />
        <EmptyState icon="function" title="There is no function of this name">
          <p>It may have been deleted. Triggers of it keep their place until it is there again.</p>
          <LinkButton href="#/functions">See all functions</LinkButton>
        </EmptyState>
      </div>
    );
  }
  const state = data?.Configuration?.State;
  return (
    <div class="page">
      <PageHead
        title={name}
        crumbs={CRUMBS}
        beside={state !== undefined && state !== "Active" && <Status status={state} />}
        actions={data && <Actions key={name} name={name} known={data} reload={known.reload} />}
      />
      {error && <ErrorState what="The function could not be read." error={error} retry={known.reload} />}
      {!data && !error && <Loading />}
      {data && (
        <>
          <Card title="Function">
            <FunctionFacts known={data} />
          </Card>
          <div class="columns">
            <InvokeCard key={name} name={name} />
            <Card title="Log">
              <FollowedLog key={name} name={name} />
            </Card>
          </div>
          <Triggers name={name} />
        </>
      )}
    </div>
  );
}

function FunctionFacts({ known }: { known: GetFunctionResponse }) {
  const configuration = known.Configuration ?? {};
  const variables = configuration.Environment?.Variables ?? {};
  return (
    <Facts
      facts={[
        ["Runtime", runtimeText(configuration)],
        ["Handler", <span class="data">{configuration.Handler ?? "-"}</span>],
        [
          "Code",
          <span key="code" class="data break">
            {placeText(known) ?? `Zip file, ${bytes(configuration.CodeSize ?? 0)}`}
          </span>,
        ],
        ["Time for one call", `${configuration.Timeout ?? 0} s`],
        ["Memory", `${configuration.MemorySize ?? 0} MB`],
        ["Changed", <Changed key="changed" at={configuration.LastModified} />],
        ["Variables", <span class="data break">{Object.keys(variables).join(", ") || "-"}</span>],
        [
          "ARN",
          <span key="arn" class="row">
            <span class="data break">{configuration.FunctionArn}</span>
            <CopyButton text={configuration.FunctionArn ?? ""} label="Copy the ARN" />
          </span>,
        ],
      ]}
    />
  );
}

function Triggers({ name }: { name: string }) {
  const known = useResource("triggers", async (signal) => (await triggerStatuses(signal)).map((one) => noteLag(one)), {
    every: LOOK_MS,
  });
  const own = known.data.value?.filter((one) => functionOfArn(one.functionArn) === name);
  if (!own) return null;
  return (
    <Card
      title="Triggers"
      flush={own.length > 0}
      actions={
        <LinkButton small icon="plus" href={href("/create-trigger", {}, { function: name })}>
          Add trigger
        </LinkButton>
      }
    >
      {own.length > 0 ? <TriggerRows triggers={own} table /> : <p class="muted">No table's changes call it.</p>}
    </Card>
  );
}

function Actions(props: { name: string; known: GetFunctionResponse; reload: () => Promise<void> }) {
  const { name } = props;
  const [open, setOpen] = useState<"code" | "settings" | "delete">();
  const action = useAction();
  const close = () => setOpen(undefined);
  const remove = async () => {
    if (!(await action.run(() => deleteFunction(name)))) return;
    forget("function");
    say(`${name} is deleted.`);
    close();
    go("#/functions");
  };
  return (
    <>
      <Button icon="upload" onClick={() => setOpen("code")}>
        Replace code
      </Button>
      <Button icon="edit" onClick={() => setOpen("settings")}>
        Change settings
      </Button>
      <Button icon="trash" kind="danger" onClick={() => setOpen("delete")}>
        Delete
      </Button>
      {open === "code" && <CodeDialog {...props} onClose={close} />}
      {open === "settings" && <SettingsDialog {...props} onClose={close} />}
      <Confirm
        open={open === "delete"}
        onClose={close}
        title="Delete the function?"
        action="Delete function"
        typed={name}
        onConfirm={remove}
      >
        <p>
          Its versions, aliases and log go with it. Its triggers stay, and wait until there is a function of that name
          again.
        </p>
        {action.error && <ErrorState what="It was not deleted." error={action.error} />}
      </Confirm>
    </>
  );
}

interface Change {
  name: string;
  known: GetFunctionResponse;
  reload: () => Promise<void>;
  onClose: () => void;
}

/** The form as the code is now, where it can be told. */
function codeAsIs(known: GetFunctionResponse): Partial<FunctionForm> {
  const found = placeOf(known);
  if (found && found.place !== "headwater-local-directory") {
    return { kind: "elsewhere", place: found.place, key: found.key };
  }
  const { Runtime = NEW_FUNCTION.runtime, Handler = NEW_FUNCTION.handler } = known.Configuration ?? {};
  const code = { runtime: Runtime, handler: Handler, text: starterOf(Runtime).code };
  return found ? { ...code, kind: "folder", folder: found.key } : code;
}

/** New code; what runs finishes with the old one. */
function CodeDialog({ name, known, reload, onClose }: Change) {
  const { Runtime, Handler } = known.Configuration ?? {};
  const [form, setForm] = useState<FunctionForm>(() => ({
    ...NEW_FUNCTION,
    name,
    ...codeAsIs(known),
  }));
  const action = useAction();
  const problems = functionProblems(form);
  const save = async () => {
    const done = await action.run(async () => {
      await updateFunctionCode(name, codeOf(form));
      const input = { Runtime: form.runtime, Handler: handlerOf(form) };
      const changed = input.Runtime !== Runtime || input.Handler !== Handler;
      if (form.kind !== "elsewhere" && changed) await updateFunction(name, input);
      await reload();
    });
    if (!done) return;
    say("The next call runs the new code.");
    onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Replace the code"
      size="side"
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={action.busy} disabled={Object.keys(problems).length > 0} onClick={save}>
            Replace code
          </Button>
        </>
      }
    >
      <div class="stack">
        <CodeFields form={form} problems={problems} onChange={(part) => setForm((old) => ({ ...old, ...part }))} />
        {action.error && <ErrorState what="The code was not replaced." error={action.error} />}
      </div>
    </Dialog>
  );
}

function SettingsDialog({ name, known, reload, onClose }: Change) {
  const configuration = known.Configuration ?? {};
  const [form, setForm] = useState<FunctionForm>(() => ({
    ...NEW_FUNCTION,
    name,
    handler: configuration.Handler ?? "",
    timeout: String(configuration.Timeout ?? 3),
    memory: String(configuration.MemorySize ?? 128),
    variables: printVariables(configuration.Environment?.Variables ?? {}),
  }));
  const elsewhere = isElsewhere(configuration);
  const action = useAction();
  const { handler, timeout, memory, variables } = functionProblems({
    ...form,
    kind: elsewhere ? "elsewhere" : "folder",
  });
  const problems = { handler, timeout, memory, variables };
  const change = (part: Partial<FunctionForm>) => setForm((old) => ({ ...old, ...part }));
  const save = async () => {
    const done = await action.run(async () => {
      await updateFunction(name, {
        ...(!elsewhere && { Handler: form.handler.trim() }),
        Timeout: Number(form.timeout),
        MemorySize: Number(form.memory),
        Environment: { Variables: parseVariables(form.variables) },
      });
      await reload();
    });
    if (!done) return;
    say("The next call has the new settings.");
    onClose();
  };
  const wrong = Object.values(problems).some((one) => one !== undefined);
  return (
    <Dialog
      open
      onClose={onClose}
      title="Change settings"
      size="medium"
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={action.busy} disabled={wrong} onClick={save}>
            Save
          </Button>
        </>
      }
    >
      <div class="stack">
        {!elsewhere && (
          <TextField
            label="Handler"
            mono
            value={form.handler}
            error={problems.handler}
            onInput={(value) => change({ handler: value })}
          />
        )}
        <div class="row-fields">
          <TextField
            label="Time for one call, in seconds"
            value={form.timeout}
            error={problems.timeout}
            onInput={(value) => change({ timeout: value })}
          />
          <TextField
            label="Memory, in MB"
            value={form.memory}
            error={problems.memory}
            onInput={(value) => change({ memory: value })}
          />
        </div>
        <TextArea
          label="Variables of its environment"
          mono
          rows={5}
          value={form.variables}
          placeholder="NAME=value"
          error={problems.variables}
          onInput={(value) => change({ variables: value })}
        />
        {action.error && <ErrorState what="The settings were not changed." error={action.error} />}
      </div>
    </Dialog>
  );
}
