// dynamodb-toolbox: users and their orders in one table, by its entities, requests and commands.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import {
  $add,
  $append,
  $delete,
  $remove,
  BatchDeleteRequest,
  BatchGetCommand,
  BatchGetRequest,
  BatchPutRequest,
  BatchWriteCommand,
  ConditionCheck,
  DeleteItemCommand,
  DeletePartitionCommand,
  DeleteTransaction,
  Entity,
  executeBatchGet,
  executeBatchWrite,
  executeTransactGet,
  executeTransactWrite,
  GetItemCommand,
  GetTransaction,
  item,
  list,
  map,
  number,
  PutItemCommand,
  PutTransaction,
  QueryCommand,
  ScanCommand,
  set,
  string,
  Table,
  UpdateItemCommand,
  UpdateTransaction,
} from "dynamodb-toolbox";

import { Server } from "../launcher.js";
import { create } from "../tables.js";

const keyOf = (name) => ({ AttributeName: name, KeyType: "HASH" });
const sortOf = (name) => ({ AttributeName: name, KeyType: "RANGE" });
const definition = (AttributeName, AttributeType = "S") => ({ AttributeName, AttributeType });

let server;
let table;
let User;
let Order;

before(async () => {
  server = await Server.start();
  const { TableName } = await create(server, {
    KeySchema: [keyOf("pk"), sortOf("sk")],
    AttributeDefinitions: [
      definition("pk"),
      definition("sk"),
      definition("status"),
      definition("total", "N"),
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: "byStatus",
        KeySchema: [keyOf("status"), sortOf("total")],
        Projection: { ProjectionType: "ALL" },
      },
    ],
    LocalSecondaryIndexes: [
      {
        IndexName: "byTotal",
        KeySchema: [keyOf("pk"), sortOf("total")],
        Projection: { ProjectionType: "ALL" },
      },
    ],
  });
  table = new Table({
    name: TableName,
    partitionKey: { name: "pk", type: "string" },
    sortKey: { name: "sk", type: "string" },
    indexes: {
      byStatus: {
        type: "global",
        partitionKey: { name: "status", type: "string" },
        sortKey: { name: "total", type: "number" },
      },
      byTotal: { type: "local", sortKey: { name: "total", type: "number" } },
    },
    documentClient: DynamoDBDocumentClient.from(server.dynamodb, {
      marshallOptions: { removeUndefinedValues: true },
    }),
  });
  User = new Entity({
    name: "User",
    table,
    schema: item({
      id: string().key(),
      name: string(),
      orders: number().default(0),
      credit: number().optional(),
      roles: set(string()).optional(),
      log: list(string()).optional(),
      address: map({ street: string(), zip: string().optional() }).optional(),
      version: number()
        .default(1)
        .updateDefault(() => $add(1)),
    }),
    computeKey: ({ id }) => ({ pk: `user#${id}`, sk: "profile" }),
    timestamps: false,
  });
  Order = new Entity({
    name: "Order",
    table,
    schema: item({
      user: string().key(),
      number: number().key(),
      status: string().default("open"),
      total: number(),
    }),
    computeKey: ({ user, number }) => ({
      pk: `user#${user}`,
      sk: `order#${String(number).padStart(4, "0")}`,
    }),
    timestamps: false,
  });
});
after(() => server.stop());

const failed = { name: "ConditionalCheckFailedException" };
const putUser = (one, options = {}) => User.build(PutItemCommand).item(one).options(options).send();
const readUser = async (id) =>
  (await User.build(GetItemCommand).key({ id }).options({ consistent: true }).send()).Item;
const updateUser = (change, options = {}) =>
  User.build(UpdateItemCommand).item(change).options(options).send();

/** Orders 0 to `count - 1`, whose totals fall. */
async function placeOrders(user, count, more = {}) {
  const orders = Array.from({ length: count }, (_, at) => ({
    user,
    number: at,
    total: count - at,
    ...more,
  }));
  for (let from = 0; from < count; from += 25) {
    const puts = orders.slice(from, from + 25).map((one) => Order.build(BatchPutRequest).item(one));
    const answer = await executeBatchWrite(table.build(BatchWriteCommand).requests(...puts));
    assert.deepEqual(answer.UnprocessedItems, {});
  }
}
const numbers = (answer) => answer.Items.map((one) => one.number);
const upTo = (count) => [...Array(count).keys()];

