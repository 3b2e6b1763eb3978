// Streams: records, iterators, shards, and the test clock.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  DeleteItemCommand,
  PutItemCommand,
  UpdateItemCommand,
  UpdateTableCommand,
} from "@aws-sdk/client-dynamodb";
import {
  ExpiredIteratorException,
  ListStreamsCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-dynamodb-streams";

import { Server } from "../launcher.js";
import { active, BOTH, describeStream, drain, iterator, page, streamed } from "../tables.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let server;
before(async () => {
  server = await Server.start();
});
after(() => server.stop());

const put = (on, TableName, v) =>
  on.dynamodb.send(
    new PutItemCommand({ TableName, Item: { pk: { S: "a" }, v: { N: String(v) } } }),
  );
const values = (records) => records.map((record) => record.dynamodb.NewImage?.v?.N);

describe("records", () => {
  test("tell a life", async () => {
    const { table, arn } = await streamed(server);
    await put(server, table, 1);
    await put(server, table, 1);
    await server.dynamodb.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { pk: { S: "a" } },
        UpdateExpression: "SET v = :v",
        ExpressionAttributeValues: { ":v": { N: "2" } },
      }),
    );
    await server.dynamodb.send(
      new DeleteItemCommand({ TableName: table, Key: { pk: { S: "a" } } }),
    );
    const records = await drain(server, arn);
    assert.deepEqual(
      records.map((record) => record.eventName),
      ["INSERT", "MODIFY", "REMOVE"],
    );
    const [inserted, modified, removed] = records.map((record) => record.dynamodb);
    assert.deepEqual(modified.OldImage, inserted.NewImage);
    assert.deepEqual(removed.OldImage, modified.NewImage);
    assert.equal(removed.NewImage, undefined);
    assert.ok(BigInt(inserted.SequenceNumber) < BigInt(modified.SequenceNumber));
    assert.ok(inserted.ApproximateCreationDateTime instanceof Date);
    assert.equal(inserted.ApproximateCreationDateTime.getMilliseconds(), 0);
    assert.equal(inserted.SizeBytes, 9);
    assert.match(records[0].eventID, /^[0-9a-f]{32}$/);
  });

  for (const [view, images] of [
    ["KEYS_ONLY", []],
    ["NEW_IMAGE", ["NewImage"]],
    ["OLD_IMAGE", ["OldImage"]],
    [BOTH, ["NewImage", "OldImage"]],
  ]) {
    test(`hold the images of ${view}`, async () => {
      const { table, arn } = await streamed(server, view);
      await put(server, table, 1);
      await put(server, table, 2);
      const { dynamodb } = (await drain(server, arn))[1];
      assert.equal(dynamodb.StreamViewType, view);
      const found = ["NewImage", "OldImage"].filter((image) => dynamodb[image]);
      assert.deepEqual(found, images);
    });
  }
});

