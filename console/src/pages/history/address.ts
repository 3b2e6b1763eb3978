// The address of an item's history, for links from items and records.

import type { Item } from "../../model/value.ts";
import { href } from "../../shell/router.ts";

/** All versions of the item with that key; with a sequence number, at the change that it names. */
export function historyHref(table: string, key: Item, at?: string): string {
  const query: Record<string, string> = { key: JSON.stringify(key) };
  if (at !== undefined) query.at = at;
  return href("/tables/:table/:tab", { table, tab: "history" }, query);
}

/** The key in an address; `undefined` if there is none, or what is there is no key of the table. */
export function keyOfAddress(query: URLSearchParams, names: readonly string[]): Item | undefined {
  try {
    const key: unknown = JSON.parse(query.get("key") ?? "");
    if (typeof key !== "object" || key === null) return undefined;
    const given = Object.entries(key as Item).filter(([name]) => names.includes(name));
    const whole = given.length === names.length && given.every(([, value]) => isKeyValue(value));
    return whole ? Object.fromEntries(given) : undefined;
  } catch {
    return undefined;
  }
}

function isKeyValue(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const entries = Object.entries(value);
  return entries.length === 1 && ["S", "N", "B"].includes(entries[0]?.[0] ?? "") && typeof entries[0]?.[1] === "string";
}
