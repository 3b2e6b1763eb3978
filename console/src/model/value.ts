// Attribute values: what they are, whether they are equal, and in a few words.

import type { AttributeValue } from "../api/wire.ts";

/** An item. Copied and made by `Object.fromEntries`, since an attribute may be named `__proto__`. */
export type Item = { [name: string]: AttributeValue };

/** The types, as the API abbreviates them. */
export type TypeName = "S" | "N" | "B" | "BOOL" | "NULL" | "SS" | "NS" | "BS" | "L" | "M";

/** In words. */
export const TYPE_WORDS: { readonly [name in TypeName]: string } = {
  S: "String",
  N: "Number",
  B: "Binary",
  BOOL: "Boolean",
  NULL: "Null",
  SS: "String set",
  NS: "Number set",
  BS: "Binary set",
  L: "List",
  M: "Map",
};

/** The type of a value. */
export function typeOf(value: AttributeValue): TypeName {
  return (Object.keys(value)[0] ?? "NULL") as TypeName;
}

/** The attribute of an item, also if its name is one of JavaScript's own. */
export function attribute(item: Item, name: string): AttributeValue | undefined {
  return Object.hasOwn(item, name) ? item[name] : undefined;
}

/** The same item with these attributes first, as people look for keys first. */
export function withFirst(item: Item, names: readonly string[]): Item {
  const first = names.flatMap((name) => {
    const value = attribute(item, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries([...first, ...Object.entries(item).filter(([name]) => !names.includes(name))]);
}

/** Whether two values are the same to DynamoDB: sets have no order, maps neither. */
export function equal(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if ("S" in a) return "S" in b && a.S === b.S;
  if ("N" in a) return "N" in b && a.N === b.N;
  if ("B" in a) return "B" in b && a.B === b.B;
  if ("BOOL" in a) return "BOOL" in b && a.BOOL === b.BOOL;
  if ("NULL" in a) return "NULL" in b;
  if ("SS" in a) return "SS" in b && sameSet(a.SS, b.SS);
  if ("NS" in a) return "NS" in b && sameSet(a.NS, b.NS);
  if ("BS" in a) return "BS" in b && sameSet(a.BS, b.BS);
  if ("L" in a) return "L" in b && a.L.length === b.L.length && a.L.every((one, index) => equal(one, b.L[index]));
  return "M" in b && equalItems(a.M, b.M);
}

/** Whether two items have the same attributes with the same values. */
export function equalItems(a: Item, b: Item): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => equal(attribute(a, name), attribute(b, name)));
}

function sameSet(a: string[], b: string[]): boolean {
  const set = new Set(a);
  return set.size === b.length && b.every((one) => set.has(one));
}

/**
 * A value in one line of at most about `max` characters: strings bare, the rest as JSON. For cells; the editor shows it whole.
 */
export function summary(value: AttributeValue, max = 200): string {
  const text = "S" in value ? value.S.slice(0, max) : brief(value, max);
  return text.length >= max ? `${text.slice(0, max - 1)}\u2026` : text;
}

function brief(value: AttributeValue, max: number): string {
  if ("S" in value) return JSON.stringify(value.S.slice(0, max));
  if ("N" in value) return value.N;
  if ("B" in value) return `${value.B.slice(0, max)}`;
  if ("BOOL" in value) return String(value.BOOL);
  if ("NULL" in value) return "null";
  if ("SS" in value) return listed("{", value.SS, (one) => JSON.stringify(one.slice(0, max)), "}", max);
  if ("NS" in value) return listed("{", value.NS, (one) => one, "}", max);
  if ("BS" in value) return listed("{", value.BS, (one) => one.slice(0, max), "}", max);
  if ("L" in value) return listed("[", value.L, (one) => brief(one, max), "]", max);
  const member = ([name, one]: [string, AttributeValue]) => `${JSON.stringify(name)}: ${brief(one, max)}`;
  return listed("{", Object.entries(value.M), member, "}", max);
}

/** Stops as soon as there is enough: a list may have thousands. */
function listed<T>(open: string, values: readonly T[], show: (value: T) => string, close: string, max: number): string {
  let text = open;
  for (const [index, value] of values.entries()) {
    if (text.length > max) return text;
    text += (index > 0 ? ", " : "") + show(value);
  }
  return text + close;
}

const encoder = new TextEncoder();

/** Bytes that DynamoDB counts for an item, as its documentation says; near enough to warn by. */
export function itemSize(item: Item): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + textSize(name) + valueSize(value), 0);
}

/** The greatest size of an item. */
export const ITEM_SIZE_MAX = 400 * 1024;

function textSize(text: string): number {
  return encoder.encode(text).length;
}

function valueSize(value: AttributeValue): number {
  if ("S" in value) return textSize(value.S);
  if ("N" in value) return numberSize(value.N);
  if ("B" in value) return binarySize(value.B);
  if ("BOOL" in value || "NULL" in value) return 1;
  if ("SS" in value) return sum(value.SS, textSize);
  if ("NS" in value) return sum(value.NS, numberSize);
  if ("BS" in value) return sum(value.BS, binarySize);
  if ("L" in value) return 3 + sum(value.L, (one) => 1 + valueSize(one));
  return 3 + sum(Object.entries(value.M), ([name, one]) => 1 + textSize(name) + valueSize(one));
}

function sum<T>(values: readonly T[], size: (value: T) => number): number {
  return values.reduce((total, value) => total + size(value), 0);
}

function numberSize(text: string): number {
  const digits = text
    .replace(/[eE].*$/, "")
    .replace(/\D/g, "")
    .replace(/^0+|0+$/g, "");
  return Math.ceil(digits.length / 2) + (text.startsWith("-") ? 2 : 1);
}

/** Bytes of a base64 text. */
export function binarySize(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return Math.max(0, (base64.length / 4) * 3 - padding);
}
