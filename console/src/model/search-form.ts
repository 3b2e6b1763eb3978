// The form that finds items: a scan or a query of a table or an index, as the request that it stands for.

import type { AttributeValue, KeySchemaElement, QueryInput, ScanInput, TableDescription } from "../api/wire.ts";
import { isBase64, numberProblem } from "./document.ts";

/** Types of values that can be typed into a field. */
export type ValueType = "S" | "N" | "B" | "BOOL" | "NULL";

export type SortOperator = "=" | "<" | "<=" | ">" | ">=" | "between" | "begins_with";

export type FilterOperator =
  | SortOperator
  | "<>"
  | "contains"
  | "not_contains"
  | "attribute_exists"
  | "attribute_not_exists"
  | "attribute_type";

/** One filter; those without a name are not there. */
export interface FilterForm {
  id: number;
  name: string;
  operator: FilterOperator;
  type: ValueType;
  value: string;
  /** The upper end of `between`. */
  high: string;
}

export interface SearchForm {
  mode: "scan" | "query";
  /** The name of an index; empty for the table. */
  index: string;
  partition: string;
  sortOperator: SortOperator;
  sort: string;
  sortHigh: string;
  /** Greatest sort key first. */
  descending: boolean;
  filters: FilterForm[];
  /** Names of attributes with commas between; empty for all. */
  attributes: string;
}

/** A scan of everything. */
export function newSearch(): SearchForm {
  return {
    mode: "scan",
    index: "",
    partition: "",
    sortOperator: "=",
    sort: "",
    sortHigh: "",
    descending: false,
    filters: [],
    attributes: "",
  };
}

/** A filter that is not filled in yet. */
export function newFilter(id: number): FilterForm {
  return { id, name: "", operator: "=", type: "S", value: "", high: "" };
}

/** A key attribute with its type. */
export interface KeyAttribute {
  name: string;
  type: "S" | "N" | "B";
}

/** The keys of a table or of one of its indexes. */
export interface Keys {
  partition: KeyAttribute;
  sort: KeyAttribute | undefined;
}

/** The keys of a table (index "") or an index. */
export function keysOf(table: TableDescription, index = ""): Keys {
  const indexes = [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])];
  const found = index === "" ? table.KeySchema : indexes.find((one) => one.IndexName === index)?.KeySchema;
  const schema = found ?? table.KeySchema ?? [];
  const partition = attributeOf(table, schema, "HASH") ?? { name: "", type: "S" };
  return { partition, sort: attributeOf(table, schema, "RANGE") };
}

function attributeOf(
  table: TableDescription,
  schema: readonly KeySchemaElement[],
  kind: "HASH" | "RANGE",
): KeyAttribute | undefined {
  const name = schema.find((key) => key.KeyType === kind)?.AttributeName;
  if (name === undefined) return undefined;
  const definition = table.AttributeDefinitions?.find((one) => one.AttributeName === name);
  return { name, type: (definition?.AttributeType ?? "S") as KeyAttribute["type"] };
}

/** What is wrong, by field: `partition`, `sort`, `sortHigh`, `filter.3`. */
export type Problems = ReadonlyMap<string, string>;

/** Everything that the form can see to be wrong. */
export function checkSearch(form: SearchForm, keys: Keys): Problems {
  const problems = new Map<string, string>();
  const check = (field: string, type: ValueType, value: string) => {
    const problem = valueProblem(type, value);
    if (problem !== undefined) problems.set(field, problem);
  };
  if (form.mode === "query") {
    if (form.partition === "") problems.set("partition", `Give the value of ${keys.partition.name}.`);
    else check("partition", keys.partition.type, form.partition);
    if (keys.sort && form.sort !== "") check("sort", keys.sort.type, form.sort);
    if (keys.sort && form.sortOperator === "between" && (form.sort !== "" || form.sortHigh !== "")) {
      check("sort", keys.sort.type, form.sort);
      check("sortHigh", keys.sort.type, form.sortHigh);
    }
  }
  for (const filter of form.filters) {
    if (filter.name === "") continue;
    if (takesValue(filter.operator)) check(`filter.${filter.id}`, filter.type, filter.value);
    if (filter.operator === "between") check(`filter.${filter.id}`, filter.type, filter.high);
  }
  return problems;
}

/** Whether an operator compares with a value. */
export function takesValue(operator: FilterOperator): boolean {
  return operator !== "attribute_exists" && operator !== "attribute_not_exists";
}

function valueProblem(type: ValueType, value: string): string | undefined {
  switch (type) {
    case "N":
      return numberProblem(value);
    case "B":
      return isBase64(value) ? undefined : "Binary values are written in base64.";
    case "BOOL":
      return value === "true" || value === "false" ? undefined : "true or false.";
    default:
      return undefined;
  }
}

/** What was typed as a value. */
export function typedValue(type: ValueType, value: string): AttributeValue {
  switch (type) {
    case "S":
      return { S: value };
    case "N":
      return { N: value };
    case "B":
      return { B: value };
    case "BOOL":
      return { BOOL: value === "true" };
    case "NULL":
      return { NULL: true };
  }
}

/** Names and values of an expression get placeholders: an attribute may be named anything. */
class Placeholders {
  readonly names: [string, string][] = [];
  readonly values: [string, AttributeValue][] = [];

  name(name: string): string {
    const known = this.names.find(([, one]) => one === name);
    if (known) return known[0];
    const placeholder = `#n${this.names.length}`;
    this.names.push([placeholder, name]);
    return placeholder;
  }

  value(value: AttributeValue): string {
    const placeholder = `:v${this.values.length}`;
    this.values.push([placeholder, value]);
    return placeholder;
  }

