// Triggers: adding them, seeing them work and fail, mending, redriving; functions by themselves.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { Page } from "@playwright/test";
import { zip } from "../../src/model/zip.ts";
import { setEditor } from "./editor.ts";
import { expect, test } from "./fixtures.ts";
import { sdk } from "./sdk.ts";

type Call = (operation: string, input: unknown) => Promise<Record<string, unknown>>;

let names = 0;

/** Names of its own for each test. */
function fresh(what: string): string {
  names += 1;
  return `${what}-${process.pid}-${names}`;
}

async function table(call: Call): Promise<string> {
  const name = fresh("table");
  await call("CreateTable", {
    TableName: name,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
  });
  return name;
}

/** A handler that prints what it gets, and fails with an item whose state is `bad`, if it is told to. */
function handler(fails: boolean): string {
  return `export const handler = async (event) => {
  for (const record of event.Records) {
    console.log("got", record.eventName, record.dynamodb.Keys.id.S);
    if (${fails} && record.dynamodb.NewImage?.state?.S === "bad") throw new TypeError("no good: " + record.dynamodb.Keys.id.S);
  }
};
`;
}

async function lambda(url: string, method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/2015-03-31/${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

/** A function of typed code and a mapping to it, made without the console. */
async function trigger(url: string, call: Call, code: string, settings: Record<string, unknown> = {}) {
  const [name, functionName] = [await table(call), fresh("function")];
  await lambda(url, "POST", "functions", {
    FunctionName: functionName,
    Runtime: "nodejs20.x",
    Handler: "index.handler",
    Role: "arn:aws:iam::000000000000:role/any",
    Code: { ZipFile: Buffer.from(zip([{ name: "index.mjs", text: code }])).toString("base64") },
  });
  const { Table } = (await call("DescribeTable", { TableName: name })) as { Table: { LatestStreamArn: string } };
  const { UUID } = await lambda(url, "POST", "event-source-mappings", {
    FunctionName: functionName,
    EventSourceArn: Table.LatestStreamArn,
    StartingPosition: "TRIM_HORIZON",
    ...settings,
  });
  return { table: name, functionName, uuid: String(UUID) };
}

const figure = (page: Page, label: string) =>
  page.locator(".figure", { has: page.getByText(label, { exact: true }) }).locator(".figure-value");

test("a folder's function is called, fails, is mended, and gets what it had given up", async ({
  page,
  server,
  call,
  open,
}) => {
  const folder = await mkdtemp(join(tmpdir(), "console-function-"));
  const client = sdk(server.url);
  const put = (name: string, id: string, state: string) =>
    client.send(new PutItemCommand({ TableName: name, Item: { id: { S: id }, state: { S: state } } }));
  try {
    await writeFile(join(folder, "index.mjs"), handler(true));
    const [name, functionName] = [await table(call), fresh("function")];
    await open(`#/tables/${name}/triggers`);
    await page.getByRole("link", { name: "Add trigger" }).click();
    await expect(page.getByLabel("Table", { exact: true })).toHaveValue(name);
    const choice = page.getByRole("radio", { name: "A new function" });
    if (await choice.isVisible()) await choice.check();
    await page.getByLabel("Name", { exact: true }).fill(functionName);
    await page.getByRole("radio", { name: /^A folder on the server/ }).check();
    await page.getByLabel("Folder", { exact: true }).fill(folder);
    await page.getByLabel("Tries after a failure").fill("1");
    await expect(page.getByText("A batch that fails is tried once more; then it goes into")).toBeVisible();
    await page.getByRole("button", { name: "Add trigger" }).click();
    await expect(page.getByRole("heading", { name: functionName })).toBeVisible();

    await put(name, "fine", "good");
    await expect(figure(page, "Delivered")).toHaveText("1");
    await expect(figure(page, "Calls")).toHaveText("1");

    await put(name, "broken", "bad");
    await expect(page.getByText("TypeError: no good: broken").first()).toBeVisible();
    await expect(page.locator(".log")).toContainText("got INSERT broken");
    await expect(page.getByRole("heading", { name: "The record at fault" })).toBeVisible();
    await expect(page.locator(".tester-reasons")).toContainText('"bad"');
    await expect(page.getByText("1 batch given up")).toBeVisible();
    await expect(page.getByText("Failing", { exact: true })).toBeVisible();

    // Still broken: redriving says so.
    await page.getByRole("button", { name: "Redrive all" }).click();
    await expect(page.getByText(/Stopped after 0 batches/)).toBeVisible();
    await expect(page.getByText("Redrive failed")).toBeVisible();
    await page.getByRole("alert").getByRole("button", { name: "Close" }).click();

    await writeFile(join(folder, "index.mjs"), handler(false));
    await page.locator(".nav").getByRole("link", { name: "Dead letters" }).click();
    await page
      .getByRole("row", { name: new RegExp(functionName) })
      .getByRole("button")
      .click();
    const letter = page.getByRole("dialog");
    await expect(letter.getByText("broken").first()).toBeVisible();
    await expect(letter.getByText('"bad"')).toBeVisible();
    await expect(letter.locator(".log")).toContainText("got INSERT broken");
    await letter.getByRole("button", { name: "Redrive" }).click();
    await expect(page.getByText("The function took the batch.")).toBeVisible();
    await expect(letter).toHaveCount(0);
    await expect(page.getByRole("row", { name: new RegExp(functionName) })).toHaveCount(0);
  } finally {
    client.destroy();
    await rm(folder, { recursive: true });
  }
});

test("code that is typed becomes a function that is called", async ({ page, server, call, open }) => {
  const [name, functionName] = [await table(call), fresh("function")];
  const client = sdk(server.url);
  await open("#/create-function");
  await page.getByLabel("Name", { exact: true }).fill(functionName);
  await setEditor(page, handler(false));
  await page.getByRole("button", { name: "Create function" }).click();
  await expect(page.getByRole("heading", { name: functionName, exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Add trigger" }).click();
  await page.getByLabel("Table", { exact: true }).selectOption(name);
  await expect(page.getByLabel("Function", { exact: true })).toHaveValue(functionName);
  await page.getByRole("button", { name: "Add trigger" }).click();
  await page.getByText("Records behind").waitFor();
  await client.send(new PutItemCommand({ TableName: name, Item: { id: { S: "typed" } } }));
  await expect(figure(page, "Delivered")).toHaveText("1");
  await page.getByRole("link", { name: functionName }).first().click();
  await expect(page.locator(".log")).toContainText("got INSERT typed");
  client.destroy();
});

test("a zip file is uploaded; samples and recent records are sent by hand", async ({ page, server, call, open }) => {
  const functionName = fresh("function");
  await open("#/create-function");
  await page.getByLabel("Name", { exact: true }).fill(functionName);
  await page.getByRole("radio", { name: /^A zip file/ }).check();
  const code = `export const handler = async (event) => {
  const [{ eventName, dynamodb }] = event.Records;
  if (eventName === "REMOVE") throw new RangeError("removed");
  return { saw: eventName, key: dynamodb.Keys };
};`;
  const buffer = Buffer.from(zip([{ name: "index.mjs", text: code }]));
  await page
    .getByLabel("Zip file", { exact: true })
    .setInputFiles({ name: "code.zip", mimeType: "application/zip", buffer });
  await page.getByRole("button", { name: "Create function" }).click();
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await expect(page.getByRole("group", { name: "Answer" })).toContainText('"INSERT"');
  await page.getByLabel("Event", { exact: true }).first().selectOption("REMOVE");
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await expect(page.getByText("RangeError: removed", { exact: true })).toBeVisible();
  await expect(page.getByRole("group", { name: "Log of the call" })).toContainText("REPORT RequestId");

  const name = await table(call);
  await call("PutItem", { TableName: name, Item: { id: { S: "recent" } } });
  const { Table } = (await call("DescribeTable", { TableName: name })) as { Table: { LatestStreamArn: string } };
  await lambda(server.url, "POST", "event-source-mappings", {
    FunctionName: functionName,
    EventSourceArn: Table.LatestStreamArn,
    StartingPosition: "LATEST",
    Enabled: false,
  });
  await page.reload();
  await page.getByLabel("Event", { exact: true }).first().selectOption(`table:${name}`);
  await expect(page.locator("[data-editor]")).toHaveValue(/recent/);
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await expect(page.getByRole("group", { name: "Answer" })).toContainText("recent");

  // Settings and code are changed, and the function is deleted by its name.
  await page.getByRole("button", { name: "Change settings" }).click();
  await page.getByLabel("Time for one call, in seconds").fill("7");
  await page.getByLabel("Variables of its environment").fill("MODE=test\nnonsense");
  await expect(page.getByText('"nonsense" is no NAME=value.')).toBeVisible();
  await page.getByLabel("Variables of its environment").fill("MODE=test");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("7 s", { exact: true })).toBeVisible();
  await expect(page.getByText("MODE", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Replace code" }).click();
  await page.getByRole("dialog").locator("[data-editor]").fill('export const handler = async () => "replaced";');
  await page.getByRole("dialog").getByRole("button", { name: "Replace code" }).click();
  await expect(page.getByText("The next call runs the new code.")).toBeVisible();
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await expect(page.getByRole("group", { name: "Answer" })).toContainText("replaced");
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("button", { name: "Delete function" })).toBeDisabled();
  await page.getByLabel(`Type ${functionName} to confirm`).fill(functionName);
  await page.getByRole("button", { name: "Delete function" }).click();
  await expect(page.getByRole("heading", { name: "Functions" })).toBeVisible();
  await expect(page.getByRole("link", { name: functionName })).toHaveCount(0);
});

test("filters are tried on real records before they are used", async ({ page, server, call, open }) => {
  const made = await trigger(server.url, call, handler(false));
  const put = (id: string, state: string) =>
    call("PutItem", { TableName: made.table, Item: { id: { S: id }, state: { S: state } } });
  for (const id of ["a", "b", "c"]) await put(id, "new");
  await put("a", "paid");
  await open(`#/triggers/${made.uuid}`);
  await expect(figure(page, "Delivered")).toHaveText("4");
  await page.getByRole("button", { name: "Change settings" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Add pattern" }).click();
  await dialog.getByLabel("Pattern", { exact: true }).fill('{"dynamodb": {"NewImage": {"state": ["paid"]}}}');
  await expect(dialog.getByText("0 of 4 recent records would be delivered.")).toBeVisible();
  await dialog.locator(".tester-row").first().click();
  await expect(dialog.getByText(/the path must go on to S/)).toBeVisible();
  await dialog.getByLabel("Pattern", { exact: true }).fill('{"dynamodb": {"NewImage": {"state": {"S": ["paid"]}}}}');
  await expect(dialog.getByText("1 of 4 recent records would be delivered.")).toBeVisible();
  await dialog.getByLabel("Records in one call, at most").fill("7");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByText("Up to 7 records are sent in one call")).toBeVisible();
  await put("b", "sent");
  await put("b", "paid");
  await expect(figure(page, "Delivered")).toHaveText("5");
  await expect(figure(page, "Passed over")).toHaveText("1");
});

test("an error shows the records of its batch, and the one at fault once that is known", async ({
  page,
  server,
  call,
  open,
}) => {
  const { table: name, uuid } = await trigger(server.url, call, handler(true), { Enabled: false });
  // Changes of one item are in one shard, and those that are there when the mapping begins in one batch.
  for (const state of ["new", "paid", "bad", "sent"]) {
    await call("PutItem", { TableName: name, Item: { id: { S: "order" }, state: { S: state } } });
  }
  await lambda(server.url, "PUT", `event-source-mappings/${uuid}`, { Enabled: true });
  await open(`#/triggers/${uuid}`);
  await expect(page.getByRole("heading", { name: "One of 4 records" })).toBeVisible();
  const records = page.locator(".tester-row");
  await expect(records).toHaveCount(4);
  await expect(page.getByText("The function failed without saying with which")).toBeVisible();

  await lambda(server.url, "PUT", `event-source-mappings/${uuid}`, { BisectBatchOnFunctionError: true });
  await expect(page.getByRole("heading", { name: "The record at fault" })).toBeVisible();
  await expect(records).toHaveCount(1);
  await expect(page.locator(".tester-reasons")).toContainText('"paid"');
  await expect(page.locator(".tester-reasons")).toContainText('"bad"');
});

test("a trigger is paused, goes on where it was, and is deleted", async ({ page, server, call, open }) => {
  const made = await trigger(server.url, call, handler(false));
  await open(`#/tables/${made.table}/triggers`);
  await page.getByRole("link", { name: made.functionName }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("Disabled", { exact: true })).toBeVisible();
  for (const id of ["a", "b"]) await call("PutItem", { TableName: made.table, Item: { id: { S: id } } });
  await expect(figure(page, "Behind")).toHaveText(/^2, /);
  await expect(figure(page, "Delivered")).toHaveText("0");
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(figure(page, "Delivered")).toHaveText("2");
  await expect(figure(page, "Behind")).toHaveText("0");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete trigger" }).click();
  await expect(page.getByRole("heading", { name: "Triggers" })).toBeVisible();
  await expect(page.getByRole("link", { name: made.functionName })).toHaveCount(0);
  const rest = await lambda(server.url, "GET", `event-source-mappings?FunctionName=${made.functionName}`);
  expect(rest.EventSourceMappings).toEqual([]);
});

test("dead letters are removed; hostile errors and keys are shown as they are", async ({
  page,
  server,
  call,
  open,
}) => {
  const hostile = `<img src=x onerror="document.title='hacked'">`;
  const code = `export const handler = async (event) => {
  console.log(event.Records[0].dynamodb.Keys.id.S);
  throw new Error(event.Records[0].dynamodb.Keys.id.S);
};`;
  const made = await trigger(server.url, call, code, { MaximumRetryAttempts: 0 });
  await call("PutItem", { TableName: made.table, Item: { id: { S: hostile } } });
  await open(`#/triggers/${made.uuid}`);
  await expect(page.getByText("1 batch given up")).toBeVisible();
  await expect(page.getByText(`Error: ${hostile}`).first()).toBeVisible();
  await page.locator(".nav").getByRole("link", { name: "Dead letters" }).click();
  await page.getByLabel("Trigger", { exact: true }).selectOption(made.uuid);
  await page
    .getByRole("row", { name: new RegExp(made.functionName) })
    .getByRole("button")
    .click();
  await expect(page.getByRole("dialog").locator(".log")).toContainText(hostile);
  expect(await page.locator("img").count()).toBe(0);
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("button", { name: "Remove 1 batch" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("row", { name: new RegExp(made.functionName) })).toHaveCount(0);
  expect(await page.title()).not.toBe("hacked");
});
