// The form of a scan or a query.

import { useMemo, useRef, useState } from "preact/hooks";
import {
  checkSearch,
  FILTER_OPERATORS,
  type FilterForm,
  type FilterOperator,
  keysOf,
  newFilter,
  newSearch,
  type Problems,
  type SearchForm,
  SORT_OPERATORS,
  type SortOperator,
  takesValue,
  type ValueType,
} from "../../model/search-form.ts";
import { TYPE_WORDS } from "../../model/value.ts";
import type { TabProps } from "../../shell/pages.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { type Option, Segments, Select, TextField } from "../../ui/field.tsx";

const NONE: Problems = new Map();

export function Search(props: {
  table: TabProps["table"];
  form: SearchForm;
  onChange: (form: SearchForm) => void;
  onRun: (form: SearchForm) => void;
  /** Names of attributes that are known, to choose from. */
  names: readonly string[];
}) {
  const { table, form, onChange } = props;
  const keys = keysOf(table, form.index);
  const found = useMemo(() => checkSearch(form, keys), [form, keys.partition.name, keys.sort?.name]);
  const [tried, setTried] = useState(false);
  const problems = tried ? found : NONE;
  const change = (part: Partial<SearchForm>) => onChange({ ...form, ...part });
  const nextId = useRef(Math.max(0, ...form.filters.map(({ id }) => id)));
  const [withColumns, setWithColumns] = useState(form.attributes !== "");
  const addFilter = () => {
    nextId.current += 1;
    change({ filters: [...form.filters, newFilter(nextId.current)] });
  };
  const run = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (found.size === 0) props.onRun(form);
  };
  return (
    <form class="search" onSubmit={run} noValidate>
      {form.mode === "query" && <KeyConditions form={form} change={change} problems={problems} keys={keys} />}
      <Filters form={form} change={change} problems={problems} names={props.names} />
      {withColumns && (
        <TextField
          label="Attributes to read"
          value={form.attributes}
          placeholder="All"
          hint="Names with commas between. Keys always come along."
          mono
          onInput={(attributes) => change({ attributes })}
        />
      )}
      <div class="search-row">
        <Button submit kind="primary" icon="play">
          Run
        </Button>
        <Button small icon="filter" onClick={addFilter}>
          Add filter
        </Button>
        {!withColumns && (
          <Button small icon="plus" onClick={() => setWithColumns(true)}>
            Choose attributes
          </Button>
        )}
        <Button
          small
          kind="quiet"
          onClick={() => {
            setTried(false);
            setWithColumns(false);
            props.onRun(newSearch());
          }}
        >
          Reset
        </Button>
      </div>
    </form>
  );
}

/** Where to search, and in which order. */
export function Where(props: { table: TabProps["table"]; form: SearchForm; onChange: (form: SearchForm) => void }) {
  const { table, form, onChange } = props;
  return (
    <>
      <div class="search-index">
        <Select
          label="Table or index"
          hideLabel
          value={form.index}
          options={indexOptions(table)}
          onChange={(index) => onChange({ ...form, index, sort: "", sortHigh: "" })}
        />
      </div>
      {form.mode === "query" && (
        <Segments
          label="Order"
          value={form.descending ? "down" : "up"}
          options={[
            { value: "up", label: "Ascending", hint: "Least sort key first" },
            { value: "down", label: "Descending", hint: "Greatest sort key first" },
          ]}
          onChange={(order) => onChange({ ...form, descending: order === "down" })}
        />
      )}
    </>
  );
}

function indexOptions(table: TabProps["table"]): Option<string>[] {
  const named = (kind: string, indexes: { IndexName?: string }[] | undefined) =>
    (indexes ?? []).map(({ IndexName = "" }) => ({ value: IndexName, label: `${kind} index ${IndexName}` }));
  return [
    { value: "", label: `Table ${table.TableName}` },
    ...named("Global", table.GlobalSecondaryIndexes),
    ...named("Local", table.LocalSecondaryIndexes),
  ];
}

interface PartProps {
  form: SearchForm;
  change: (part: Partial<SearchForm>) => void;
  problems: Problems;
}

const OPERATOR_WORDS: { readonly [operator in FilterOperator]: string } = {
  "=": "=",
  "<>": "is not",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
  between: "between",
  begins_with: "begins with",
  contains: "contains",
  not_contains: "does not contain",
  attribute_exists: "exists",
  attribute_not_exists: "does not exist",
  attribute_type: "is of type",
};

function operatorOptions<T extends FilterOperator>(operators: readonly T[]): Option<T>[] {
  return operators.map((value) => ({ value, label: OPERATOR_WORDS[value] }));
}

