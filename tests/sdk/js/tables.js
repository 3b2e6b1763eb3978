// Making tables for tests, and reading their streams.

import { randomUUID } from "node:crypto";

import { CreateTableCommand, DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from "@aws-sdk/client-dynamodb-streams";

export const BOTH = "NEW_AND_OLD_IMAGES";

export function tableName() {
  return `t-${randomUUID().slice(0, 13)}`;
}

/** What CreateTable takes for a table with a string key and, if asked for, a numeric sort key. */
export function schema(sorted = false) {
  const names = sorted ? ["pk", "sk"] : ["pk"];
  return {
    KeySchema: names.map((AttributeName, at) => ({
      AttributeName,
      KeyType: ["HASH", "RANGE"][at],
    })),
    AttributeDefinitions: names.map((AttributeName, at) => ({
      AttributeName,
      AttributeType: ["S", "N"][at],
    })),
  };
}

/** Creates a table, waits until it is active, and returns its description. */
export async function create(server, { sorted = false, view, ...more } = {}) {
  const TableName = tableName();
  if (!more.ProvisionedThroughput) more.BillingMode = "PAY_PER_REQUEST";
  if (view) more.StreamSpecification = { StreamEnabled: true, StreamViewType: view };
  await server.dynamodb.send(new CreateTableCommand({ TableName, ...schema(sorted), ...more }));
  return active(server, TableName);
}

export async function active(server, TableName) {
  return server.until(async () => {
    const { Table } = await server.dynamodb.send(new DescribeTableCommand({ TableName }));
    return Table.TableStatus === "ACTIVE" && Table;
  }, `${TableName} to be active`);
}

/** A table whose stream has one shard: its name, and the stream's ARN. */
export async function streamed(server, view = BOTH) {
  const ProvisionedThroughput = { ReadCapacityUnits: 5, WriteCapacityUnits: 5 };
  const table = await create(server, { view, ProvisionedThroughput });
  return { table: table.TableName, arn: table.LatestStreamArn };
}

export async function describeStream(server, StreamArn, more = {}) {
  const answer = await server.streams.send(new DescribeStreamCommand({ StreamArn, ...more }));
  return answer.StreamDescription;
}

export async function iterator(server, StreamArn, ShardId, kind = "TRIM_HORIZON", more = {}) {
  const answer = await server.streams.send(
    new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: kind, ...more }),
  );
  return answer.ShardIterator;
}

export async function page(server, ShardIterator, more = {}) {
  return server.streams.send(new GetRecordsCommand({ ShardIterator, ...more }));
}

/** Every record of the stream, shard by shard. */
export async function drain(server, arn) {
  const found = [];
  for (const { ShardId } of (await describeStream(server, arn)).Shards) {
    let next = await iterator(server, arn, ShardId);
    while (next) {
      const answer = await page(server, next);
      found.push(...answer.Records);
      next = answer.Records.length > 0 ? answer.NextShardIterator : undefined;
    }
  }
  return found;
}
