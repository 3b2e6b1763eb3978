// The form that makes a table, or an index of one: what is wrong with it, and the request that it stands for.

import type {
  AttributeDefinition,
  CreateTableInput,
  GlobalSecondaryIndex,
  KeySchemaElement,
  Projection,
  ProjectionType,
  ProvisionedThroughput,
  StreamViewType,
} from "../api/wire.ts";

export type KeyType = "S" | "N" | "B";

/** A key attribute; one without a name is not there. */
export interface KeyForm {
  name: string;
  type: KeyType;
}

export interface IndexForm {
  /** Tells the rows of the form apart. */
  id: number;
  kind: "global" | "local";
  name: string;
  /** Of a global index; a local one has the table's. */
  partition: KeyForm;
  sort: KeyForm;
  projection: ProjectionType;
  /** Names of attributes, with commas between, for INCLUDE. */
  include: string;
}

export type Billing = "PAY_PER_REQUEST" | "PROVISIONED";

export interface TableForm {
  name: string;
  partition: KeyForm;
  sort: KeyForm;
  billing: Billing;
  readUnits: string;
  writeUnits: string;
  indexes: IndexForm[];
  stream: "NONE" | StreamViewType;
  /** The attribute with the time to live; empty for none. */
  ttl: string;
  protection: boolean;
  recovery: boolean;
  tags: TagForm[];
}

export interface TagForm {
  id: number;
  key: string;
  value: string;
}

/** An empty form. */
export function newTable(): TableForm {
  return {
    name: "",
    partition: { name: "", type: "S" },
    sort: { name: "", type: "S" },
    billing: "PAY_PER_REQUEST",
    readUnits: "5",
    writeUnits: "5",
    indexes: [],
    stream: "NONE",
    ttl: "",
    protection: false,
    recovery: false,
    tags: [],
  };
}

/** An empty index. */
export function newIndex(id: number, kind: IndexForm["kind"]): IndexForm {
  const empty: KeyForm = { name: "", type: "S" };
  return { id, kind, name: "", partition: empty, sort: empty, projection: "ALL", include: "" };
}

/** What is wrong, by field: `name`, `partition`, `index.3.sort`. */
export type Problems = ReadonlyMap<string, string>;

const NAME_PATTERN = /^[a-zA-Z0-9_.-]+$/;
const NAME_MIN = 3;
const NAME_MAX = 255;
const KEY_NAME_MAX = 255;
const LOCAL_MAX = 5;
const GLOBAL_MAX = 20;
const TAG_KEY_MAX = 128;
const TAG_VALUE_MAX = 256;

/** Everything that the server would refuse and the form can see. */
export function checkTable(form: TableForm): Problems {
  const problems = new Map<string, string>();
  note(problems, "name", nameProblem(form.name));
  note(problems, "partition", keyProblem(form.partition, "a partition key"));
  if (form.sort.name !== "") note(problems, "sort", keyProblem(form.sort, "a sort key"));
  if (form.sort.name !== "" && form.sort.name === form.partition.name) {
    problems.set("sort", "The sort key is another attribute than the partition key.");
  }
  if (form.billing === "PROVISIONED") {
    note(problems, "readUnits", unitsProblem(form.readUnits));
    note(problems, "writeUnits", unitsProblem(form.writeUnits));
  }
  checkIndexes(form, problems);
  checkTags(form.tags, problems);
  return problems;
}

function checkIndexes(form: TableForm, problems: Map<string, string>): void {
  const names = new Set<string>();
  for (const index of form.indexes) {
    for (const [field, problem] of checkIndex(index, form)) problems.set(field, problem);
    if (names.has(index.name)) problems.set(`index.${index.id}.name`, "Another index has this name.");
    names.add(index.name);
  }
  for (const [kind, max] of [["local", LOCAL_MAX] as const, ["global", GLOBAL_MAX] as const]) {
    const extra = form.indexes.filter((index) => index.kind === kind)[max];
    if (extra) problems.set(`index.${extra.id}.name`, `A table has ${max} ${kind} indexes at most.`);
  }
}

/** What is wrong with one index of a table with these keys. */
export function checkIndex(
  index: IndexForm,
  table: { partition: KeyForm; sort: KeyForm; indexes?: IndexForm[] },
): Problems {
  const problems = new Map<string, string>();
  const field = (name: string) => `index.${index.id}.${name}`;
  note(problems, field("name"), nameProblem(index.name));
  if (index.kind === "local" && table.sort.name === "") {
    problems.set(field("name"), "Only a table with a sort key can have local indexes.");
  }
  if (index.kind === "global") note(problems, field("partition"), keyProblem(index.partition, "a partition key"));
  if (index.kind === "local" || index.sort.name !== "") {
    note(problems, field("sort"), keyProblem(index.sort, "a sort key"));
  }
  const partition = index.kind === "global" ? index.partition.name : table.partition.name;
  if (index.sort.name !== "" && index.sort.name === partition) {
    problems.set(field("sort"), "The sort key is another attribute than the partition key.");
  }
  for (const [name, key] of [["partition", index.partition] as const, ["sort", index.sort] as const]) {
    const type = typesOf(table).get(key.name);
    if (key.name !== "" && type !== undefined && type !== key.type) {
      problems.set(field(name), `${key.name} has another type as a key elsewhere.`);
    }
  }
  if (index.projection === "INCLUDE" && included(index).length === 0) {
    problems.set(field("include"), "Name the attributes that the index has besides its keys.");
  }
  return problems;
}

