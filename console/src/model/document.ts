// Items as text and back: DynamoDB's own JSON, and plain JSON.
//
// Plain JSON has no sets and no binary values. They are written as objects with one member that begins with `$`:
// `{"$ss": ["a"]}`, `{"$ns": [1]}`, `{"$bs": ["AA=="]}`, `{"$b": "AA=="}`. A map that looks like one of these is written
// as `{"$m": {...}}`, and a number that JSON can't write as `{"$n": "..."}`. So nothing is lost on the way there and back.

import type { AttributeValue } from "../api/wire.ts";
import { type Json, Problem, parseJson } from "./json.ts";
import type { Item } from "./value.ts";

/** How an item is written. */
export type Form = "plain" | "dynamodb";

/** An item as text, indented by two. */
export function printItem(item: Item, form: Form): string {
  return print(form === "plain" ? plainMap(item) : dynamoMap(item), "");
}

/** One value as text, indented by two. */
export function printValue(value: AttributeValue, form: Form): string {
  return print(form === "plain" ? plain(value) : dynamo(value), "");
}

/** Reads an item. Throws a `Problem` that says what is wrong, and where. */
export function parseItem(text: string, form: Form): Item {
  const json = parseJson(text);
  if (json.kind !== "object") throw at(json, "An item is an object: { ... }.");
  return members(json, form === "plain" ? readPlain : readDynamo, 1);
}

/** Reads one value. Throws a `Problem`. */
export function parseValue(text: string, form: Form): AttributeValue {
  return (form === "plain" ? readPlain : readDynamo)(parseJson(text), 1);
}

// A tree to print: texts that are ready, lists, and named members.
type Printed = string | { list: Printed[] } | { members: [string, Printed][] };

/** Lists of short values stand on one line, as far as this. */
const LINE_MAX = 80;

