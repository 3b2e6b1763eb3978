// The document client: plain JavaScript values, queries, scans and paginators.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  NumberValue,
  paginateQuery,
  paginateScan,
  PutCommand,
  QueryCommand,
  ScanCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";

import { Server } from "../launcher.js";
import { create } from "../tables.js";

let server;
let client;
let TableName;

before(async () => {
  server = await Server.start();
  client = DynamoDBDocumentClient.from(server.dynamodb, {
    marshallOptions: { removeUndefinedValues: true },
  });
  ({ TableName } = await create(server, { sorted: true }));
  for (let sk = 0; sk < 12; sk++) {
    await client.send(new PutCommand({ TableName, Item: { pk: "q", sk, even: sk % 2 === 0 } }));
  }
});
after(() => server.stop());

describe("document client", () => {
  test("plain values come back", async () => {
    const Item = {
      pk: "plain",
      sk: 1.5,
      list: [1, "two", null, true, { deep: [] }],
      tags: new Set(["a", "b"]),
      numbers: new Set([1, 2]),
      bytes: new Uint8Array([1, 2, 3]),
      none: undefined,
    };
    await client.send(new PutCommand({ TableName, Item }));
    const answer = await client.send(
      new GetCommand({ TableName, Key: { pk: "plain", sk: 1.5 }, ConsistentRead: true }),
    );
    delete Item.none;
    assert.deepEqual(answer.Item, Item);
  });

  test("large numbers keep their digits", async () => {
    // A document client changes the client that it is made from, so this one has its own.
    const own = new DynamoDBClient(server.options);
    const wrapped = DynamoDBDocumentClient.from(own, {
      unmarshallOptions: { wrapNumbers: true },
    });
    const text = "12345678901234567890123456789012345678";
    const Key = { pk: "large", sk: 0 };
    await wrapped.send(new PutCommand({ TableName, Item: { ...Key, v: NumberValue.from(text) } }));
    const answer = await wrapped.send(new GetCommand({ TableName, Key }));
    assert.equal(answer.Item.v.toString(), text);
    own.destroy();
  });

  test("updates with nested paths", async () => {
    const Key = { pk: "nested", sk: 0 };
    await client.send(new PutCommand({ TableName, Item: { ...Key, m: { l: [0] } } }));
    const answer = await client.send(
      new UpdateCommand({
        TableName,
        Key,
        UpdateExpression: "SET m.l = list_append(m.l, :more), #n = if_not_exists(#n, :zero)",
        ExpressionAttributeNames: { "#n": "name" },
        ExpressionAttributeValues: { ":more": [1], ":zero": 0 },
        ReturnValues: "ALL_NEW",
      }),
    );
    assert.deepEqual(answer.Attributes, { ...Key, m: { l: [0, 1] }, name: 0 });
  });

  const all = {
    KeyConditionExpression: "pk = :q",
    ExpressionAttributeValues: { ":q": "q" },
  };

  test("queries forwards, backwards and between", async () => {
    const keys = async (more) => {
      const answer = await client.send(new QueryCommand({ TableName, ...all, ...more }));
      return answer.Items.map((item) => item.sk);
    };
    assert.deepEqual(await keys({}), [...Array(12).keys()]);
    assert.deepEqual(await keys({ ScanIndexForward: false, Limit: 2 }), [11, 10]);
    assert.deepEqual(
      await keys({
        KeyConditionExpression: "pk = :q AND sk BETWEEN :a AND :b",
        ExpressionAttributeValues: { ":q": "q", ":a": 3, ":b": 5 },
      }),
      [3, 4, 5],
    );
  });

  test("pages a query with a filter", async () => {
    const found = [];
    let pages = 0;
    const input = {
      TableName,
      KeyConditionExpression: "pk = :q",
      FilterExpression: "even = :t",
      ExpressionAttributeValues: { ":q": "q", ":t": true },
    };
    for await (const page of paginateQuery({ client, pageSize: 5 }, input)) {
      found.push(...page.Items.map((item) => item.sk));
      pages += 1;
    }
    assert.deepEqual(found, [0, 2, 4, 6, 8, 10]);
    assert.equal(pages, 3);
  });

  test("scans in parallel segments", async () => {
    const scan = async (Segment) => {
      const found = [];
      const input = { TableName, Segment, TotalSegments: 3 };
      for await (const page of paginateScan({ client, pageSize: 4 }, input)) {
        found.push(...page.Items.map((item) => `${item.pk} ${item.sk}`));
      }
      return found;
    };
    const found = (await Promise.all([0, 1, 2].map(scan))).flat();
    assert.equal(new Set(found).size, found.length);
    const whole = await client.send(new ScanCommand({ TableName, Select: "COUNT" }));
    assert.equal(found.length, whole.Count);
  });

  test("concurrent counters lose nothing", async () => {
    const Key = { pk: "counter", sk: 0 };
    const add = new UpdateCommand({
      TableName,
      Key,
      UpdateExpression: "ADD c :one",
      ExpressionAttributeValues: { ":one": 1 },
    });
    await Promise.all(Array.from({ length: 100 }, () => client.send(add)));
    const answer = await client.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
    assert.equal(answer.Item.c, 100);
    await client.send(new DeleteCommand({ TableName, Key }));
  });
});
