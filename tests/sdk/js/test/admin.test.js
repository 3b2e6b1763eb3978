// dynamodb-admin: its pages and forms over a server, as a browser would fetch them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";

import {
  DescribeTableCommand,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";

import { Server } from "../launcher.js";
import { active, create, tableName } from "../tables.js";

const program = createRequire(import.meta.url).resolve("dynamodb-admin/dist/dynamodb-admin.js");

let server;
let admin;
let site;
let TableName;

before(async () => {
  server = await Server.start();
  admin = spawn(
    process.execPath,
    [program, "--host", "127.0.0.1", "--port", "0", "--dynamo-endpoint", server.url],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(admin, "exit").then(([status]) => {
    throw new Error(`dynamodb-admin ended with ${status} before it listened`);
  });
  site = await Promise.race([ended, listening(admin.stdout)]);
  ended.catch(() => {});
  ({ TableName } = await create(server, { sorted: true }));
  for (let at = 0; at < 60; at++) {
    const Item = { pk: { S: "a" }, sk: { N: String(at) }, even: { BOOL: at % 2 === 0 } };
    await server.dynamodb.send(new PutItemCommand({ TableName, Item }));
  }
});
after(async () => {
  const ended = once(admin, "exit");
  admin.kill();
  await ended;
  await server.stop();
});

/** The address that the program prints. */
async function listening(stdout) {
  for await (const line of createInterface({ input: stdout })) {
    const found = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(line);
    if (found) {
      stdout.resume();
      return found[1];
    }
  }
  throw new Error("dynamodb-admin printed no address");
}

async function ask(path, { method = "GET", body, status = 200 } = {}) {
  const answer = await fetch(`${site}${path}`, {
    method,
    headers: body && { "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return text;
}
const page = async (path) => ask(path);
const data = async (path) => JSON.parse(await ask(path));
const describeTable = (name) =>
  server.dynamodb.send(new DescribeTableCommand({ TableName: name })).then(({ Table }) => Table);

describe("dynamodb-admin", () => {
  test("lists the tables with their counts", async () => {
    const html = await page("/");
    assert.match(html, new RegExp(`data-table-name="${TableName}"[^]*?>\\s*60\\s*</span>`));
    const tables = await data("/api/tables");
    assert.deepEqual(
      tables.map((table) => [table.TableName, table.TableStatus, table.ItemCount]),
      [[TableName, "ACTIVE", 60]],
    );
  });

  test("shows a table, and its items in pages", async () => {
    const html = await page(`/tables/${TableName}`);
    assert.ok(html.includes(TableName));
    assert.match(html, /data-key-hash="pk"/);
    assert.match(html, /data-key-range="sk"/);
    const found = [];
    let query = "";
    let pages = 0;
    for (;;) {
      const { Items, nextKey } = await data(`/tables/${TableName}/items?pageSize=25${query}`);
      found.push(...Items.map((item) => item.sk));
      pages += 1;
      if (!nextKey) break;
      query = `&startKey=${nextKey}`;
    }
    assert.deepEqual(found, [...Array(60).keys()]);
    assert.equal(pages, 3);
  });

  test("filters scans, and queries", async () => {
    const search = (operation, filters) =>
      data(
        `/tables/${TableName}/items?operationType=${operation}` +
          `&filters=${encodeURIComponent(JSON.stringify(filters))}`,
      );
    const filter = (operator, value, type) => ({ operator, value, type });
    const scanned = await search("scan", { sk: filter(">", "57", "N") });
    assert.deepEqual(
      scanned.Items.map((item) => item.sk),
      [58, 59],
    );
    const queried = await search("query", {
      pk: filter("=", "a", "S"),
      sk: filter("<=", "2", "N"),
    });
    assert.deepEqual(
      queried.Items.map((item) => [item.sk, item.even]),
      [
        [0, true],
        [1, false],
        [2, true],
      ],
    );
  });

  test("shows, adds, changes and deletes an item", async () => {
    const items = `/tables/${TableName}/items`;
    const Key = { pk: { S: "new" }, sk: { N: "7" } };
    const read = async () =>
      (await server.dynamodb.send(new GetItemCommand({ TableName, Key }))).Item;
    const shown = await page(`${items}/a,3`);
    assert.match(shown, /even/);
    await ask(`${items}/a,1000`, { status: 404 });
    const added = await ask(`/tables/${TableName}/add-item`, {
      method: "PUT",
      body: { pk: "new", sk: 7, nested: { list: [1, "two", null] } },
    });
    assert.deepEqual(JSON.parse(added), { pk: "new", sk: 7 });
    assert.deepEqual((await read()).nested, {
      M: { list: { L: [{ N: "1" }, { S: "two" }, { NULL: true }] } },
    });
    await ask(`${items}/new,7`, { method: "PUT", body: { pk: "new", sk: 7, changed: true } });
    assert.deepEqual(await read(), { ...Key, changed: { BOOL: true } });
    assert.match(await page(`${items}/new,7`), /changed/);
    await ask(`${items}/new,7`, { method: "DELETE", status: 204 });
    assert.equal(await read(), undefined);
  });

  test("shows an error of the server as it is", async () => {
    const answer = await ask(`/tables/${TableName}/add-item`, {
      method: "PUT",
      body: { pk: "new", sk: "text" },
      status: 500,
    });
    assert.equal(
      JSON.parse(answer).message,
      "One or more parameter values were invalid: Type mismatch for key sk expected: N actual: S",
    );
  });

  test("shows the description and the time to live", async () => {
    assert.match(await page(`/tables/${TableName}/ttl`), />DISABLED</);
    await server.dynamodb.send(
      new UpdateTimeToLiveCommand({
        TableName,
        TimeToLiveSpecification: { AttributeName: "expires", Enabled: true },
      }),
    );
    await server.until(
      async () => />ENABLED<[^]*<td>expires</.test(await page(`/tables/${TableName}/ttl`)),
      "the time to live on its page",
    );
    const { TableArn } = await describeTable(TableName);
    assert.ok((await page(`/tables/${TableName}/meta`)).includes(TableArn));
  });

  test("creates a table with indexes, queries one, and deletes the table", async () => {
    const name = tableName();
    const throughput = { ReadCapacityUnits: 3, WriteCapacityUnits: 3 };
    const attribute = (kind, attributeName, type) => ({
      [`${kind}AttributeName`]: attributeName,
      [`${kind}AttributeType`]: type,
    });
    assert.match(await page("/create-table"), /HashAttributeName/);
    await ask("/create-table", {
      method: "POST",
      status: 204,
      body: {
        TableDefinition: {
          TableName: name,
          ...attribute("Hash", "id", "S"),
          ...attribute("Range", "at", "N"),
          ...throughput,
        },
        SecondaryIndexes: [
          {
            IndexName: "by-color",
            IndexType: "global",
            ...attribute("Hash", "color", "S"),
            ...throughput,
          },
          {
            IndexName: "by-size",
            IndexType: "local",
            ...attribute("Hash", "id", "S"),
            ...attribute("Range", "size", "N"),
          },
        ],
      },
    });
    const table = await active(server, name);
    assert.equal(table.GlobalSecondaryIndexes[0].IndexName, "by-color");
    assert.equal(table.GlobalSecondaryIndexes[0].ProvisionedThroughput.ReadCapacityUnits, 3);
    assert.equal(table.LocalSecondaryIndexes[0].IndexName, "by-size");
    for (const [at, color] of ["red", "blue", "red"].entries()) {
      await ask(`/tables/${name}/add-item`, { method: "PUT", body: { id: "a", at, color } });
    }
    const filters = JSON.stringify({ color: { operator: "=", value: "red", type: "S" } });
    const { Items } = await data(
      `/tables/${name}/items?operationType=query&queryableSelection=by-color` +
        `&filters=${encodeURIComponent(filters)}`,
    );
    assert.deepEqual(Items.map((item) => item.at).sort(), [0, 2]);
    assert.match(await page(`/tables/${name}`), /by-color/);
    await ask(`/tables/${name}/all`, { method: "DELETE" });
    await server.until(
      async () => (await data(`/tables/${name}/items`)).Items.length === 0,
      "the table to be empty",
    );
    await ask(`/tables/${name}`, { method: "DELETE", status: 204 });
    await server.until(async () => {
      const { TableNames } = await server.dynamodb.send(new ListTablesCommand({}));
      return !TableNames.includes(name);
    }, "the table to be gone");
    assert.ok(!(await page("/")).includes(name));
  });
});
