// All tables with their descriptions.

import { dynamodb } from "../../api/dynamodb.ts";
import { ApiError, isError } from "../../api/error.ts";
import type { TableDescription } from "../../api/wire.ts";

/** A description that has a name, as all have. */
export type Table = TableDescription & { TableName: string };

/** Tables are described so many at a time, so that a long list does not take all connections. */
const AT_A_TIME = 8;

/** Names of all tables, over all pages. */
export async function tableNames(signal?: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  let from: string | undefined;
  do {
    const input = from === undefined ? {} : { ExclusiveStartTableName: from };
    const page = await dynamodb("ListTables", input, signal);
    names.push(...(page.TableNames ?? []));
    from = page.LastEvaluatedTableName;
  } while (from !== undefined);
  return names;
}

/** Descriptions of all tables; one that is deleted meanwhile is left out. */
export async function allTables(signal?: AbortSignal): Promise<Table[]> {
  const names = await tableNames(signal);
  const tables: (Table | undefined)[] = new Array(names.length);
  let next = 0;
  const worker = async () => {
    while (next < names.length) {
      const index = next;
      next += 1;
      tables[index] = await describe(names[index] ?? "", signal);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return tables.filter((table) => table !== undefined);
}

async function describe(name: string, signal?: AbortSignal): Promise<Table | undefined> {
  try {
    const { Table } = await dynamodb("DescribeTable", { TableName: name }, signal);
    return Table && { ...Table, TableName: name };
  } catch (error) {
    if (isError(error, "ResourceNotFoundException")) return undefined;
    throw error;
  }
}

/** A table that is made or changed is looked at so often, and at most so many times. */
const LOOK_EVERY_MS = 100;
const LOOKS_MAX = 600;

/** Waits until a table is ACTIVE. */
export async function untilActive(name: string): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const { Table } = await dynamodb("DescribeTable", { TableName: name });
    if (Table?.TableStatus === "ACTIVE") return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new ApiError("Timeout", `${name} is not active yet. What was asked for besides is not set.`, 0);
}
