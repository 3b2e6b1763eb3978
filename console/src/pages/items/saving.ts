// Reads and writes of one item, with conflicts told apart from errors.

import { dynamodb } from "../../api/dynamodb.ts";
import { type ApiError, isError } from "../../api/error.ts";
import { createRequest, deleteRequest, keyOf, saveRequest } from "../../model/save.ts";
import { equalItems, type Item } from "../../model/value.ts";

/** What became of a save. */
export type Outcome =
  | { kind: "saved"; item: Item }
  | { kind: "nothing" }
  /** Another version is there than was read; `undefined`: none is any more. */
  | { kind: "conflict"; theirs: Item | undefined };

/** The item of a key as it is now. */
export async function readItem(TableName: string, Key: Item, signal?: AbortSignal): Promise<Item | undefined> {
  const { Item } = await dynamodb("GetItem", { TableName, Key, ConsistentRead: true }, signal);
  return Item;
}

/** Saves `after`. `before` is what was read; without it the item is new. */
export async function saveItem(
  table: string,
  keyNames: readonly string[],
  before: Item | undefined,
  after: Item,
): Promise<Outcome> {
  const save = before ? saveRequest(table, keyNames, before, after) : createRequest(table, keyNames, after);
  if (save.kind === "nothing") return save;
  if (before && save.kind !== "put" && save.unchecked) {
    const now = await readItem(table, keyOf(before, keyNames));
    if (!now || !equalItems(now, before)) return { kind: "conflict", theirs: now };
  }
  try {
    if (save.kind === "update") {
      const { Attributes } = await dynamodb("UpdateItem", save.input);
      return { kind: "saved", item: Attributes ?? after };
    }
    if (save.kind === "put") await dynamodb("PutItem", save.input);
    else await dynamodb("TransactWriteItems", save.input);
    return { kind: "saved", item: after };
  } catch (error) {
    if (isError(error, "ConditionalCheckFailedException")) {
      const theirs = (error.details.Item as Item | undefined) ?? (await readItem(table, keyOf(after, keyNames)));
      return { kind: "conflict", theirs };
    }
    if (isError(error, "TransactionCanceledException")) return movedAway(error);
    throw error;
  }
}

/** A move was cancelled: because of the item that was read, or of one that has the new key already. */
function movedAway(error: ApiError): Outcome {
  const reasons = error.details.CancellationReasons as { Code?: string; Item?: Item }[] | undefined;
  if (reasons?.[0]?.Code === "ConditionalCheckFailed") return { kind: "conflict", theirs: reasons[0].Item };
  if (reasons?.[1]?.Code === "ConditionalCheckFailed") {
    throw new Error("There is an item with the new key already. Nothing was changed.");
  }
  throw error;
}

/** Deletes an item, if it still is what was read; with `anyway`, whatever it is. */
export async function deleteItem(
  table: string,
  keyNames: readonly string[],
  before: Item,
  anyway: boolean,
): Promise<"deleted" | "conflict"> {
  try {
    const guarded = deleteRequest(table, keyNames, before);
    await dynamodb("DeleteItem", anyway ? { TableName: table, Key: guarded.Key } : guarded);
    return "deleted";
  } catch (error) {
    if (isError(error, "ConditionalCheckFailedException")) return "conflict";
    throw error;
  }
}
