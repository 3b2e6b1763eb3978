// Functions on Node, and mappings that send them what happens in a table.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  GetEventSourceMappingCommand,
  GetFunctionCommand,
  InvokeCommand,
  ResourceConflictException,
  ResourceNotFoundException,
  UpdateEventSourceMappingCommand,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";

import { Server } from "../launcher.js";
import { streamed } from "../tables.js";
import { zip } from "../zip.js";

const RECORDER = `
import { appendFileSync, existsSync } from "node:fs";
export const handler = async (event) => {
  appendFileSync(process.env.SEEN, JSON.stringify(event) + "\\n");
  if (existsSync(process.env.SEEN + ".fail")) throw new Error("told to fail");
  return { seen: event.Records?.length };
};
`;

let server;
before(async () => {
  server = await Server.start();
});
after(() => server.stop());

const send = (command) => server.functions.send(command);

async function create(source, variables = {}) {
  const FunctionName = `f-${randomUUID().slice(0, 13)}`;
  await send(
    new CreateFunctionCommand({
      FunctionName,
      Role: "arn:aws:iam::000000000000:role/test",
      Runtime: "nodejs20.x",
      Handler: "index.handler",
      Timeout: 30,
      Code: { ZipFile: zip({ "index.mjs": source }) },
      Environment: { Variables: variables },
    }),
  );
  const waiting = { client: server.functions, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
  await waitUntilFunctionActiveV2(waiting, { FunctionName });
  return FunctionName;
}

/** A function that writes down what it gets: its name, and a way to read that. */
async function recorder() {
  const file = `seen-${randomUUID()}`;
  const seen = path.join(server.folder, file);
  const FunctionName = await create(RECORDER, { SEEN: seen });
  const batches = async () => {
    const lines = (await server.read(file)).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line).Records);
  };
  const values = async () =>
    (await batches()).flat().map((record) => Number(record.dynamodb.NewImage.v.N));
  return { FunctionName, batches, values, fail: `${seen}.fail` };
}

async function invoke(FunctionName, payload, more = {}) {
  const answer = await send(
    new InvokeCommand({ FunctionName, Payload: JSON.stringify(payload), ...more }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString();
  return { ...answer, Payload: text ? JSON.parse(text) : undefined };
}

const put = (TableName, v) =>
  server.dynamodb.send(
    new PutItemCommand({ TableName, Item: { pk: { S: "a" }, v: { N: String(v) } } }),
  );

async function inState(UUID, State) {
  return server.until(async () => {
    const mapping = await send(new GetEventSourceMappingCommand({ UUID }));
    return mapping.State === State && mapping;
  }, `the mapping to be ${State}`);
}

async function mapping(EventSourceArn, FunctionName, more = {}) {
  const { UUID } = await send(
    new CreateEventSourceMappingCommand({
      EventSourceArn,
      FunctionName,
      StartingPosition: "TRIM_HORIZON",
      ...more,
    }),
  );
  await inState(UUID, "Enabled");
  return UUID;
}

const count = (from, to) => Array.from({ length: to - from }, (_, at) => from + at);

describe("functions", () => {
  test("are invoked", async () => {
    const name = await create("export const handler = async (event) => ({ echo: event });");
    const answer = await invoke(name, { a: [1] });
    assert.equal(answer.StatusCode, 200);
    assert.equal(answer.FunctionError, undefined);
    assert.deepEqual(answer.Payload, { echo: { a: [1] } });
    const dry = await invoke(name, {}, { InvocationType: "DryRun" });
    assert.equal(dry.StatusCode, 204);
  });

  test("show their log and their failures", async () => {
    const name = await create(`
      export const handler = async (event) => {
        console.log("on the log");
        throw new TypeError("no good");
      };
    `);
    const answer = await invoke(name, {}, { LogType: "Tail" });
    assert.equal(answer.FunctionError, "Unhandled");
    assert.equal(answer.Payload.errorType, "TypeError");
    assert.equal(answer.Payload.errorMessage, "no good");
    assert.match(Buffer.from(answer.LogResult, "base64").toString(), /on the log/);
  });

  test("are there once, until they are deleted", async () => {
    const name = await create("export const handler = async () => 1;");
    const twice = new CreateFunctionCommand({
      FunctionName: name,
      Role: "arn:aws:iam::000000000000:role/test",
      Runtime: "nodejs20.x",
      Handler: "index.handler",
      Code: { ZipFile: zip({ "index.mjs": "" }) },
    });
    await assert.rejects(send(twice), (error) => {
      assert.ok(error instanceof ResourceConflictException);
      assert.equal(error.$metadata.httpStatusCode, 409);
      return true;
    });
    await send(new DeleteFunctionCommand({ FunctionName: name }));
    await assert.rejects(
      send(new GetFunctionCommand({ FunctionName: name })),
      (error) => error instanceof ResourceNotFoundException,
    );
  });
});

describe("mappings", () => {
  test("deliver everything in order", async () => {
    const { table, arn } = await streamed(server);
    for (const v of count(0, 20)) await put(table, v);
    const { FunctionName, values, batches } = await recorder();
    await mapping(arn, FunctionName, { BatchSize: 8 });
    for (const v of count(20, 30)) await put(table, v);
    await server.until(async () => (await values()).length >= 30, "all records");
    assert.deepEqual(await values(), count(0, 30));
    const sizes = (await batches()).map((batch) => batch.length);
    assert.ok(Math.max(...sizes) <= 8);
    const [[first]] = await batches();
    assert.equal(first.eventSourceARN, arn);
  });

  test("retry, then go on", async () => {
    const { table, arn } = await streamed(server);
    const { FunctionName, values, fail } = await recorder();
    await writeFile(fail, "");
    await mapping(arn, FunctionName, { BatchSize: 1, MaximumRetryAttempts: 1 });
    await put(table, 1);
    await put(table, 2);
    await server.until(async () => (await values()).includes(2), "the second record");
    assert.ok(existsSync(fail));
    await rm(fail);
    await put(table, 3);
    await server.until(async () => (await values()).includes(3), "the third record");
    const calls = await values();
    assert.equal(calls.filter((v) => v === 1).length, 2);
    assert.deepEqual([...new Set(calls)], [1, 2, 3]);
  });

  test("stop and go on where they stopped, over a restart too", async () => {
    const { table, arn } = await streamed(server);
    const { FunctionName, values } = await recorder();
    const UUID = await mapping(arn, FunctionName);
    await put(table, 0);
    await server.until(async () => (await values()).length === 1, "the first record");
    await send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
    await inState(UUID, "Disabled");
    await put(table, 1);
    await server.restart();
    await inState(UUID, "Disabled");
    await send(new UpdateEventSourceMappingCommand({ UUID, Enabled: true }));
    await put(table, 2);
    await server.until(async () => (await values()).includes(2), "the last record");
    assert.deepEqual([...new Set(await values())], [0, 1, 2]);
    const { State } = await send(new DeleteEventSourceMappingCommand({ UUID }));
    assert.equal(State, "Deleting");
  });
});
