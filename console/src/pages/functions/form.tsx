// The fields of a new function: where its code is, and what it may take.

import {
  type CodeKind,
  type FunctionForm,
  type FunctionProblems,
  RUNTIMES,
  starterOf,
} from "../../model/function-form.ts";
import { PLACES, STARTERS } from "../../model/starters.ts";
import { base64 } from "../../model/zip.ts";
import { Editor } from "../../ui/editor.tsx";
import { Choices, Field, Select, TextArea, TextField } from "../../ui/field.tsx";
import { Fold } from "../../ui/json.tsx";

const KINDS: { value: CodeKind; label: string; hint: string }[] = [
  { value: "code", label: "Code typed here", hint: "One file of Node.js or Python, to try something." },
  {
    value: "folder",
    label: "A folder on the server",
    hint: "Used in place: a change of its files takes effect with the next call.",
  },
  { value: "zip", label: "A zip file", hint: "As it would be uploaded to Lambda, with what it depends on." },
  { value: "elsewhere", label: "Elsewhere", hint: "A webhook, a program, or a function of another server." },
];

interface Fields {
  form: FunctionForm;
  problems: FunctionProblems;
  onChange: (part: Partial<FunctionForm>) => void;
}

/** All fields of a function; problems are shown where `problems` has them. */
export function FunctionFields(props: Fields) {
  const { form, problems, onChange } = props;
  return (
    <div class="stack">
      <TextField label="Name" mono value={form.name} error={problems.name} onInput={(name) => onChange({ name })} />
      <CodeFields {...props} />
      <Fold label="Time, memory and variables">
        {() => (
          <div class="stack">
            <div class="row-fields">
              <TextField
                label="Time for one call, in seconds"
                value={form.timeout}
                error={problems.timeout}
                onInput={(timeout) => onChange({ timeout })}
              />
              <TextField
                label="Memory, in MB"
                value={form.memory}
                error={problems.memory}
                onInput={(memory) => onChange({ memory })}
              />
            </div>
            <TextArea
              label="Variables of its environment"
              mono
              rows={3}
              value={form.variables}
              placeholder="NAME=value"
              error={problems.variables}
              onInput={(variables) => onChange({ variables })}
            />
          </div>
        )}
      </Fold>
    </div>
  );
}

/** Where the code is; also to replace that of a function which is there. */
export function CodeFields({ form, problems, onChange }: Fields) {
  return (
    <div class="stack">
      <Choices label="Code" value={form.kind} options={KINDS} onChange={(kind) => onChange({ kind })} />
      {form.kind === "code" && <TypedCode form={form} problems={problems} onChange={onChange} />}
      {form.kind === "folder" && (
        <TextField
          label="Folder"
          mono
          value={form.folder}
          placeholder={PLACES["headwater-local-directory"].key}
          error={problems.folder}
          onInput={(folder) => onChange({ folder })}
        />
      )}
      {form.kind === "zip" && <ZipField form={form} problems={problems} onChange={onChange} />}
      {form.kind === "elsewhere" && (
        <div class="row-fields">
          <Select
            label="What it is"
            value={form.place}
            options={(["headwater-webhook", "headwater-command", "headwater-lambda"] as const).map((value) => ({
              value,
              label: PLACES[value].label,
            }))}
            onChange={(place) => onChange({ place })}
          />
          <TextField
            label="Where it is"
            mono
            value={form.key}
            placeholder={PLACES[form.place].key}
            error={problems.key}
            onInput={(key) => onChange({ key })}
          />
        </div>
      )}
      {(form.kind === "folder" || form.kind === "zip") && (
        <div class="row-fields">
          <Select
            label="Runtime"
            value={form.runtime}
            options={RUNTIMES.map((value) => ({ value, label: value }))}
            onChange={(runtime) => onChange({ runtime, handler: starterOf(runtime).handler })}
          />
          <TextField
            label="Handler"
            mono
            value={form.handler}
            error={problems.handler}
            onInput={(handler) => onChange({ handler })}
          />
        </div>
      )}
    </div>
  );
}

function TypedCode({ form, problems, onChange }: Fields) {
  const starter = starterOf(form.runtime);
  const turn = (label: string) => {
    const next = STARTERS.find((one) => one.label === label) ?? starter;
    // What was typed in one language is nothing in the other.
    onChange({ runtime: next.runtime, handler: next.handler, text: next.code });
  };
  return (
    <div class="stack-tight">
      <Select
        label="Language"
        value={starter.label}
        options={STARTERS.map(({ label }) => ({ value: label, label }))}
        onChange={turn}
      />
      <div class="code-editor">
        <Editor
          key={starter.label}
          label={`Code, ${starter.file}`}
          value={form.text}
          onChange={(text) => onChange({ text })}
        />
      </div>
      {problems.text && <p class="field-error">{problems.text}</p>}
    </div>
  );
}

function ZipField({ form, problems, onChange }: Fields) {
  const read = async (file: File | undefined) => {
    if (!file) return onChange({ zip: undefined });
    onChange({ zip: { name: file.name, data: base64(new Uint8Array(await file.arrayBuffer())) } });
  };
  return (
    <Field label="Zip file" error={problems.zip} hint={form.zip && `${form.zip.name} is ready.`}>
      {(described) => (
        <input
          {...described}
          class="input"
          type="file"
          accept=".zip,application/zip"
          onChange={(event) => void read(event.currentTarget.files?.[0])}
        />
      )}
    </Field>
  );
}
