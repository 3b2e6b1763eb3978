// Batches and transactions through the document client.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";

import {
  IdempotentParameterMismatchException,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand,
  BatchWriteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  ScanCommand,
  TransactGetCommand,
  TransactWriteCommand,
} from "@aws-sdk/lib-dynamodb";

import { Server } from "../launcher.js";
import { create, drain } from "../tables.js";

let server;
let client;
let accounts;
let log;
let stream;

before(async () => {
  server = await Server.start();
  client = DynamoDBDocumentClient.from(server.dynamodb);
});
beforeEach(async () => {
  const table = await create(server, { view: "NEW_AND_OLD_IMAGES" });
  [accounts, stream] = [table.TableName, table.LatestStreamArn];
  log = (await create(server, { sorted: true })).TableName;
});
after(() => server.stop());

const put = (TableName, Item) => client.send(new PutCommand({ TableName, Item }));
const get = async (TableName, Key) =>
  (await client.send(new GetCommand({ TableName, Key, ConsistentRead: true }))).Item;
const count = async (TableName) =>
  (await client.send(new ScanCommand({ TableName, Select: "COUNT" }))).Count;
const batchWrite = (RequestItems, more = {}) =>
  client.send(new BatchWriteCommand({ RequestItems, ...more }));
const putRequest = (Item) => ({ PutRequest: { Item } });

describe("batches", () => {
  test("write and read over tables", async () => {
    const items = Array.from({ length: 20 }, (_, at) => ({
      pk: `k${at}`,
      v: at,
      tags: new Set(["a"]),
    }));
    const written = await batchWrite(
      { [accounts]: items.map(putRequest), [log]: [putRequest({ pk: "l", sk: 1 })] },
      { ReturnConsumedCapacity: "TOTAL" },
    );
    assert.deepEqual(written.UnprocessedItems, {});
    assert.deepEqual(
      new Map(written.ConsumedCapacity.map((one) => [one.TableName, one.CapacityUnits])),
      new Map([
        [accounts, 20],
        [log, 1],
      ]),
    );
    const read = await client.send(
      new BatchGetCommand({
        RequestItems: {
          [accounts]: {
            Keys: [...items, { pk: "missing" }].map(({ pk }) => ({ pk })),
            ConsistentRead: true,
          },
          [log]: { Keys: [{ pk: "l", sk: 1 }], ProjectionExpression: "sk" },
        },
      }),
    );
    const found = read.Responses[accounts].sort((a, b) => a.v - b.v);
    assert.deepEqual(found, items);
    assert.deepEqual(read.Responses[log], [{ sk: 1 }]);
    assert.deepEqual(read.UnprocessedKeys, {});
    await batchWrite({
      [accounts]: [{ DeleteRequest: { Key: { pk: "k0" } } }, putRequest({ pk: "k1", v: 100 })],
    });
    assert.equal(await get(accounts, { pk: "k0" }), undefined);
    assert.deepEqual(await get(accounts, { pk: "k1" }), { pk: "k1", v: 100 });
  });

  test("are refused whole", async () => {
    const twice = [putRequest({ pk: "a" }), { DeleteRequest: { Key: { pk: "a" } } }];
    await assert.rejects(batchWrite({ [accounts]: twice }), {
      name: "ValidationException",
      message: "Provided list of item keys contains duplicates",
    });
    const many = Array.from({ length: 26 }, (_, at) => putRequest({ pk: `k${at}` }));
    await assert.rejects(batchWrite({ [accounts]: many }), { name: "ValidationException" });
    await assert.rejects(
      batchWrite({ [accounts]: [putRequest({ pk: "a" })], missing: [twice[0]] }),
      {
        name: "ResourceNotFoundException",
      },
    );
    assert.equal(await count(accounts), 0);
  });
});

