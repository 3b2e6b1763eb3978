// What is different between two versions of an item.

import type { AttributeValue } from "../api/wire.ts";
import { attribute, equal, type Item } from "./value.ts";

/** One place where the versions are compared. */
export interface Change {
  /** Such as `address.city` or `lines[2].sku`; names that are no plain words are quoted. */
  path: string;
  kind: "added" | "removed" | "changed" | "same";
  before?: AttributeValue;
  after?: AttributeValue;
}

/** Deeper maps and lists are compared as wholes, so that their paths can be read. */
const DEPTH_MAX = 4;

/**
 * Changes by path. Maps are followed inside, lists too if they have the same length; attributes that are the same stand as one
 * each. A version that is not there (before an insert, after a removal) has no attributes.
 */
export function diffItems(before: Item | undefined, after: Item | undefined): Change[] {
  const changes: Change[] = [];
  compareMaps(before ?? {}, after ?? {}, "", 1, changes);
  return changes;
}

function compareMaps(before: Item, after: Item, path: string, depth: number, changes: Change[]): void {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  for (const name of names) {
    const inner = path === "" ? pathName(name) : `${path}.${pathName(name)}`;
    compare(attribute(before, name), attribute(after, name), inner, depth, changes);
  }
}

function compare(
  before: AttributeValue | undefined,
  after: AttributeValue | undefined,
  path: string,
  depth: number,
  changes: Change[],
): void {
  if (before === undefined || after === undefined) {
    if (before !== undefined) changes.push({ path, kind: "removed", before });
    if (after !== undefined) changes.push({ path, kind: "added", after });
    return;
  }
  if (equal(before, after)) {
    changes.push({ path, kind: "same", before, after });
  } else if (depth < DEPTH_MAX && "M" in before && "M" in after) {
    compareMaps(before.M, after.M, path, depth + 1, changes);
  } else if (depth < DEPTH_MAX && "L" in before && "L" in after && before.L.length === after.L.length) {
    for (const [index, one] of before.L.entries()) {
      compare(one, after.L[index], `${path}[${index}]`, depth + 1, changes);
    }
  } else {
    changes.push({ path, kind: "changed", before, after });
  }
}

function pathName(name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) ? name : JSON.stringify(name);
}
