// Parts of the forms that make tables and indexes.

import type { IndexForm, KeyForm, KeyType, Problems, TagForm } from "../../model/table-form.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { type Option, Segments, Select, TextField } from "../../ui/field.tsx";

const KEY_TYPES: readonly Option<KeyType>[] = [
  { value: "S", label: "String" },
  { value: "N", label: "Number" },
  { value: "B", label: "Binary" },
];

/** An attribute that is a key, with its type. */
export function KeyFields(props: {
  label: string;
  value: KeyForm;
  onChange: (value: KeyForm) => void;
  error: string | undefined;
  hint?: string;
}) {
  const { label, value, onChange } = props;
  return (
    <div class="key-fields">
      <TextField
        label={label}
        value={value.name}
        error={props.error}
        hint={props.hint}
        mono
        onInput={(name) => onChange({ ...value, name })}
      />
      <Select
        label={`Type of the ${label.replace(/ \(.*/, "").toLowerCase()}`}
        hideLabel
        value={value.type}
        options={KEY_TYPES}
        onChange={(type) => onChange({ ...value, type })}
      />
    </div>
  );
}

const PROJECTIONS: readonly Option<IndexForm["projection"]>[] = [
  { value: "ALL", label: "All attributes" },
  { value: "KEYS_ONLY", label: "Keys only" },
  { value: "INCLUDE", label: "Keys and some attributes" },
];

/** One index. */
export function IndexFields(props: {
  index: IndexForm;
  onChange: (index: IndexForm) => void;
  problems: Problems;
  /** Whether it may be local: only when the table is made. */
  kinds: boolean;
}) {
  const { index, onChange, problems } = props;
  const error = (field: string) => problems.get(`index.${index.id}.${field}`);
  return (
    <div class="stack">
      {props.kinds && (
        <Segments
          label="Kind of index"
          value={index.kind}
          options={[
            { value: "global", label: "Global", hint: "Keys of its own" },
            { value: "local", label: "Local", hint: "The table's partition key, another sort key" },
          ]}
          onChange={(kind) => onChange({ ...index, kind })}
        />
      )}
      <div class="row-fields">
        <TextField
          label="Index name"
          value={index.name}
          error={error("name")}
          mono
          onInput={(name) => onChange({ ...index, name })}
        />
        <Select
          label="Holds"
          value={index.projection}
          options={PROJECTIONS}
          onChange={(projection) => onChange({ ...index, projection })}
        />
      </div>
      <div class="row-fields">
        {index.kind === "global" && (
          <KeyFields
            label="Partition key"
            value={index.partition}
            error={error("partition")}
            onChange={(partition) => onChange({ ...index, partition })}
          />
        )}
        <KeyFields
          label={index.kind === "global" ? "Sort key (optional)" : "Sort key"}
          value={index.sort}
          error={error("sort")}
          onChange={(sort) => onChange({ ...index, sort })}
        />
      </div>
      {index.projection === "INCLUDE" && (
        <TextField
          label="Attributes besides the keys"
          value={index.include}
          error={error("include")}
          hint="Names with commas between."
          mono
          onInput={(include) => onChange({ ...index, include })}
        />
      )}
    </div>
  );
}

/** Tags, one in a row. */
export function TagFields(props: {
  tags: readonly TagForm[];
  onChange: (tags: TagForm[]) => void;
  problems: Problems;
  nextId: () => number;
}) {
  const { tags, onChange } = props;
  const change = (id: number, part: Partial<TagForm>) =>
    onChange(tags.map((tag) => (tag.id === id ? { ...tag, ...part } : tag)));
  return (
    <div class="stack-tight">
      {tags.map((tag, index) => (
        <div class="tag-fields" key={tag.id}>
          <TextField
            label={`Key of tag ${index + 1}`}
            hideLabel
            placeholder="Key"
            value={tag.key}
            error={props.problems.get(`tag.${tag.id}`)}
            onInput={(key) => change(tag.id, { key })}
          />
          <TextField
            label={`Value of tag ${index + 1}`}
            hideLabel
            placeholder="Value"
            value={tag.value}
            onInput={(value) => change(tag.id, { value })}
          />
          <IconButton
            icon="trash"
            label={`Remove tag ${index + 1}`}
            onClick={() => onChange(tags.filter((one) => one.id !== tag.id))}
          />
        </div>
      ))}
      <div class="row">
        <Button small icon="plus" onClick={() => onChange([...tags, { id: props.nextId(), key: "", value: "" }])}>
          Add tag
        </Button>
      </div>
    </div>
  );
}