describe("transactions", () => {
  const move = (amount, more = {}) =>
    client.send(
      new TransactWriteCommand({
        TransactItems: [
          {
            Update: {
              TableName: accounts,
              Key: { pk: "a" },
              UpdateExpression: "SET v = v - :v",
              ConditionExpression: "v >= :v",
              ExpressionAttributeValues: { ":v": amount },
              ReturnValuesOnConditionCheckFailure: "ALL_OLD",
            },
          },
          {
            Update: {
              TableName: accounts,
              Key: { pk: "b" },
              UpdateExpression: "ADD v :v",
              ExpressionAttributeValues: { ":v": amount },
            },
          },
          {
            Put: {
              TableName: log,
              Item: { pk: "moved", sk: amount },
              ConditionExpression: "attribute_not_exists(pk)",
            },
          },
        ],
        ...more,
      }),
    );
  const balances = async () => {
    const Get = (pk) => ({ Get: { TableName: accounts, Key: { pk }, ProjectionExpression: "v" } });
    const answer = await client.send(
      new TransactGetCommand({ TransactItems: ["a", "b", "missing"].map(Get) }),
    );
    return answer.Responses.map(({ Item }) => Item?.v);
  };

  beforeEach(() => put(accounts, { pk: "a", v: 10 }));

  test("write all, and read all", async () => {
    await move(4);
    assert.deepEqual(await balances(), [6, 4, undefined]);
    assert.deepEqual(await get(log, { pk: "moved", sk: 4 }), { pk: "moved", sk: 4 });
    const names = (await drain(server, stream)).map(({ eventName, dynamodb }) => [
      eventName,
      dynamodb.Keys.pk.S,
      dynamodb.NewImage.v.N,
    ]);
    assert.deepEqual(names.sort(), [
      ["INSERT", "a", "10"],
      ["INSERT", "b", "4"],
      ["MODIFY", "a", "6"],
    ]);
  });

  test("are cancelled whole, with the reasons in order", async () => {
    await assert.rejects(move(11), (error) => {
      assert.ok(error instanceof TransactionCanceledException);
      assert.equal(
        error.message,
        "Transaction cancelled, please refer cancellation reasons for specific reasons " +
          "[ConditionalCheckFailed, None, None]",
      );
      const [first, ...others] = error.CancellationReasons;
      assert.equal(first.Code, "ConditionalCheckFailed");
      assert.equal(first.Message, "The conditional request failed");
      assert.deepEqual(first.Item, { pk: { S: "a" }, v: { N: "10" } });
      assert.deepEqual(others, [{ Code: "None" }, { Code: "None" }]);
      return true;
    });
    assert.deepEqual(await balances(), [10, undefined, undefined]);
    assert.equal(await count(log), 0);
  });

  test("happen once for a token", async () => {
    await move(3, { ClientRequestToken: "three" });
    await move(3, { ClientRequestToken: "three" });
    assert.deepEqual(await balances(), [7, 3, undefined]);
    await assert.rejects(
      move(2, { ClientRequestToken: "three" }),
      (error) => error instanceof IdempotentParameterMismatchException,
    );
    assert.equal((await drain(server, stream)).length, 3);
  });

  test("check conditions of items that they do not write", async () => {
    const guarded = (v) =>
      client.send(
        new TransactWriteCommand({
          TransactItems: [
            {
              ConditionCheck: {
                TableName: accounts,
                Key: { pk: "a" },
                ConditionExpression: "v = :v",
                ExpressionAttributeValues: { ":v": v },
              },
            },
            { Delete: { TableName: log, Key: { pk: "l", sk: 1 } } },
          ],
        }),
      );
    await put(log, { pk: "l", sk: 1 });
    await assert.rejects(guarded(9), { name: "TransactionCanceledException" });
    assert.equal(await count(log), 1);
    await guarded(10);
    assert.equal(await count(log), 0);
  });

  test("at the same time lose nothing", async () => {
    await put(accounts, { pk: "a", v: 1000 });
    const amounts = Array.from({ length: 30 }, (_, at) => at + 1);
    await Promise.all(amounts.map((amount) => move(amount)));
    const moved = amounts.reduce((sum, amount) => sum + amount, 0);
    assert.deepEqual(await balances(), [1000 - moved, moved, undefined]);
    assert.equal(await count(log), 30);
  });

  test("refuse two actions on one item", async () => {
    const Put = { TableName: accounts, Item: { pk: { S: "a" } } };
    const command = new TransactWriteItemsCommand({ TransactItems: [{ Put }, { Put }] });
    await assert.rejects(server.dynamodb.send(command), {
      name: "ValidationException",
      message: "Transaction request cannot include multiple operations on one item",
    });
  });
});
