// Dynamoose: a library of books that makes, waits for and changes its own tables.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDB,
  ListTagsOfResourceCommand,
} from "@aws-sdk/client-dynamodb";
import dynamoose from "dynamoose";

import { Server } from "../launcher.js";
import { tableName } from "../tables.js";

const bookTable = tableName();
const memberTable = tableName();
const OPTIONS = { waitForActive: { enabled: true, check: { timeout: 20_000, frequency: 10 } } };

const fields = {
  shelf: { type: String, hashKey: true },
  isbn: { type: String, rangeKey: true },
  title: {
    type: String,
    required: true,
    index: { name: "local-title", type: "local", project: ["copies"] },
  },
  author: {
    type: String,
    index: { name: "global-author", type: "global", rangeKey: "year", project: true },
  },
  year: Number,
  copies: { type: Number, default: 1, validate: (value) => value >= 0 },
  bought: { type: Date },
  tags: { type: Set, schema: [String] },
  history: { type: Array, schema: [String] },
  place: { type: Object, schema: { room: Number, row: String } },
  cover: Buffer,
  language: String,
};

let server;
let ddb;
let Book;
let Member;

before(async () => {
  server = await Server.start();
  ddb = new DynamoDB(server.options);
  dynamoose.aws.ddb.set(ddb);
  Book = dynamoose.model("Book", new dynamoose.Schema(fields));
  Member = dynamoose.model(
    "Member",
    new dynamoose.Schema({ id: { type: String, hashKey: true }, loans: Number }),
  );
  new dynamoose.Table(bookTable, [Book], {
    ...OPTIONS,
    throughput: "ON_DEMAND",
    expires: { ttl: 3_600_000, attribute: "expires" },
    tags: { kept: "yes" },
  });
  const members = new dynamoose.Table(memberTable, [Member], {
    ...OPTIONS,
    throughput: { read: 3, write: 2 },
    initialize: false,
  });
  await members.initialize();
});
after(async () => {
  dynamoose.aws.ddb.revert();
  ddb.destroy();
  await server.stop();
});

const failed = { name: "ConditionalCheckFailedException" };
const describeTable = async (TableName) =>
  (await server.dynamodb.send(new DescribeTableCommand({ TableName }))).Table;

/** Books of one shelf, whose later ones are older. */
async function stock(shelf, count, more = {}) {
  const found = Array.from({ length: count }, (_, at) => ({
    shelf,
    isbn: `i${String(at).padStart(3, "0")}`,
    title: `title ${at % 10}`,
    author: shelf,
    year: 2000 - at,
    ...more,
  }));
  for (let from = 0; from < count; from += 25) {
    const answer = await Book.batchPut(found.slice(from, from + 25));
    assert.deepEqual(answer.unprocessedItems, []);
  }
  return found;
}