/** The type that each key attribute has where it is named first. */
function typesOf(table: { partition: KeyForm; sort: KeyForm; indexes?: IndexForm[] }): Map<string, KeyType> {
  const types = new Map<string, KeyType>();
  for (const key of keysOf(table)) if (!types.has(key.name)) types.set(key.name, key.type);
  return types;
}

function keysOf(table: { partition: KeyForm; sort: KeyForm; indexes?: IndexForm[] }): KeyForm[] {
  const ofIndex = (index: IndexForm) => (index.kind === "global" ? [index.partition, index.sort] : [index.sort]);
  const all = [table.partition, table.sort, ...(table.indexes ?? []).flatMap(ofIndex)];
  return all.filter((key) => key.name !== "");
}

/** What is wrong with tags, by `tag.ID`. */
export function checkTags(tags: readonly TagForm[], problems: Map<string, string>): void {
  const keys = new Set<string>();
  for (const tag of tags) {
    const field = `tag.${tag.id}`;
    if (tag.key === "") problems.set(field, "A tag has a key.");
    else if (keys.has(tag.key)) problems.set(field, "Another tag has this key.");
    else if (tag.key.startsWith("aws:")) problems.set(field, "Keys that begin with aws: are taken.");
    else if (tag.key.length > TAG_KEY_MAX) problems.set(field, `A key has ${TAG_KEY_MAX} characters at most.`);
    else if (tag.value.length > TAG_VALUE_MAX) problems.set(field, `A value has ${TAG_VALUE_MAX} characters at most.`);
    keys.add(tag.key);
  }
}

function note(problems: Map<string, string>, field: string, problem: string | undefined): void {
  if (problem !== undefined) problems.set(field, problem);
}

function nameProblem(name: string): string | undefined {
  if (name === "") return "A name is needed.";
  if (!NAME_PATTERN.test(name)) return "Names have letters, digits, and _ . - in them.";
  if (name.length < NAME_MIN || name.length > NAME_MAX) return `Names have ${NAME_MIN} to ${NAME_MAX} characters.`;
  return undefined;
}

function keyProblem(key: KeyForm, what: string): string | undefined {
  if (key.name === "") return `Name the attribute that is ${what}.`;
  if (key.name.length > KEY_NAME_MAX) return `Names have ${KEY_NAME_MAX} characters at most.`;
  return undefined;
}

function unitsProblem(units: string): string | undefined {
  const value = Number(units);
  return /^\d+$/.test(units) && value >= 1 && Number.isSafeInteger(value) ? undefined : "A whole number from 1 on.";
}

function included(index: IndexForm): string[] {
  const names = index.include.split(",").map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ""))];
}

/** The request of a form without problems. */
export function createTableInput(form: TableForm): CreateTableInput {
  const globals = form.indexes.filter((index) => index.kind === "global");
  const locals = form.indexes.filter((index) => index.kind === "local");
  const input: CreateTableInput = {
    TableName: form.name,
    AttributeDefinitions: definitions(keysOf(form)),
    KeySchema: schema(form.partition, form.sort),
    BillingMode: form.billing,
  };
  const throughput = throughputOf(form);
  if (throughput) input.ProvisionedThroughput = throughput;
  if (globals.length > 0) input.GlobalSecondaryIndexes = globals.map((index) => globalIndex(index, throughput));
  if (locals.length > 0) {
    input.LocalSecondaryIndexes = locals.map((index) => ({
      IndexName: index.name,
      KeySchema: schema(form.partition, index.sort),
      Projection: projection(index),
    }));
  }
  if (form.stream !== "NONE") input.StreamSpecification = { StreamEnabled: true, StreamViewType: form.stream };
  if (form.protection) input.DeletionProtectionEnabled = true;
  if (form.tags.length > 0) input.Tags = form.tags.map(({ key, value }) => ({ Key: key, Value: value }));
  return input;
}

/** A global index as a request names it. */
export function globalIndex(index: IndexForm, throughput: ProvisionedThroughput | undefined): GlobalSecondaryIndex {
  return {
    IndexName: index.name,
    KeySchema: schema(index.partition, index.sort),
    Projection: projection(index),
    ...(throughput ? { ProvisionedThroughput: throughput } : {}),
  };
}

/** The definitions of key attributes, each once. */
export function definitions(keys: readonly KeyForm[]): AttributeDefinition[] {
  const types = new Map(keys.filter((key) => key.name !== "").map((key) => [key.name, key.type]));
  return [...types].map(([name, type]) => ({ AttributeName: name, AttributeType: type }));
}

function throughputOf(form: TableForm): ProvisionedThroughput | undefined {
  if (form.billing === "PAY_PER_REQUEST") return undefined;
  return { ReadCapacityUnits: Number(form.readUnits), WriteCapacityUnits: Number(form.writeUnits) };
}

function schema(partition: KeyForm, sort: KeyForm): KeySchemaElement[] {
  const keys: KeySchemaElement[] = [{ AttributeName: partition.name, KeyType: "HASH" }];
  if (sort.name !== "") keys.push({ AttributeName: sort.name, KeyType: "RANGE" });
  return keys;
}

function projection(index: IndexForm): Projection {
  if (index.projection !== "INCLUDE") return { ProjectionType: index.projection };
  return { ProjectionType: "INCLUDE", NonKeyAttributes: included(index) };
}
