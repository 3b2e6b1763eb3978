// A handler that uses the SDK, run in place from its folder: it reaches the tables without being told where they are.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { DeleteItemCommand, PutItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  GetEventSourceMappingCommand,
} from "@aws-sdk/client-lambda";

import { Server } from "../launcher.js";
import { create, streamed } from "../tables.js";

const FOLDER = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../functions/key-index");

let server;
before(async () => {
  server = await Server.start();
});
after(() => server.stop());

test("a handler keeps the keys of one table in another", async () => {
  const { table, arn } = await streamed(server);
  const index = await create(server);
  const FunctionName = `key-index-${randomUUID().slice(0, 8)}`;
  await server.functions.send(
    new CreateFunctionCommand({
      FunctionName,
      Role: "arn:aws:iam::000000000000:role/test",
      Runtime: "nodejs20.x",
      Handler: "index.handler",
      Timeout: 60,
      Code: { S3Bucket: "headwater-local-directory", S3Key: FOLDER },
      Environment: { Variables: { INDEX_TABLE: index.TableName } },
    }),
  );
  const { UUID } = await server.functions.send(
    new CreateEventSourceMappingCommand({
      EventSourceArn: arn,
      FunctionName,
      StartingPosition: "TRIM_HORIZON",
      BatchSize: 10,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    }),
  );
  const ids = Array.from({ length: 25 }, (_, at) => `item-${at}`);
  for (const id of ids) {
    const Item = { pk: { S: id }, v: { N: "1" } };
    await server.dynamodb.send(new PutItemCommand({ TableName: table, Item }));
  }
  for (const id of ids.splice(0, 5)) {
    const Key = { pk: { S: id } };
    await server.dynamodb.send(new DeleteItemCommand({ TableName: table, Key }));
  }
  const kept = async () => {
    const scan = new ScanCommand({ TableName: index.TableName, ConsistentRead: true });
    const { Items } = await server.dynamodb.send(scan);
    return Items.map((item) => item.pk.S).sort();
  };
  const wanted = ids.map((id) => `key#${id}`).sort();
  const isThere = async () => JSON.stringify(await kept()) === JSON.stringify(wanted);
  await server.until(isThere, "the index to be the table's keys");
  const mapping = await server.functions.send(new GetEventSourceMappingCommand({ UUID }));
  assert.equal(mapping.LastProcessingResult, "OK");
});
