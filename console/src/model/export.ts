// Results as files: CSV and JSON, in pieces, so that many items make no one giant text.

import type { AttributeValue } from "../api/wire.ts";
import { type Form, printItem, printValue } from "./document.ts";
import { attribute, type Item } from "./value.ts";

/** Items in one piece of a file. */
const PIECE = 1000;

/**
 * CSV as RFC 4180 says: strings and numbers bare, other values as JSON. A missing attribute is an empty cell, an empty string a
 * quoted one. Nothing is changed on the way, also texts that a spreadsheet would take for formulas.
 */
export function csv(items: readonly Item[], columns: readonly string[]): string[] {
  return [`${columns.map(cell).join(",")}\r\n`, ...pieces(items, (item) => `${row(item, columns)}\r\n`)];
}

function row(item: Item, columns: readonly string[]): string {
  return columns
    .map((name) => {
      const value = attribute(item, name);
      return value === undefined ? "" : cell(cellText(value));
    })
    .join(",");
}

function cellText(value: AttributeValue): string {
  if ("S" in value) return value.S;
  if ("N" in value) return value.N;
  return printValue(value, "plain").replace(/\n\s*/g, " ");
}

function cell(text: string): string {
  return text === "" || /[",\r\n]/.test(text) || text.trim() !== text ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A JSON list of items. */
export function jsonList(items: readonly Item[], form: Form): string[] {
  if (items.length === 0) return ["[]\n"];
  let first = true;
  const body = pieces(items, (item) => {
    const text = `${first ? "" : ",\n"}${printItem(item, form)}`;
    first = false;
    return text;
  });
  return ["[\n", ...body, "\n]\n"];
}

function pieces(items: readonly Item[], write: (item: Item) => string): string[] {
  const texts: string[] = [];
  for (let start = 0; start < items.length; start += PIECE) {
    texts.push(
      items
        .slice(start, start + PIECE)
        .map(write)
        .join(""),
    );
  }
  return texts;
}
