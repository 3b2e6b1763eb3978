// Saving an item without overwriting what somebody else wrote meanwhile.
//
// Only what was changed is written, under the condition that every attribute still is what was read, and that those which are
// new are not there. So an attribute that somebody added meanwhile is kept, and one that somebody changed is a conflict.

import type { DeleteItemInput, PutItemInput, TransactWriteItemsInput, UpdateItemInput } from "../api/wire.ts";
import { changedNames } from "./merge.ts";
import { attribute, equal, type Item } from "./value.ts";

/** The request that saves. */
export type Save =
  | { kind: "put"; input: PutItemInput }
  | { kind: "update"; input: UpdateItemInput; unchecked: boolean }
  | { kind: "move"; input: TransactWriteItemsInput; unchecked: boolean }
  | { kind: "nothing" };

/** An expression may have 300 operators; each comparison takes one, and an AND. */
const COMPARISONS_MAX = 140;

/** The key of an item. */
export function keyOf(item: Item, keyNames: readonly string[]): Item {
  return Object.fromEntries(
    keyNames.flatMap((name) => {
      const value = attribute(item, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Saves an item that was not there: it is a conflict if it is now. */
export function createRequest(TableName: string, keyNames: readonly string[], item: Item): Save {
  return { kind: "put", input: { TableName, Item: item, ...absent(keyNames) } };
}

function absent(keyNames: readonly string[]) {
  return {
    ConditionExpression: "attribute_not_exists(#k)",
    ExpressionAttributeNames: { "#k": keyNames[0] ?? "" },
  };
}

/**
 * Saves an item that was read as `before`. With another key it moves: the new one must not be there yet. `unchecked` tells that
 * it has more attributes than a condition can name: compare those with a fresh read first. Those that change are in it always.
 * Throws if so many change at once that they do not fit.
 */
export function saveRequest(TableName: string, keyNames: readonly string[], before: Item, after: Item): Save {
  const moved = keyNames.some((name) => !equal(attribute(before, name), attribute(after, name)));
  if (moved) return move(TableName, keyNames, before, after);
  const changed = changedNames(before, after);
  if (changed.length === 0) return { kind: "nothing" };
  if (changed.length > COMPARISONS_MAX) {
    throw new Error(`More than ${COMPARISONS_MAX} attributes change at once. Save them in steps.`);
  }
  const rest = Object.keys(before).filter((name) => !keyNames.includes(name) && !changed.includes(name));
  const guarded = [...changed, ...rest].slice(0, COMPARISONS_MAX);
  const text = new Expression();
  const condition = [exists(text, keyNames), ...guarded.map((name) => text.stillIs(name, before))].join(" AND ");
  const set = changed.filter((name) => attribute(after, name) !== undefined);
  const removed = changed.filter((name) => attribute(after, name) === undefined);
  const parts = [
    set.length > 0 ? `SET ${set.map((name) => `${text.name(name)} = ${text.value(name, after)}`).join(", ")}` : "",
    removed.length > 0 ? `REMOVE ${removed.map((name) => text.name(name)).join(", ")}` : "",
  ];
  const input: UpdateItemInput = {
    TableName,
    Key: keyOf(before, keyNames),
    UpdateExpression: parts.filter((part) => part !== "").join(" "),
    ConditionExpression: condition,
    ...text.members(),
    ReturnValues: "ALL_NEW",
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  };
  return { kind: "update", input, unchecked: guarded.length < changed.length + rest.length };
}

/** Deletes an item, if it still is what was read. */
export function deleteRequest(TableName: string, keyNames: readonly string[], before: Item): DeleteItemInput {
  return { TableName, Key: keyOf(before, keyNames), ...unchanged(keyNames, before).members };
}

function move(TableName: string, keyNames: readonly string[], before: Item, after: Item): Save {
  const { members, unchecked } = unchanged(keyNames, before);
  const input: TransactWriteItemsInput = {
    TransactItems: [
      { Delete: { TableName, Key: keyOf(before, keyNames), ...members } },
      { Put: { TableName, Item: after, ...absent(keyNames) } },
    ],
  };
  return { kind: "move", input, unchecked };
}

/** The condition that an item still is what was read. */
function unchanged(keyNames: readonly string[], before: Item) {
  const text = new Expression();
  const rest = Object.keys(before).filter((name) => !keyNames.includes(name));
  const guarded = rest.slice(0, COMPARISONS_MAX);
  const condition = [exists(text, keyNames), ...guarded.map((name) => text.stillIs(name, before))].join(" AND ");
  return {
    members: {
      ConditionExpression: condition,
      ...text.members(),
      ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
    },
    unchecked: guarded.length < rest.length,
  };
}

/** An item that was deleted meanwhile is a conflict too. */
function exists(text: Expression, keyNames: readonly string[]): string {
  return `attribute_exists(${text.name(keyNames[0] ?? "")})`;
}

/** Placeholders are short: an expression has 4 KB. */
class Expression {
  readonly #names = new Map<string, string>();
  readonly #values: [string, NonNullable<ReturnType<typeof attribute>>][] = [];

  name(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const placeholder = `#${this.#names.size.toString(36)}`;
    this.#names.set(name, placeholder);
    return placeholder;
  }

  value(name: string, item: Item): string {
    const value = attribute(item, name);
    if (value === undefined) throw new Error(`there is no ${name}`);
    const placeholder = `:${this.#values.length.toString(36)}`;
    this.#values.push([placeholder, value]);
    return placeholder;
  }

  stillIs(name: string, item: Item): string {
    if (attribute(item, name) === undefined) return `attribute_not_exists(${this.name(name)})`;
    return `${this.name(name)}=${this.value(name, item)}`;
  }

  members() {
    return {
      ExpressionAttributeNames: Object.fromEntries([...this.#names].map(([name, placeholder]) => [placeholder, name])),
      ...(this.#values.length > 0 ? { ExpressionAttributeValues: Object.fromEntries(this.#values) } : {}),
    };
  }
}