describe("Dynamoose", () => {
  test("makes its tables", async () => {
    await Book.get({ shelf: "none", isbn: "none" });
    const table = await describeTable(bookTable);
    assert.equal(table.BillingModeSummary.BillingMode, "PAY_PER_REQUEST");
    const [byAuthor] = table.GlobalSecondaryIndexes;
    assert.equal(byAuthor.IndexName, "global-author");
    assert.deepEqual(
      byAuthor.KeySchema.map((key) => key.AttributeName),
      ["author", "year"],
    );
    const [byTitle] = table.LocalSecondaryIndexes;
    assert.deepEqual(byTitle.Projection, {
      ProjectionType: "INCLUDE",
      NonKeyAttributes: ["copies"],
    });
    const ttl = await server.dynamodb.send(new DescribeTimeToLiveCommand({ TableName: bookTable }));
    assert.equal(ttl.TimeToLiveDescription.AttributeName, "expires");
    const tags = await server.dynamodb.send(
      new ListTagsOfResourceCommand({ ResourceArn: table.TableArn }),
    );
    assert.deepEqual(tags.Tags, [{ Key: "kept", Value: "yes" }]);
    const { ProvisionedThroughput } = await describeTable(memberTable);
    assert.equal(ProvisionedThroughput.ReadCapacityUnits, 3);
    assert.equal(ProvisionedThroughput.WriteCapacityUnits, 2);
  });

  test("keeps values of every type", async () => {
    const given = {
      shelf: "types",
      isbn: "1",
      title: "All of them",
      year: 1999,
      bought: new Date(1_700_000_000_000),
      tags: new Set(["a", "b"]),
      history: ["x", "y"],
      place: { room: 3, row: "b" },
      cover: Buffer.from([0, 255]),
    };
    await Book.create(given);
    const found = await Book.get({ shelf: "types", isbn: "1" }, { consistent: true });
    for (const [name, value] of Object.entries(given)) assert.deepEqual(found[name], value, name);
    assert.equal(found.copies, 1);
    assert.ok(Math.abs(found.expires.getTime() - Date.now() - 3_600_000) < 60_000);
    await assert.rejects(Book.create(given), failed);
    await found.delete();
    assert.equal(await Book.get({ shelf: "types", isbn: "1" }), undefined);
  });

  test("updates, counts and keeps conditions", async () => {
    const key = { shelf: "update", isbn: "1" };
    await Book.create({ ...key, title: "a", copies: 1, year: 1, history: ["one"] });
    const old = await Book.update(key, {
      $SET: { title: "b" },
      $REMOVE: ["year"],
      $ADD: { history: "two" },
    });
    assert.deepEqual([old.title, old.year, old.history], ["b", undefined, ["one", "two"]]);
    await Promise.all(Array.from({ length: 20 }, () => Book.update(key, { $ADD: { copies: 2 } })));
    const found = await Book.get(key, { consistent: true });
    assert.equal(found.copies, 41);
    const enough = new dynamoose.Condition()
      .where("copies")
      .ge(42)
      .or()
      .where("title")
      .beginsWith("c");
    await assert.rejects(Book.update(key, { $ADD: { copies: -1 } }, { condition: enough }), failed);
    await assert.rejects(Book.delete(key, { condition: enough }), failed);
    const some = new dynamoose.Condition()
      .where("copies")
      .between(41, 42)
      .where("year")
      .not()
      .exists();
    await Book.update(key, { $ADD: { copies: -1 } }, { condition: some });
    assert.equal((await Book.get(key, { consistent: true })).copies, 40);
  });

  test("locks optimistically by a condition on what was read", async () => {
    const key = { shelf: "lock", isbn: "1" };
    await Book.create({ ...key, title: "a", copies: 1 });
    const [mine, theirs] = await Promise.all([Book.get(key), Book.get(key)]);
    for (const one of [mine, theirs]) one.title = "mine";
    const unchanged = new dynamoose.Condition("copies").eq(1);
    mine.copies = 2;
    theirs.copies = 3;
    await mine.save({ condition: unchanged });
    await assert.rejects(theirs.save({ condition: unchanged }), failed);
    assert.equal((await Book.get(key, { consistent: true })).copies, 2);
  });

  test("queries page both ways, on indexes too", async () => {
    const given = await stock("pages", 40);
    const isbns = given.map((book) => book.isbn);
    const all = await Book.query("shelf").eq("pages").limit(15).all().exec();
    assert.deepEqual(
      all.map((book) => book.isbn),
      isbns,
    );
    assert.equal(all.timesQueried, 3);

    const found = [];
    let page;
    do {
      let query = Book.query("author").eq("pages").where("year").lt(1995).using("global-author");
      query = query.sort("descending").limit(9);
      if (page) query = query.startAt(page.lastKey);
      page = await query.exec();
      found.push(...page.map((book) => book.isbn));
    } while (page.lastKey);
    assert.deepEqual(found, isbns.slice(6));

    const titled = await Book.query("shelf").eq("pages").where("title").eq("title 3").exec();
    assert.deepEqual(
      titled.map((book) => [book.isbn, book.copies, book.year]),
      ["i003", "i013", "i023", "i033"].map((isbn) => [isbn, 1, undefined]),
    );
    const filtered = await Book.query("shelf").eq("pages").filter("year").in([1999, 1990]).exec();
    assert.deepEqual(
      filtered.map((book) => book.isbn),
      ["i001", "i010"],
    );
    const counted = await Book.query("shelf").eq("pages").count().exec();
    assert.equal(counted.count, 40);
  });

  test("scans in parallel, in pages", async () => {
    await stock("scanned", 30);
    const found = await Book.scan("shelf")
      .eq("scanned")
      .attributes(["isbn"])
      .parallel(3)
      .limit(7)
      .all()
      .exec();
    assert.equal(new Set(found.map((book) => book.isbn)).size, 30);
    assert.equal(found.length, 30);
    assert.equal(found[0].title, undefined);
  });

  test("gets and deletes in batches", async () => {
    await stock("batch", 30);
    const keys = Array.from({ length: 31 }, (_, at) => ({
      shelf: "batch",
      isbn: `i${String(at).padStart(3, "0")}`,
    }));
    const found = await Book.batchGet(keys);
    assert.equal(found.length, 30);
    assert.deepEqual(found.unprocessedKeys, []);
    await Book.batchDelete(keys.slice(0, 25));
    const left = await Book.query("shelf").eq("batch").consistent().exec();
    assert.deepEqual(
      left.map((book) => book.isbn),
      ["i025", "i026", "i027", "i028", "i029"],
    );
  });

  test("transactions happen whole, or say why not", async () => {
    const key = { shelf: "lent", isbn: "1" };
    await Book.create({ ...key, title: "a", copies: 1 });
    await Member.create({ id: "ann", loans: 0 });
    const lend = () =>
      dynamoose.transaction([
        Member.transaction.update({ id: "ann" }, { $ADD: { loans: 1 } }),
        Book.transaction.update(
          key,
          { $ADD: { copies: -1 } },
          { condition: new dynamoose.Condition("copies").gt(0) },
        ),
      ]);
    await lend();
    await assert.rejects(lend(), (error) => {
      assert.equal(error.name, "TransactionCanceledException");
      assert.deepEqual(
        error.CancellationReasons.map((reason) => reason.Code),
        ["None", "ConditionalCheckFailed"],
      );
      assert.match(error.message, /specific reasons \[None, ConditionalCheckFailed\]$/);
      return true;
    });
    const [book, member] = await dynamoose.transaction([
      Book.transaction.get(key),
      Member.transaction.get({ id: "ann" }),
    ]);
    assert.deepEqual([book.copies, member.loans], [0, 1]);
    await dynamoose.transaction([
      Member.transaction.condition("ann", new dynamoose.Condition("loans").eq(1)),
      Book.transaction.delete(key),
      Book.transaction.create({ ...key, isbn: "2", title: "new" }),
    ]);
    assert.equal(await Book.get(key, { consistent: true }), undefined);
    assert.equal((await Book.get({ ...key, isbn: "2" })).title, "new");
  });

  test("changes the indexes of a table that is there", async () => {
    await stock("late", 5, { language: "de" });
    await stock("later", 5);
    const language = { type: String, index: { name: "global-language", type: "global" } };
    const changed = { ...fields, author: String, language };
    const Later = dynamoose.model("Later", new dynamoose.Schema(changed));
    const table = new dynamoose.Table(bookTable, [Later], {
      ...OPTIONS,
      throughput: "ON_DEMAND",
      create: false,
      initialize: false,
      update: ["indexes"],
    });
    await table.initialize();
    const { GlobalSecondaryIndexes } = await describeTable(bookTable);
    assert.deepEqual(
      GlobalSecondaryIndexes.map((index) => index.IndexName),
      ["global-language"],
    );
    // It is filled with what was there before it.
    const found = await server.until(async () => {
      const answer = await Later.query("language").eq("de").using("global-language").exec();
      return answer.length === 5 && answer;
    }, "the index to be filled");
    assert.deepEqual(new Set(found.map((book) => book.shelf)), new Set(["late"]));
  });
});