  members() {
    return {
      ...(this.names.length > 0 ? { ExpressionAttributeNames: Object.fromEntries(this.names) } : {}),
      ...(this.values.length > 0 ? { ExpressionAttributeValues: Object.fromEntries(this.values) } : {}),
    };
  }
}

/** The request of a form without problems. A query has a `KeyConditionExpression`. */
export function searchInput(form: SearchForm, table: TableDescription): ScanInput | QueryInput {
  const placeholders = new Placeholders();
  const input: QueryInput = { TableName: table.TableName ?? "" };
  if (form.index !== "") input.IndexName = form.index;
  if (form.mode === "query") {
    input.KeyConditionExpression = keyCondition(form, keysOf(table, form.index), placeholders);
    if (form.descending) input.ScanIndexForward = false;
  }
  const filters = form.filters.filter((one) => one.name !== "").map((one) => filterText(one, placeholders));
  if (filters.length > 0) input.FilterExpression = filters.join(" AND ");
  const attributes = names(form.attributes);
  if (attributes.length > 0) {
    // The table's keys always come along: without them an item could not be opened.
    const { partition, sort } = keysOf(table);
    const all = new Set([partition.name, ...(sort ? [sort.name] : []), ...attributes]);
    input.ProjectionExpression = [...all].map((name) => placeholders.name(name)).join(", ");
  }
  return { ...input, ...placeholders.members() };
}

function names(text: string): string[] {
  const all = text.split(",").map((name) => name.trim());
  return [...new Set(all.filter((name) => name !== ""))];
}

function keyCondition(form: SearchForm, keys: Keys, placeholders: Placeholders): string {
  const partition = placeholders.value(typedValue(keys.partition.type, form.partition));
  const first = `${placeholders.name(keys.partition.name)} = ${partition}`;
  if (!keys.sort || (form.sort === "" && form.sortOperator !== "between")) return first;
  if (form.sortOperator === "between" && form.sort === "" && form.sortHigh === "") return first;
  const sort = { operator: form.sortOperator, type: keys.sort.type, value: form.sort, high: form.sortHigh };
  return `${first} AND ${comparison(placeholders.name(keys.sort.name), sort, placeholders)}`;
}

interface Comparison {
  operator: FilterOperator;
  type: ValueType;
  value: string;
  high: string;
}

function filterText(filter: FilterForm, placeholders: Placeholders): string {
  return comparison(placeholders.name(filter.name), filter, placeholders);
}

function comparison(name: string, { operator, type, value, high }: Comparison, placeholders: Placeholders): string {
  if (!takesValue(operator)) return `${operator}(${name})`;
  // The operand of attribute_type is the type's name.
  const operand = operator === "attribute_type" ? { S: value } : typedValue(type, value);
  const first = placeholders.value(operand);
  switch (operator) {
    case "between":
      return `${name} BETWEEN ${first} AND ${placeholders.value(typedValue(type, high))}`;
    case "begins_with":
    case "contains":
    case "attribute_type":
      return `${operator}(${name}, ${first})`;
    case "not_contains":
      return `NOT contains(${name}, ${first})`;
    default:
      return `${name} ${operator} ${first}`;
  }
}

/** A form as text for an address; empty for a scan of everything. */
export function searchToText(form: SearchForm): string {
  const empty = newSearch();
  const changed = Object.entries(form).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(empty[name as keyof SearchForm]),
  );
  return changed.length === 0 ? "" : JSON.stringify(Object.fromEntries(changed));
}

/** The form that an address names; whatever is not as it should be is left out. */
export function searchFromText(text: string): SearchForm {
  const form = newSearch();
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return form;
  }
  if (typeof given !== "object" || given === null) return form;
  const from = given as { [name: string]: unknown };
  const word = (name: string, otherwise: string) => (typeof from[name] === "string" ? from[name] : otherwise);
  return {
    mode: from.mode === "query" ? "query" : "scan",
    index: word("index", ""),
    partition: word("partition", ""),
    sortOperator: oneOf(SORT_OPERATORS, from.sortOperator),
    sort: word("sort", ""),
    sortHigh: word("sortHigh", ""),
    descending: from.descending === true,
    filters: Array.isArray(from.filters) ? from.filters.flatMap(filterFrom) : [],
    attributes: word("attributes", ""),
  };
}

/** Those of a sort key. */
export const SORT_OPERATORS: readonly SortOperator[] = ["=", "<", "<=", ">", ">=", "between", "begins_with"];

/** Those of a filter. */
export const FILTER_OPERATORS: readonly FilterOperator[] = [
  "=",
  "<>",
  "<",
  "<=",
  ">",
  ">=",
  "between",
  "begins_with",
  "contains",
  "not_contains",
  "attribute_exists",
  "attribute_not_exists",
  "attribute_type",
];

const VALUE_TYPES: readonly ValueType[] = ["S", "N", "B", "BOOL", "NULL"];

function oneOf<T extends string>(all: readonly T[], given: unknown): T {
  return all.find((one) => one === given) ?? (all[0] as T);
}

function filterFrom(given: unknown, index: number): FilterForm[] {
  if (typeof given !== "object" || given === null) return [];
  const from = given as { [name: string]: unknown };
  const word = (name: string) => (typeof from[name] === "string" ? from[name] : "");
  return [
    {
      id: index + 1,
      name: word("name"),
      operator: oneOf(FILTER_OPERATORS, from.operator),
      type: oneOf(VALUE_TYPES, from.type),
      value: word("value"),
      high: word("high"),
    },
  ];
}
