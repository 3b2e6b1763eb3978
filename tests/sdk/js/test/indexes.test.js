// Secondary indexes through the low-level client and the paginators of the document client.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  DescribeTableCommand,
  paginateQuery as paginateLowLevel,
  QueryCommand,
  UpdateTableCommand,
} from "@aws-sdk/client-dynamodb";
import {
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  paginateQuery,
  paginateScan,
  PutCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";

import { Server } from "../launcher.js";
import { create } from "../tables.js";

let server;
let client;
let TableName;

const key = (hash, range) => [
  { AttributeName: hash, KeyType: "HASH" },
  ...(range ? [{ AttributeName: range, KeyType: "RANGE" }] : []),
];
const attributes = (kinds) =>
  Object.entries(kinds).map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType }));

before(async () => {
  server = await Server.start();
  client = DynamoDBDocumentClient.from(server.dynamodb);
  ({ TableName } = await create(server, {
    KeySchema: key("pk", "sk"),
    AttributeDefinitions: attributes({ pk: "S", sk: "N", team: "S", age: "N" }),
    GlobalSecondaryIndexes: [
      {
        IndexName: "by-team",
        KeySchema: key("team", "age"),
        Projection: { ProjectionType: "ALL" },
      },
    ],
    LocalSecondaryIndexes: [
      {
        IndexName: "by-age",
        KeySchema: key("pk", "age"),
        Projection: { ProjectionType: "KEYS_ONLY" },
      },
    ],
  }));
  // Ten ages, each of five items: equal keys of the index must neither be lost nor repeated by pages.
  for (let from = 0; from < 50; from += 25) {
    const puts = Array.from({ length: 25 }, (_, at) => item(from + at));
    await client.send(
      new BatchWriteCommand({
        RequestItems: { [TableName]: puts.map((Item) => ({ PutRequest: { Item } })) },
      }),
    );
  }
  // Without a team, it is in the local index alone.
  await client.send(new PutCommand({ TableName, Item: { pk: "p0", sk: 1000, age: 99 } }));
});
after(() => server.stop());

const item = (at) => ({ pk: `p${at % 3}`, sk: at, team: "t", age: at % 10, text: `item ${at}` });
const team = {
  IndexName: "by-team",
  KeyConditionExpression: "team = :t",
  ExpressionAttributeValues: { ":t": "t" },
};

async function collect(pages) {
  const found = [];
  for await (const page of pages) found.push(...page.Items);
  return found;
}
const query = (more, pageSize = 7) =>
  collect(paginateQuery({ client, pageSize }, { TableName, ...more }));

