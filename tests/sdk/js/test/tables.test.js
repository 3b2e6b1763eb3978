// Tables, items and errors through the low-level client.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  GetItemCommand,
  ListTablesCommand,
  paginateListTables,
  PutItemCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateItemCommand,
  UpdateTableCommand,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from "@aws-sdk/client-dynamodb";

import { Server } from "../launcher.js";
import { active, create, schema, tableName } from "../tables.js";

let server;
before(async () => {
  server = await Server.start();
});
after(() => server.stop());

const send = (command) => server.dynamodb.send(command);
const waiting = () => ({ client: server.dynamodb, maxWaitTime: 20, minDelay: 1, maxDelay: 1 });

describe("tables", () => {
  test("are created, and waiters see them", async () => {
    const TableName = tableName();
    const { TableDescription } = await send(
      new CreateTableCommand({ TableName, BillingMode: "PAY_PER_REQUEST", ...schema(true) }),
    );
    assert.equal(TableDescription.TableStatus, "CREATING");
    assert.ok(TableDescription.CreationDateTime instanceof Date);
    await waitUntilTableExists(waiting(), { TableName });
    await send(new DeleteTableCommand({ TableName }));
    await waitUntilTableNotExists(waiting(), { TableName });
  });

  test("are listed in pages", async () => {
    const names = [];
    for (let at = 0; at < 3; at++) names.push((await create(server)).TableName);
    const found = [];
    for await (const page of paginateListTables({ client: server.dynamodb, pageSize: 1 }, {})) {
      found.push(...page.TableNames);
    }
    for (const name of names) assert.ok(found.includes(name));
    assert.deepEqual(found, [...found].sort());
  });

  test("change their billing mode", async () => {
    const { TableName } = await create(server);
    await send(
      new UpdateTableCommand({
        TableName,
        BillingMode: "PROVISIONED",
        ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 2 },
      }),
    );
    const table = await active(server, TableName);
    assert.equal(table.ProvisionedThroughput.WriteCapacityUnits, 2);
  });

  test("that are missing or there already", async () => {
    await assert.rejects(send(new DescribeTableCommand({ TableName: "missing" })), (error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.message, "Requested resource not found: Table: missing not found");
      assert.equal(error.$metadata.httpStatusCode, 400);
      return true;
    });
    const { TableName } = await create(server);
    await assert.rejects(
      send(new CreateTableCommand({ TableName, BillingMode: "PAY_PER_REQUEST", ...schema() })),
      (error) => {
        assert.ok(error instanceof ResourceInUseException);
        assert.equal(error.message, `Table already exists: ${TableName}`);
        return true;
      },
    );
  });

  test("refuse bad limits", async () => {
    await assert.rejects(send(new ListTablesCommand({ Limit: 0 })), {
      name: "ValidationException",
      message:
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: " +
        "Member must have value greater than or equal to 1",
    });
  });
});

describe("items", () => {
  let TableName;
  before(async () => {
    ({ TableName } = await create(server));
  });

  test("of every type come back", async () => {
    const Item = {
      pk: { S: "every" },
      n: { N: "-12.5" },
      b: { B: new Uint8Array([0, 255]) },
      bool: { BOOL: false },
      nul: { NULL: true },
      l: { L: [{ N: "1" }, { S: "\u4e16" }] },
      m: { M: { deep: { M: { er: { L: [] } } } } },
    };
    await send(new PutItemCommand({ TableName, Item }));
    const Key = { pk: { S: "every" } };
    const answer = await send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
    assert.deepEqual(answer.Item, Item);
    const missing = await send(new GetItemCommand({ TableName, Key: { pk: { S: "no" } } }));
    assert.equal(missing.Item, undefined);
  });

  test("return what was asked for", async () => {
    const Key = { pk: { S: "returned" } };
    const update = new UpdateItemCommand({
      TableName,
      Key,
      UpdateExpression: "ADD c :one",
      ExpressionAttributeValues: { ":one": { N: "1" } },
      ReturnValues: "UPDATED_NEW",
      ReturnConsumedCapacity: "TOTAL",
    });
    await send(update);
    const answer = await send(update);
    assert.deepEqual(answer.Attributes, { c: { N: "2" } });
    assert.deepEqual(answer.ConsumedCapacity, { TableName, CapacityUnits: 1 });
    const removed = await send(
      new DeleteItemCommand({ TableName, Key, ReturnValues: "ALL_OLD" }),
    );
    assert.deepEqual(removed.Attributes, { ...Key, c: { N: "2" } });
  });

  test("come with a failed condition", async () => {
    const Item = { pk: { S: "held" }, v: { N: "1" } };
    await send(new PutItemCommand({ TableName, Item }));
    const put = new PutItemCommand({
      TableName,
      Item,
      ConditionExpression: "attribute_not_exists(pk)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    await assert.rejects(send(put), (error) => {
      assert.ok(error instanceof ConditionalCheckFailedException);
      assert.equal(error.message, "The conditional request failed");
      assert.deepEqual(error.Item, Item);
      return true;
    });
  });

  for (const [name, input, message] of [
    [
      "a missing key",
      { Item: { v: { N: "1" } } },
      "One or more parameter values were invalid: Missing the key pk in the item",
    ],
    [
      "a wrong key type",
      { Item: { pk: { N: "1" } } },
      "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
    ],
    [
      "a number of 39 digits",
      { Item: { pk: { S: "a" }, v: { N: "1".repeat(39) } } },
      "1 validation error detected: Attempting to store more than 38 significant digits in a Number",
    ],
    [
      "an empty set",
      { Item: { pk: { S: "a" }, v: { SS: [] } } },
      "1 validation error detected: One or more parameter values were invalid: An string set  may not be empty",
    ],
    [
      "a reserved word",
      { Item: { pk: { S: "a" } }, ConditionExpression: "attribute_exists(status)" },
      "1 validation error detected: Invalid ConditionExpression: Attribute name is a reserved keyword; " +
        "reserved keyword: status",
    ],
  ]) {
    test(`refuse ${name}`, async () => {
      await assert.rejects(send(new PutItemCommand({ TableName, ...input })), {
        name: "ValidationException",
        message,
      });
    });
  }

  test("outlive a restart", async () => {
    const Key = { pk: { S: "kept" } };
    await send(new PutItemCommand({ TableName, Item: { ...Key, v: { N: "1" } } }));
    await server.restart();
    const answer = await send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
    assert.deepEqual(answer.Item.v, { N: "1" });
  });
});