function print(value: Printed, indent: string): string {
  if (typeof value === "string") return value;
  const inner = `${indent}  `;
  const isList = "list" in value;
  const parts = isList
    ? value.list.map((one) => print(one, inner))
    : value.members.map(([name, one]) => `${JSON.stringify(name)}: ${print(one, inner)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (parts.length === 0) return open + close;
  const flat = isList ? value.list.every((one) => typeof one === "string") : parts.length === 1;
  const short = parts.reduce((sum, part) => sum + part.length + 2, 0) <= LINE_MAX;
  // An item's own members stand below each other in any case.
  if (flat && short && indent !== "" && !parts.some((part) => part.includes("\n"))) {
    return isList ? `[${parts.join(", ")}]` : `{ ${parts.join(", ")} }`;
  }
  return `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
}

function dynamoMap(item: Item): Printed {
  return { members: Object.entries(item).map(([name, value]) => [name, dynamo(value)]) };
}

function dynamo(value: AttributeValue): Printed {
  if ("L" in value) return one("L", { list: value.L.map(dynamo) });
  if ("M" in value) return one("M", dynamoMap(value.M));
  const [type, content] = Object.entries(value)[0] as [string, string | boolean | string[]];
  return one(type, Array.isArray(content) ? texts(content) : JSON.stringify(content));
}

function one(name: string, value: Printed): Printed {
  return { members: [[name, value]] };
}

function texts(values: string[]): Printed {
  return { list: values.map((value) => JSON.stringify(value)) };
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function plainMap(item: Item): Printed {
  return { members: Object.entries(item).map(([name, value]) => [name, plain(value)]) };
}

function plain(value: AttributeValue): Printed {
  if ("S" in value) return JSON.stringify(value.S);
  if ("N" in value) return JSON_NUMBER.test(value.N) ? value.N : one("$n", JSON.stringify(value.N));
  if ("BOOL" in value) return String(value.BOOL);
  if ("NULL" in value) return "null";
  if ("B" in value) return one("$b", JSON.stringify(value.B));
  if ("SS" in value) return one("$ss", texts(value.SS));
  if ("NS" in value) return one("$ns", { list: value.NS.map((text) => plain({ N: text })) });
  if ("BS" in value) return one("$bs", texts(value.BS));
  if ("L" in value) return { list: value.L.map(plain) };
  const names = Object.keys(value.M);
  const looksSpecial = names.length === 1 && names[0] !== undefined && Object.hasOwn(SPECIAL, names[0]);
  return looksSpecial ? one("$m", plainMap(value.M)) : plainMap(value.M);
}

type Read = (json: Json, depth: number) => AttributeValue;

/** As deep as DynamoDB lets values be nested. */
const DEPTH_MAX = 32;

function at(json: Json, message: string): Problem {
  return new Problem(message, json.at, json.end);
}

function members(json: Json & { kind: "object" }, read: Read, depth: number): Item {
  return Object.fromEntries(json.members.map((member) => [member.name, read(member.value, depth)]));
}

function checkDepth(json: Json, depth: number): void {
  if (depth > DEPTH_MAX) throw at(json, `Values can be nested ${DEPTH_MAX} deep at most.`);
}

/** The special objects of plain JSON, by their one member. */
const SPECIAL: { [name: string]: Read } = {
  $b: (json) => ({ B: binary(json) }),
  $n: (json) => ({ N: numberText(json) }),
  $ss: (json) => ({ SS: set(json, text) }),
  $ns: (json) => ({ NS: set(json, numberText) }),
  $bs: (json) => ({ BS: set(json, binary) }),
  $m: (json, depth) => {
    if (json.kind !== "object") throw at(json, '"$m" holds an object.');
    return { M: members(json, readPlain, depth + 1) };
  },
};

function readPlain(json: Json, depth: number): AttributeValue {
  checkDepth(json, depth);
  switch (json.kind) {
    case "null":
      return { NULL: true };
    case "bool":
      return { BOOL: json.value };
    case "number":
      return { N: numberText(json) };
    case "string":
      return { S: json.value };
    case "array":
      return { L: json.items.map((item) => readPlain(item, depth + 1)) };
    case "object": {
      const only = json.members.length === 1 ? json.members[0] : undefined;
      if (only && Object.hasOwn(SPECIAL, only.name)) return (SPECIAL[only.name] as Read)(only.value, depth);
      return { M: members(json, readPlain, depth + 1) };
    }
  }
}

function readDynamo(json: Json, depth: number): AttributeValue {
  checkDepth(json, depth);
  const only = json.kind === "object" && json.members.length === 1 ? json.members[0] : undefined;
  if (!only) throw at(json, 'A value is an object with its type, such as {"S": "text"} or {"N": "1"}.');
  const value = only.value;
  switch (only.name) {
    case "S":
      return { S: text(value) };
    case "N":
      return { N: numberText(value, true) };
    case "B":
      return { B: binary(value) };
    case "BOOL":
      if (value.kind !== "bool") throw at(value, '"BOOL" is true or false.');
      return { BOOL: value.value };
    case "NULL":
      if (value.kind !== "bool" || !value.value) throw at(value, '"NULL" is true.');
      return { NULL: true };
    case "SS":
      return { SS: set(value, text) };
    case "NS":
      return { NS: set(value, (json) => numberText(json, true)) };
    case "BS":
      return { BS: set(value, binary) };
    case "L":
      if (value.kind !== "array") throw at(value, '"L" holds a list: [ ... ].');
      return { L: value.items.map((item) => readDynamo(item, depth + 1)) };
    case "M":
      if (value.kind !== "object") throw at(value, '"M" holds an object: { ... }.');
      return { M: members(value, readDynamo, depth + 1) };
    default:
      throw new Problem("The types are S, N, B, BOOL, NULL, SS, NS, BS, L and M.", only.at, only.end);
  }
}

function text(json: Json): string {
  if (json.kind !== "string") throw at(json, "A text in double quotes is expected here.");
  return json.value;
}

/** Numbers may stand bare in plain JSON; DynamoDB's JSON has them in quotes. */
function numberText(json: Json, quoted = false): string {
  if (quoted && json.kind !== "string") throw at(json, 'Numbers are in quotes here: {"N": "1"}.');
  if (json.kind !== "string" && json.kind !== "number") throw at(json, "A number is expected here.");
  const given = json.kind === "string" ? json.value : json.text;
  const wrong = numberProblem(given);
  if (wrong !== undefined) throw at(json, wrong);
  return given;
}

const DIGITS_MAX = 38;
const GREATEST_EXPONENT = 125;
const SMALLEST_EXPONENT = -130;

/** What keeps a text from being a number of DynamoDB; `undefined` if nothing does. */
export function numberProblem(given: string): string | undefined {
  const found = given.match(/^[+-]?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/);
  const whole = found?.[1] ?? "";
  const fraction = found?.[2] ?? "";
  if (!found || whole + fraction === "") return "This is no number.";
  const digits = whole + fraction;
  const significant = digits.replace(/^0+/, "").replace(/0+$/, "");
  if (significant === "") return undefined;
  if (significant.length > DIGITS_MAX) return `Numbers have ${DIGITS_MAX} significant digits at most.`;
  const leadingZeros = digits.length - digits.replace(/^0+/, "").length;
  const exponent = whole.length - leadingZeros - 1 + Number(found[3] ?? "0");
  if (exponent > GREATEST_EXPONENT) return "Numbers are at most 9.99...E+125.";
  if (exponent < SMALLEST_EXPONENT) return "Numbers are 0 or at least 1E-130 from it.";
  return undefined;
}

/** Whether this is base64 as it has to be, with its padding. */
export function isBase64(given: string): boolean {
  return given.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(given);
}

function binary(json: Json): string {
  const given = text(json);
  if (!isBase64(given)) throw at(json, "Binary values are written in base64, with = at the end where it needs it.");
  return given;
}

function set(json: Json, read: (json: Json) => string): string[] {
  if (json.kind !== "array") throw at(json, "A set is written as a list: [ ... ].");
  if (json.items.length === 0) throw at(json, "A set can't be empty.");
  const values = json.items.map((item) => read(item));
  for (const [index, value] of values.entries()) {
    const item = json.items[index];
    if (item && values.indexOf(value) < index) throw at(item, "A set has each value once.");
  }
  return values;
}