describe("indexes", () => {
  for (const forward of [true, false]) {
    test(`page ${forward ? "forwards" : "backwards"} through equal keys`, async () => {
      const found = await query({ ...team, ScanIndexForward: forward });
      assert.equal(found.length, 50);
      assert.equal(new Set(found.map(({ sk }) => sk)).size, 50);
      const ages = found.map(({ age }) => age);
      const sorted = [...ages].sort((a, b) => (forward ? a - b : b - a));
      assert.deepEqual(ages, sorted);
      assert.deepEqual(found[0], item(found[0].sk));
      const whole = await query({ ...team, ScanIndexForward: forward }, 1000);
      assert.deepEqual(found, whole);
    });
  }

  test("take conditions, filters and projections", async () => {
    const found = await query({
      ...team,
      KeyConditionExpression: "team = :t AND age BETWEEN :from AND :to",
      FilterExpression: "begins_with(#text, :text)",
      ProjectionExpression: "sk, age",
      ExpressionAttributeNames: { "#text": "text" },
      ExpressionAttributeValues: { ":t": "t", ":from": 3, ":to": 4, ":text": "item 1" },
    });
    assert.deepEqual(
      found.sort((a, b) => a.sk - b.sk),
      [
        { sk: 13, age: 3 },
        { sk: 14, age: 4 },
      ],
    );
  });

  test("of the table's own partitions show only their projection", async () => {
    const local = {
      IndexName: "by-age",
      KeyConditionExpression: "pk = :p AND age >= :a",
      ExpressionAttributeValues: { ":p": "p0", ":a": 9 },
    };
    const found = await query(local);
    assert.deepEqual(
      found.map(({ sk }) => sk).sort((a, b) => a - b),
      [9, 39, 1000],
    );
    assert.deepEqual(found.at(-1), { pk: "p0", sk: 1000, age: 99 });
    assert.deepEqual(Object.keys(found[0]).sort(), ["age", "pk", "sk"]);
    // What is not projected is fetched from the table.
    const fetched = await query({ ...local, Select: "ALL_ATTRIBUTES", ConsistentRead: true });
    assert.deepEqual(
      fetched.map((one) => one.text),
      found.map(({ sk }) => (sk === 1000 ? undefined : `item ${sk}`)),
    );
  });

  test("follow their items", async () => {
    const moved = { pk: "moving", sk: 0 };
    const at = async (name) => {
      const found = await query({ ...team, ExpressionAttributeValues: { ":t": name } });
      return found.map(({ pk }) => pk);
    };
    await client.send(new PutCommand({ TableName, Item: { ...moved, team: "one", age: 1 } }));
    assert.deepEqual(await at("one"), ["moving"]);
    const update = (UpdateExpression, ExpressionAttributeValues) =>
      client.send(
        new UpdateCommand({ TableName, Key: moved, UpdateExpression, ExpressionAttributeValues }),
      );
    await update("SET team = :t", { ":t": "two" });
    assert.deepEqual([await at("one"), await at("two")], [[], ["moving"]]);
    await update("REMOVE age");
    assert.deepEqual(await at("two"), []);
    await update("SET age = :a", { ":a": 2 });
    assert.deepEqual(await at("two"), ["moving"]);
    await client.send(new DeleteCommand({ TableName, Key: moved }));
    assert.deepEqual(await at("two"), []);
  });

  test("are scanned in segments", async () => {
    const segment = (Segment) =>
      collect(
        paginateScan(
          { client, pageSize: 6 },
          { TableName, IndexName: "by-team", Segment, TotalSegments: 4 },
        ),
      );
    const found = (await Promise.all([0, 1, 2, 3].map(segment))).flat();
    assert.deepEqual(
      found.map(({ sk }) => sk).sort((a, b) => a - b),
      [...Array(50).keys()],
    );
  });

  test("tell their capacity, by the low-level client", async () => {
    const input = {
      TableName,
      IndexName: "by-team",
      KeyConditionExpression: "team = :t AND age = :a",
      ExpressionAttributeValues: { ":t": { S: "t" }, ":a": { N: "5" } },
      ReturnConsumedCapacity: "INDEXES",
    };
    const answer = await server.dynamodb.send(new QueryCommand(input));
    assert.deepEqual(answer.ConsumedCapacity, {
      TableName,
      CapacityUnits: 0.5,
      Table: { CapacityUnits: 0 },
      GlobalSecondaryIndexes: { "by-team": { CapacityUnits: 0.5 } },
    });
    const pages = [];
    for await (const page of paginateLowLevel({ client: server.dynamodb, pageSize: 2 }, input)) {
      pages.push(page.Count);
    }
    assert.deepEqual(pages, [2, 2, 1]);
  });

  test("are refused by their names", async () => {
    await assert.rejects(query({ ...team, IndexName: "missing" }), {
      name: "ValidationException",
      message: "The table does not have the specified index: missing",
    });
    await assert.rejects(query({ ...team, ConsistentRead: true }), {
      name: "ValidationException",
      message: "Consistent reads are not supported on global secondary indexes",
    });
    const Item = { pk: "bad", sk: 0, team: 1 };
    await assert.rejects(client.send(new PutCommand({ TableName, Item })), {
      name: "ValidationException",
      message:
        "One or more parameter values were invalid: Type mismatch for Index Key team " +
        "Expected: S Actual: N IndexName: by-team",
    });
  });

  test("come and go with UpdateTable", async () => {
    const change = (more) => server.dynamodb.send(new UpdateTableCommand({ TableName, ...more }));
    const status = async () => {
      const { Table } = await server.dynamodb.send(new DescribeTableCommand({ TableName }));
      return Table.GlobalSecondaryIndexes.find(({ IndexName }) => IndexName === "by-text");
    };
    await change({
      AttributeDefinitions: attributes({ text: "S" }),
      GlobalSecondaryIndexUpdates: [
        {
          Create: {
            IndexName: "by-text",
            KeySchema: key("text"),
            Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["age"] },
          },
        },
      ],
    });
    await server.until(async () => (await status()).IndexStatus === "ACTIVE", "the index");
    const text = {
      IndexName: "by-text",
      KeyConditionExpression: "#text = :t",
      ExpressionAttributeNames: { "#text": "text" },
      ExpressionAttributeValues: { ":t": "item 7" },
    };
    assert.deepEqual(await query(text), [{ pk: "p1", sk: 7, age: 7, text: "item 7" }]);
    await change({ GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: "by-text" } }] });
    await server.until(async () => !(await status()), "the index to be gone");
    await assert.rejects(query(text), { name: "ValidationException" });
  });
});