describe("dynamodb-toolbox", () => {
  test("puts, reads and removes", async () => {
    const ann = {
      id: "ann",
      name: "Ann",
      roles: new Set(["reader"]),
      log: ["made"],
      address: { street: "High Street" },
    };
    await putUser(ann, { condition: { attr: "id", exists: false } });
    assert.deepEqual(await readUser("ann"), { ...ann, orders: 0, version: 1 });
    await assert.rejects(putUser(ann, { condition: { attr: "id", exists: false } }), failed);
    const some = await User.build(GetItemCommand)
      .key({ id: "ann" })
      .options({ attributes: ["name", "address.street"] })
      .send();
    assert.deepEqual(some.Item, { name: "Ann", address: { street: "High Street" } });
    const removed = await User.build(DeleteItemCommand)
      .key({ id: "ann" })
      .options({ returnValues: "ALL_OLD", condition: { attr: "orders", lte: 0 } })
      .send();
    assert.equal(removed.Attributes.name, "Ann");
    assert.equal(await readUser("ann"), undefined);
  });

  test("updates in every way", async () => {
    await putUser({
      id: "bob",
      name: "Bob",
      credit: 5,
      roles: new Set(["a", "b"]),
      log: ["made"],
      address: { street: "s", zip: "1" },
    });
    const { Attributes } = await updateUser(
      {
        id: "bob",
        name: "Robert",
        orders: $add(2),
        credit: $remove(),
        roles: $delete(new Set(["a"])),
        log: $append(["changed"]),
        address: { street: "t", zip: $remove() },
      },
      { returnValues: "ALL_NEW" },
    );
    assert.deepEqual(Attributes, {
      id: "bob",
      name: "Robert",
      orders: 2,
      roles: new Set(["b"]),
      log: ["made", "changed"],
      address: { street: "t" },
      version: 2,
    });
  });

  test("counts, and locks optimistically", async () => {
    await putUser({ id: "cat", name: "Cat" });
    await Promise.all(Array.from({ length: 30 }, () => updateUser({ id: "cat", orders: $add(1) })));
    const found = await readUser("cat");
    assert.deepEqual([found.orders, found.version], [30, 31]);
    const rename = (name) =>
      updateUser({ id: "cat", name }, { condition: { attr: "version", eq: found.version } });
    await rename("first");
    await assert.rejects(rename("second"), failed);
    assert.equal((await readUser("cat")).name, "first");
    const either = {
      or: [
        { attr: "name", beginsWith: "s" },
        { and: [{ attr: "orders", between: [30, 40] }, { not: { attr: "credit", exists: true } }] },
      ],
    };
    await updateUser({ id: "cat", credit: 1 }, { condition: either });
    await assert.rejects(updateUser({ id: "cat", credit: 2 }, { condition: either }), failed);
  });

  test("queries page both ways, on indexes too", async () => {
    await putUser({ id: "dan", name: "Dan" });
    await placeOrders("dan", 40, { status: "dan" });
    const whole = await table
      .build(QueryCommand)
      .query({ partition: "user#dan", range: { beginsWith: "order#" } })
      .entities(Order)
      .options({ limit: 15, maxPages: Infinity })
      .send();
    assert.deepEqual(numbers(whole), upTo(40));

    const found = [];
    let exclusiveStartKey;
    let pages = 0;
    do {
      const page = await table
        .build(QueryCommand)
        .query({ index: "byStatus", partition: "dan", range: { gt: 10 } })
        .entities(Order)
        .options({ limit: 12, reverse: true, exclusiveStartKey })
        .send();
      found.push(...numbers(page));
      exclusiveStartKey = page.LastEvaluatedKey;
      pages += 1;
    } while (exclusiveStartKey);
    assert.deepEqual(found, upTo(30));
    assert.equal(pages, 3);

    const local = await table
      .build(QueryCommand)
      .query({ index: "byTotal", partition: "user#dan", range: { between: [5, 7] } })
      .entities(Order)
      .options({ consistent: true, filters: { Order: { attr: "number", ne: 34 } } })
      .send();
    assert.deepEqual(numbers(local), [35, 33]);

    const both = await table
      .build(QueryCommand)
      .query({ partition: "user#dan" })
      .entities(User, Order)
      .options({ maxPages: Infinity, filters: { Order: { attr: "total", gt: 38 } } })
      .send();
    assert.deepEqual(
      both.Items.map((one) => one.name ?? one.number),
      [0, 1, "Dan"],
    );
  });

  test("scans in segments", async () => {
    await placeOrders("eve", 30);
    const segment = async (at) => {
      const answer = await table
        .build(ScanCommand)
        .entities(Order)
        .options({
          segment: at,
          totalSegments: 3,
          limit: 9,
          maxPages: Infinity,
          filters: { Order: { attr: "user", eq: "eve" } },
        })
        .send();
      return numbers(answer);
    };
    const found = (await Promise.all(upTo(3).map(segment))).flat();
    assert.deepEqual(
      found.sort((a, b) => a - b),
      upTo(30),
    );
  });

  test("gets and deletes in batches", async () => {
    await placeOrders("fay", 30);
    await putUser({ id: "fay", name: "Fay" });
    const gets = [
      ...upTo(31).map((at) => Order.build(BatchGetRequest).key({ user: "fay", number: at })),
      User.build(BatchGetRequest).key({ id: "fay" }),
    ];
    const { Responses } = await executeBatchGet(
      table
        .build(BatchGetCommand)
        .requests(...gets)
        .options({ consistent: true }),
    );
    assert.deepEqual(
      Responses[0].map((one) => one?.name ?? one?.number),
      [...upTo(30), undefined, "Fay"],
    );
    const deletes = upTo(24).map((at) =>
      Order.build(BatchDeleteRequest).key({ user: "fay", number: at }),
    );
    const put = User.build(BatchPutRequest).item({ id: "fay", name: "Faye" });
    await executeBatchWrite(table.build(BatchWriteCommand).requests(...deletes, put));
    assert.equal((await readUser("fay")).name, "Faye");
    const { Count } = await table.build(QueryCommand).query({ partition: "user#fay" }).send();
    assert.equal(Count, 7);
    await table
      .build(DeletePartitionCommand)
      .query({ partition: "user#fay" })
      .entities(User, Order)
      .send();
    const left = await table.build(QueryCommand).query({ partition: "user#fay" }).send();
    assert.equal(left.Count, 0);
  });

  test("transactions happen whole, or say why not", async () => {
    await putUser({ id: "gus", name: "Gus", credit: 10 });
    const buy = (number, clientRequestToken) =>
      executeTransactWrite(
        { clientRequestToken },
        Order.build(PutTransaction)
          .item({ user: "gus", number, total: 10 })
          .options({ condition: { attr: "number", exists: false } }),
        User.build(UpdateTransaction)
          .item({ id: "gus", orders: $add(1), credit: $add(-10) })
          .options({ condition: { attr: "credit", gte: 10 } }),
      );
    await buy(1, "first");
    // The same token does it once.
    await buy(1, "first");
    await assert.rejects(buy(2, "second"), (error) => {
      assert.equal(error.name, "TransactionCanceledException");
      assert.deepEqual(
        error.CancellationReasons.map((reason) => reason.Code),
        ["None", "ConditionalCheckFailed"],
      );
      return true;
    });
    const { Responses } = await executeTransactGet(
      User.build(GetTransaction).key({ id: "gus" }),
      Order.build(GetTransaction).key({ user: "gus", number: 1 }),
      Order.build(GetTransaction).key({ user: "gus", number: 2 }),
    );
    assert.deepEqual(
      Responses.map(({ Item }) => [Item?.credit, Item?.total]),
      [
        [0, undefined],
        [undefined, 10],
        [undefined, undefined],
      ],
    );
    assert.equal(Responses[0].Item.orders, 1);
    await executeTransactWrite(
      User.build(ConditionCheck).key({ id: "gus" }).condition({ attr: "credit", eq: 0 }),
      Order.build(DeleteTransaction).key({ user: "gus", number: 1 }),
    );
    const left = await Order.build(GetItemCommand).key({ user: "gus", number: 1 }).send();
    assert.equal(left.Item, undefined);
  });
});