describe("reading", () => {
  test("from sequence numbers, and in pages", async () => {
    const { table, arn } = await streamed(server);
    for (let v = 0; v < 5; v++) await put(server, table, v);
    const records = await drain(server, arn);
    const [{ ShardId }] = (await describeStream(server, arn)).Shards;
    const SequenceNumber = records[2].dynamodb.SequenceNumber;
    const at = await iterator(server, arn, ShardId, "AT_SEQUENCE_NUMBER", { SequenceNumber });
    assert.deepEqual(values((await page(server, at)).Records), ["2", "3", "4"]);
    const behind = await iterator(server, arn, ShardId, "AFTER_SEQUENCE_NUMBER", {
      SequenceNumber,
    });
    const first = await page(server, behind, { Limit: 1 });
    assert.deepEqual(values(first.Records), ["3"]);
    const rest = await page(server, first.NextShardIterator);
    assert.deepEqual(values(rest.Records), ["4"]);
  });

  test("from the latest, as soon as it is written", async () => {
    const { table, arn } = await streamed(server);
    await put(server, table, 0);
    const [{ ShardId }] = (await describeStream(server, arn)).Shards;
    let next = await iterator(server, arn, ShardId, "LATEST");
    for (let v = 1; v < 20; v++) {
      await put(server, table, v);
      const answer = await page(server, next);
      assert.deepEqual(values(answer.Records), [String(v)]);
      next = answer.NextShardIterator;
    }
  });

  test("an unknown shard or stream", async () => {
    const { arn } = await streamed(server);
    const shard = "shardId-00000001414576573621-f55eea83";
    await assert.rejects(iterator(server, arn, shard), (error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.message, "Requested resource not found: Shard does not exist");
      return true;
    });
    await assert.rejects(page(server, "garbage"), { name: "ValidationException" });
    const [{ ShardId }] = (await describeStream(server, arn)).Shards;
    const next = await iterator(server, arn, ShardId);
    await assert.rejects(page(server, next, { Limit: 1001 }), { name: "ValidationException" });
  });

  test("a disabled stream, beside the new one", async () => {
    const { table, arn } = await streamed(server);
    await put(server, table, 1);
    const change = async (StreamSpecification) => {
      await server.dynamodb.send(
        new UpdateTableCommand({ TableName: table, StreamSpecification }),
      );
      return active(server, table);
    };
    await change({ StreamEnabled: false });
    const again = await change({ StreamEnabled: true, StreamViewType: BOTH });
    assert.notEqual(again.LatestStreamArn, arn);
    const { Streams } = await server.streams.send(new ListStreamsCommand({ TableName: table }));
    assert.deepEqual(
      Streams.map((stream) => stream.StreamArn).sort(),
      [arn, again.LatestStreamArn].sort(),
    );
    const old = await describeStream(server, arn);
    assert.equal(old.StreamStatus, "DISABLED");
    const last = await page(server, await iterator(server, arn, old.Shards[0].ShardId));
    assert.equal(last.Records.length, 1);
    assert.equal(last.NextShardIterator, undefined);
  });

  test("with the same iterator after a restart", async () => {
    const { table, arn } = await streamed(server);
    for (let v = 0; v < 4; v++) await put(server, table, v);
    const before = await drain(server, arn);
    const [{ ShardId }] = (await describeStream(server, arn)).Shards;
    const first = await page(server, await iterator(server, arn, ShardId), { Limit: 2 });
    await server.restart();
    const rest = await page(server, first.NextShardIterator);
    assert.deepEqual([...first.Records, ...rest.Records], before);
  });
});

describe("time", () => {
  let clocked;
  before(async () => {
    clocked = await Server.start({ testClock: true });
  });
  after(() => clocked.stop());

  test("rolls shards over", async () => {
    const { table, arn } = await streamed(clocked);
    await put(clocked, table, 1);
    await clocked.advance(4 * HOUR + 1000);
    const [parent, child] = await clocked.until(async () => {
      const { Shards } = await describeStream(clocked, arn);
      return Shards.length === 2 && Shards;
    }, "the shard to roll over");
    assert.equal(child.ParentShardId, parent.ShardId);
    assert.ok(parent.SequenceNumberRange.EndingSequenceNumber);
    const last = await page(clocked, await iterator(clocked, arn, parent.ShardId));
    assert.deepEqual(values(last.Records), ["1"]);
    assert.equal(last.NextShardIterator, undefined);
    const children = await describeStream(clocked, arn, {
      ShardFilter: { Type: "CHILD_SHARDS", ShardId: parent.ShardId },
    });
    assert.deepEqual(
      children.Shards.map((shard) => shard.ShardId),
      [child.ShardId],
    );
  });

  test("expires iterators", async () => {
    const { arn } = await streamed(clocked);
    const [{ ShardId }] = (await describeStream(clocked, arn)).Shards;
    const next = await iterator(clocked, arn, ShardId);
    await clocked.advance(16 * MINUTE);
    await assert.rejects(page(clocked, next), (error) => error instanceof ExpiredIteratorException);
  });

  test("trims records", async () => {
    const { table, arn } = await streamed(clocked);
    await put(clocked, table, 1);
    await clocked.advance(23 * HOUR);
    assert.deepEqual(values(await drain(clocked, arn)), ["1"]);
    await clocked.advance(2 * HOUR);
    await clocked.until(
      async () => (await drain(clocked, arn)).length === 0,
      "the record to leave",
    );
  });
});
