// The settings of a trigger, with what they mean in plain words.

import { type MappingForm, type MappingProblems, mappingWords, PATTERNS_MAX } from "../../model/mapping-form.ts";
import { Button } from "../../ui/button.tsx";
import { Checkbox, Choices, TextField } from "../../ui/field.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Fold } from "../../ui/json.tsx";
import { PatternExamples } from "../stream/pattern.tsx";
import { PatternFieldChecked } from "./pattern-field.tsx";

export interface SettingsFields {
  form: MappingForm;
  problems: MappingProblems;
  onChange: (part: Partial<MappingForm>) => void;
}

/** What was set, in sentences. */
export function SettingsWords({ form }: { form: MappingForm }) {
  const words = mappingWords(form);
  if (words.length === 0) return null;
  return (
    <ul class="trigger-words" aria-live="polite">
      {words.map((one) => (
        <li key={one}>
          <Icon name="right" size={12} />
          <span>{one}</span>
        </li>
      ))}
    </ul>
  );
}

/** Where a new trigger begins. */
export function StartField({ form, onChange }: SettingsFields) {
  return (
    <Choices
      label="Begin with"
      value={form.start}
      options={[
        { value: "LATEST", label: "The next change", hint: "Nothing that is written from now on is missed." },
        {
          value: "TRIM_HORIZON",
          label: "The oldest change that is kept",
          hint: "Everything that the stream still has, then what comes.",
        },
      ]}
      onChange={(start) => onChange({ start })}
    />
  );
}

/** Batches, failures, and what one rarely needs. */
export function SettingsForm(props: SettingsFields) {
  const { form, problems, onChange } = props;
  return (
    <div class="stack">
      <div class="row-fields">
        <TextField
          label="Records in one call, at most"
          value={form.batchSize}
          error={problems.batchSize}
          onInput={(batchSize) => onChange({ batchSize })}
        />
        <TextField
          label="Wait for a batch to fill, in seconds"
          value={form.windowSeconds}
          error={problems.windowSeconds}
          onInput={(windowSeconds) => onChange({ windowSeconds })}
        />
        <TextField
          label="Tries after a failure"
          value={form.retries}
          placeholder="until the records expire"
          error={problems.retries}
          onInput={(retries) => onChange({ retries })}
        />
      </div>
      <Checkbox
        label="Halve a batch that failed"
        hint="Down to single records, so that one bad record does not keep the others."
        checked={form.bisect}
        onChange={(bisect) => onChange({ bisect })}
      />
      <Checkbox
        label="The function says which records failed"
        hint={
          <>
            It answers <code>{'{"batchItemFailures": [{"itemIdentifier": "SEQUENCE NUMBER"}]}'}</code>.
          </>
        }
        checked={form.reportsFailures}
        onChange={(reportsFailures) => onChange({ reportsFailures })}
      />
      <Fold label="More settings">{() => <MoreSettings {...props} />}</Fold>
    </div>
  );
}

function MoreSettings({ form, problems, onChange }: SettingsFields) {
  return (
    <div class="stack">
      <div class="row-fields">
        <TextField
          label="Calls at once for each shard"
          hint="Changes of one item stay in order."
          value={form.parallel}
          error={problems.parallel}
          onInput={(parallel) => onChange({ parallel })}
        />
        <TextField
          label="Give records up after, in seconds"
          value={form.maxAgeSeconds}
          placeholder="when they expire"
          error={problems.maxAgeSeconds}
          onInput={(maxAgeSeconds) => onChange({ maxAgeSeconds })}
        />
        <TextField
          label="Tumbling window, in seconds"
          hint="0 is none."
          value={form.tumblingSeconds}
          error={problems.tumblingSeconds}
          onInput={(tumblingSeconds) => onChange({ tumblingSeconds })}
        />
      </div>
      <TextField
        label="Where batches go that are given up"
        mono
        value={form.destination}
        placeholder="the dead-letter store of this server"
        hint="Or the ARN of an SQS queue, an SNS topic or an S3 bucket that the server was told of."
        error={problems.destination}
        onInput={(destination) => onChange({ destination })}
      />
    </div>
  );
}

/** Patterns, of which one has to match. */
export function PatternsForm({ form, onChange }: SettingsFields) {
  const { patterns } = form;
  const set = (index: number, pattern: string) =>
    onChange({ patterns: patterns.map((one, at) => (at === index ? pattern : one)) });
  return (
    <div class="stack">
      {patterns.length === 0 && <p class="muted">Without a pattern every change is delivered.</p>}
      {patterns.map((pattern, index) => (
        // Patterns have no names but their places.
        <div key={index} class="stack-tight">
          <PatternFieldChecked
            label={patterns.length === 1 ? "Pattern" : `Pattern ${index + 1}`}
            value={pattern}
            onInput={(text) => set(index, text)}
          />
          <div class="row">
            <PatternExamples onPick={(text) => set(index, text)} />
            <Button
              small
              kind="quiet"
              icon="trash"
              onClick={() => onChange({ patterns: patterns.filter((_, at) => at !== index) })}
            >
              Remove pattern
            </Button>
          </div>
        </div>
      ))}
      <div class="row">
        <Button
          small
          icon="plus"
          disabled={patterns.length >= PATTERNS_MAX}
          onClick={() => onChange({ patterns: [...patterns, ""] })}
        >
          Add pattern
        </Button>
      </div>
    </div>
  );
}
