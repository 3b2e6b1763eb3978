// What the server would refuse of an item, besides what is wrong with its text.

import type { TableDescription } from "../api/wire.ts";
import { keysOf } from "./search-form.ts";
import { attribute, ITEM_SIZE_MAX, type Item, itemSize, TYPE_WORDS, typeOf } from "./value.ts";

/** In words, each with the attribute that it is about. */
export interface Finding {
  attribute: string;
  message: string;
}

/** Keys that are missing, empty or of another type, for the table and its indexes; and the size. */
export function checkItem(item: Item, table: TableDescription): Finding[] {
  const findings: Finding[] = [];
  const { partition, sort } = keysOf(table);
  const keys = [partition, ...(sort ? [sort] : [])];
  for (const { name, type } of keys) {
    const value = attribute(item, name);
    if (!value) findings.push({ attribute: name, message: `The key ${name} is missing.` });
    else if (typeOf(value) !== type) findings.push({ attribute: name, message: wrongType(name, type) });
    else if (("S" in value && value.S === "") || ("B" in value && value.B === "")) {
      findings.push({ attribute: name, message: `The key ${name} can't be empty.` });
    }
  }
  for (const { AttributeName: name, AttributeType: type } of table.AttributeDefinitions ?? []) {
    if (keys.some((key) => key.name === name)) continue;
    const value = attribute(item, name);
    if (value && typeOf(value) !== type) findings.push({ attribute: name, message: wrongType(name, type) });
  }
  if (itemSize(item) > ITEM_SIZE_MAX) findings.push({ attribute: "", message: "Items have 400 KB at most." });
  return findings;
}

function wrongType(name: string, type: "S" | "N" | "B"): string {
  const example = { S: '"text"', N: "1", B: '{"$b": "AQ=="} in plain JSON' }[type];
  return `${name} is a key of type ${TYPE_WORDS[type]}, such as ${example}.`;
}
