// Two changes of one item that do not touch each other, put together.

import { attribute, equal, type Item } from "./value.ts";

/** Names of attributes that are different in the two. */
export function changedNames(before: Item, after: Item): string[] {
  const all = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...all].filter((name) => !equal(attribute(before, name), attribute(after, name)));
}

/**
 * What `mine` changed of `base`, on top of `theirs`. `undefined` if both changed one attribute, unless to the same value.
 */
export function merge(base: Item, mine: Item, theirs: Item): Item | undefined {
  const changed = changedNames(base, mine);
  const clash = changedNames(base, theirs).some(
    (name) => changed.includes(name) && !equal(attribute(mine, name), attribute(theirs, name)),
  );
  if (clash) return undefined;
  const kept = Object.entries(theirs).filter(([name]) => !changed.includes(name));
  const set = changed.flatMap((name) => {
    const value = attribute(mine, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries([...kept, ...set]);
}