function KeyConditions({ form, change, problems, keys }: PartProps & { keys: ReturnType<typeof keysOf> }) {
  const { partition, sort } = keys;
  return (
    <div class="row-fields">
      <TextField
        label={`${partition.name} (${TYPE_WORDS[partition.type]})`}
        value={form.partition}
        error={problems.get("partition")}
        mono
        filter
        onInput={(value) => change({ partition: value })}
      />
      {sort && (
        <div class="search-sort">
          <Select
            label={`${sort.name} (${TYPE_WORDS[sort.type]})`}
            value={form.sortOperator}
            options={operatorOptions<SortOperator>(
              sort.type === "N" ? SORT_OPERATORS.filter((one) => one !== "begins_with") : SORT_OPERATORS,
            )}
            onChange={(sortOperator) => change({ sortOperator })}
          />
          <TextField
            label={`Value of ${sort.name}`}
            hideLabel
            placeholder="Any"
            value={form.sort}
            error={problems.get("sort")}
            mono
            onInput={(value) => change({ sort: value })}
          />
          {form.sortOperator === "between" && (
            <TextField
              label={`Upper end of ${sort.name}`}
              hideLabel
              placeholder="and"
              value={form.sortHigh}
              error={problems.get("sortHigh")}
              mono
              onInput={(value) => change({ sortHigh: value })}
            />
          )}
        </div>
      )}
    </div>
  );
}

const VALUE_OPTIONS: readonly Option<ValueType>[] = (["S", "N", "B", "BOOL", "NULL"] as const).map((value) => ({
  value,
  label: TYPE_WORDS[value],
}));

const TYPE_OPTIONS: readonly Option<string>[] = Object.entries(TYPE_WORDS).map(([value, label]) => ({ value, label }));

function Filters({ form, change, problems, names }: PartProps & { names: readonly string[] }) {
  const put = (filter: FilterForm) =>
    change({ filters: form.filters.map((one) => (one.id === filter.id ? filter : one)) });
  return (
    <>
      {form.filters.map((filter, place) => (
        <FilterFields
          key={filter.id}
          filter={filter}
          place={place + 1}
          names={names}
          error={problems.get(`filter.${filter.id}`)}
          onChange={put}
          onRemove={() => change({ filters: form.filters.filter((one) => one.id !== filter.id) })}
        />
      ))}
    </>
  );
}

function FilterFields(props: {
  filter: FilterForm;
  place: number;
  names: readonly string[];
  error: string | undefined;
  onChange: (filter: FilterForm) => void;
  onRemove: () => void;
}) {
  const { filter, place, onChange } = props;
  const isType = filter.operator === "attribute_type";
  return (
    <div class="search-filter">
      <TextField
        label={`Attribute of filter ${place}`}
        hideLabel
        placeholder="Attribute"
        list={props.names}
        value={filter.name}
        mono
        onInput={(name) => onChange({ ...filter, name })}
      />
      <Select
        label={`Condition of filter ${place}`}
        hideLabel
        value={filter.operator}
        options={operatorOptions(FILTER_OPERATORS)}
        onChange={(operator) =>
          onChange({ ...filter, operator, value: operator === "attribute_type" ? "S" : filter.value })
        }
      />
      {takesValue(filter.operator) && !isType && (
        <Select
          label={`Type of filter ${place}`}
          hideLabel
          value={filter.type}
          options={VALUE_OPTIONS}
          onChange={(type) => onChange({ ...filter, type, value: type === "BOOL" ? "true" : filter.value })}
        />
      )}
      <FilterValue filter={filter} place={place} error={props.error} onChange={onChange} />
      <IconButton icon="trash" label={`Remove filter ${place}`} onClick={props.onRemove} />
    </div>
  );
}

function FilterValue(props: {
  filter: FilterForm;
  place: number;
  error: string | undefined;
  onChange: (filter: FilterForm) => void;
}) {
  const { filter, place, error, onChange } = props;
  if (!takesValue(filter.operator)) return <span />;
  const choices =
    filter.operator === "attribute_type"
      ? TYPE_OPTIONS
      : filter.type === "BOOL" && [
          { value: "true", label: "true" },
          { value: "false", label: "false" },
        ];
  const label = `Value of filter ${place}`;
  if (choices) {
    return (
      <Select
        label={label}
        hideLabel
        value={filter.value}
        options={choices}
        onChange={(value) => onChange({ ...filter, value })}
      />
    );
  }
  if (filter.type === "NULL") return <span />;
  return (
    <div class="search-values">
      <TextField
        label={label}
        hideLabel
        placeholder="Value"
        value={filter.value}
        error={error}
        mono
        onInput={(value) => onChange({ ...filter, value })}
      />
      {filter.operator === "between" && (
        <TextField
          label={`Upper end of filter ${place}`}
          hideLabel
          placeholder="and"
          value={filter.high}
          mono
          onInput={(high) => onChange({ ...filter, high })}
        />
      )}
    </div>
  );
}
