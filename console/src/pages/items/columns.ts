// Which columns a result has, and how wide they are.

import type { Keys } from "../../model/search-form.ts";
import { attribute, type Item, summary, typeOf } from "../../model/value.ts";
import type { Cell, GridColumn } from "../../ui/grid.tsx";

/** So many columns are shown at first; others can be ticked. */
const SHOWN_MAX = 16;

/** Widths come from what the first items hold. */
const SAMPLE = 60;
const CHARACTER = 7.6;
const PADDING = 28;
const WIDTH_MIN = 88;
const WIDTH_MAX = 340;
/** Longer texts are cut for a cell. */
const CELL_MAX = 120;

/** All names: the keys first, then the most frequent. */
export function orderedNames(names: ReadonlyMap<string, number>, keys: readonly Keys[]): string[] {
  const first = keys.flatMap(({ partition, sort }) => [partition.name, ...(sort ? [sort.name] : [])]);
  const rest = [...names].filter(([name]) => !first.includes(name));
  rest.sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return [...new Set(first), ...rest.map(([name]) => name)];
}

/** The columns to show; `chosen` is what was ticked, if anything was. */
export function columnsOf(
  all: readonly string[],
  chosen: ReadonlySet<string> | undefined,
  items: readonly Item[],
  keys: Keys,
): GridColumn[] {
  const shown = chosen ? all.filter((name) => chosen.has(name)) : all.slice(0, SHOWN_MAX);
  return shown.map((name) => {
    const note = noteOf(name, keys);
    return { id: name, label: name, width: widthOf(name, note, items), note };
  });
}

function noteOf(name: string, keys: Keys): string | undefined {
  if (name === keys.partition.name) return "partition";
  return name === keys.sort?.name ? "sort" : undefined;
}

function widthOf(name: string, note: string | undefined, items: readonly Item[]): number {
  let longest = name.length + (note ? note.length + 2 : 0);
  for (const item of items.slice(0, SAMPLE)) {
    const value = attribute(item, name);
    if (value) longest = Math.max(longest, summary(value, CELL_MAX).length);
  }
  return Math.round(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, longest * CHARACTER + PADDING)));
}

/** What a cell shows. */
export function cellOf(item: Item | undefined, name: string, keyName: string): Cell {
  const value = item && attribute(item, name);
  if (!value) return { text: "" };
  const text = summary(value, CELL_MAX);
  if (name === keyName) return { text, kind: "key" };
  const type = typeOf(value);
  if (type === "N") return { text, kind: "number" };
  if (type === "BOOL" || type === "NULL") return { text, kind: "word" };
  return text === "" ? { text: '""', kind: "none" } : { text };
}
