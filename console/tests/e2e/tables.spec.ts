// Tables: made with each kind of option, changed, deleted.

import { CreateTableCommand, type CreateTableCommandInput } from "@aws-sdk/client-dynamodb";
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures.ts";
import { sdk } from "./sdk.ts";

/** Each test has tables of its own: they share a server. */
let count = 0;
function fresh(name: string): string {
  count += 1;
  return `${name}-${process.pid}-${count}`;
}

async function fillKeys(page: Page, name: string): Promise<void> {
  await page.getByLabel("Table name").fill(name);
  await page.getByRole("textbox", { name: "Partition key" }).fill("id");
}

async function create(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Create table" }).click();
  await expect(page).toHaveURL(new RegExp(`#/tables/${name}/items`));
}

async function createBySdk(url: string, TableName: string, more: Partial<CreateTableCommandInput> = {}): Promise<void> {
  await sdk(url).send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      ...more,
    }),
  );
}

test("the smallest table", async ({ page, open, call }) => {
  const name = fresh("small");
  await open("#/create-table");
  await fillKeys(page, name);
  await create(page, name);
  const { Table } = await call("DescribeTable", { TableName: name });
  expect(Table).toMatchObject({
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    BillingModeSummary: { BillingMode: "PAY_PER_REQUEST" },
  });
});

test("a table with everything", async ({ page, open, call }) => {
  const name = fresh("full");
  await open("#/create-table");
  await fillKeys(page, name);
  await page.getByLabel("Type of the partition key").selectOption("Binary");
  await page.getByRole("textbox", { name: "Sort key (optional)" }).fill("at");
  await page.getByLabel("Type of the sort key").selectOption("Number");
  await page.getByLabel("Provisioned").check();
  await page.getByLabel("Read units").fill("7");
  await page.getByLabel("Write units").fill("11");

  await page.getByRole("button", { name: "Add index" }).click();
  const first = page.locator(".index-card").nth(0);
  await first.getByLabel("Index name").fill("by-state");
  await first.getByRole("textbox", { name: "Partition key" }).fill("state");
  await first.getByLabel("Holds").selectOption("Keys and some attributes");
  await first.getByLabel("Attributes besides the keys").fill("total, name");
  await page.getByRole("button", { name: "Add index" }).click();
  const second = page.locator(".index-card").nth(1);
  await second.getByText("Local", { exact: true }).click();
  await second.getByLabel("Index name").fill("by-total");
  await second.getByRole("textbox", { name: "Sort key" }).fill("total");
  await second.getByLabel("Type of the sort key").selectOption("Number");
  await second.getByLabel("Holds").selectOption("Keys only");

  await page.getByLabel("Old image").first().check();
  await page.getByLabel("Time to live attribute").fill("expires");
  await page.getByLabel("Deletion protection").check();
  await page.getByLabel("Point-in-time recovery").check();
  await page.getByRole("button", { name: "Add tag" }).click();
  await page.getByLabel("Key of tag 1").fill("team");
  await page.getByLabel("Value of tag 1").fill("blue = 1_000 @ 5:00");
  await expect(page.getByLabel("AWS CLI")).toContainText("update-continuous-backups");
  await create(page, name);

  const { Table } = (await call("DescribeTable", { TableName: name })) as { Table: { TableArn: string } };
  expect(Table).toMatchObject({
    KeySchema: [
      { AttributeName: "id", KeyType: "HASH" },
      { AttributeName: "at", KeyType: "RANGE" },
    ],
    ProvisionedThroughput: { ReadCapacityUnits: 7, WriteCapacityUnits: 11 },
    StreamSpecification: { StreamEnabled: true, StreamViewType: "OLD_IMAGE" },
    DeletionProtectionEnabled: true,
    GlobalSecondaryIndexes: [
      { IndexName: "by-state", Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["name", "total"] } },
    ],
    LocalSecondaryIndexes: [{ IndexName: "by-total", Projection: { ProjectionType: "KEYS_ONLY" } }],
  });
  const types = (Table as unknown as { AttributeDefinitions: unknown[] }).AttributeDefinitions;
  expect(types).toContainEqual({ AttributeName: "id", AttributeType: "B" });
  expect(types).toContainEqual({ AttributeName: "at", AttributeType: "N" });
  expect(await call("DescribeTimeToLive", { TableName: name })).toMatchObject({
    TimeToLiveDescription: { AttributeName: "expires", TimeToLiveStatus: "ENABLED" },
  });
  expect(await call("DescribeContinuousBackups", { TableName: name })).toMatchObject({
    ContinuousBackupsDescription: { PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: "ENABLED" } },
  });
  expect(await call("ListTagsOfResource", { ResourceArn: Table.TableArn })).toMatchObject({
    Tags: [{ Key: "team", Value: "blue = 1_000 @ 5:00" }],
  });
});

for (const [label, view] of [
  ["Keys only", "KEYS_ONLY"],
  ["New image", "NEW_IMAGE"],
  ["New and old images", "NEW_AND_OLD_IMAGES"],
] as const) {
  test(`a stream with ${label}`, async ({ page, open, call }) => {
    const name = fresh("stream");
    await open("#/create-table");
    await fillKeys(page, name);
    await page.getByRole("radio", { name: label }).check();
    await create(page, name);
    const { Table } = await call("DescribeTable", { TableName: name });
    expect(Table).toMatchObject({ StreamSpecification: { StreamEnabled: true, StreamViewType: view } });
  });
}

test("a form that is not right says so, and goes to the first field", async ({ page, open }) => {
  await open("#/create-table");
  await page.getByLabel("Table name").fill("x");
  await page.getByRole("button", { name: "Create table" }).click();
  await expect(page.getByText("Names have 3 to 255 characters.")).toBeVisible();
  await expect(page.getByText("Name the attribute that is a partition key.")).toBeVisible();
  await expect(page.getByLabel("Table name")).toBeFocused();
});

test("what the server refuses is shown with its words", async ({ page, open, server }) => {
  const name = fresh("taken");
  await createBySdk(server.url, name);
  await open("#/create-table");
  await fillKeys(page, name);
  await page.getByRole("button", { name: "Create table" }).click();
  await expect(page.getByRole("alert")).toContainText("ResourceInUseException");
  await expect(page.getByLabel("Table name")).toHaveValue(name);
});

test("the list filters, sorts, and keeps up", async ({ page, open, server }) => {
  const [one, two] = [fresh("list-alpha"), fresh("list-beta")];
  await createBySdk(server.url, one);
  await open("#/tables");
  await expect(page.getByRole("link", { name: one })).toBeVisible();
  await createBySdk(server.url, two);
  await expect(page.getByRole("link", { name: two })).toBeVisible({ timeout: 15_000 });
  await page.keyboard.press("/");
  await page.keyboard.type("list-");
  await expect(page.locator("tbody tr")).toHaveCount(2);
  await page.getByRole("button", { name: "Name" }).click();
  await expect(page.locator("tbody tr").first()).toContainText(two);
  await page.getByLabel("Filter by name").fill("nothing has this");
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(page.getByRole("link", { name: one })).toBeVisible();
});

test("settings", async ({ page, open, server, call }) => {
  const name = fresh("settings");
  await createBySdk(server.url, name);
  await open(`#/tables/${name}/settings`);
  const setting = (title: string) =>
    page.locator(".setting").filter({ has: page.getByRole("heading", { name: title }) });

  await setting("Time to live").getByLabel("Attribute").fill("expires");
  await setting("Time to live").getByRole("button", { name: "Turn on" }).click();
  await expect(setting("Time to live")).toContainText("Enabled");
  expect(await call("DescribeTimeToLive", { TableName: name })).toMatchObject({
    TimeToLiveDescription: { AttributeName: "expires" },
  });

  await setting("Point-in-time recovery").getByRole("button", { name: "Turn on" }).click();
  await expect(setting("Point-in-time recovery")).toContainText("can be restored");

  await setting("Billing").getByRole("button", { name: "Change" }).click();
  await page.getByRole("dialog").getByText("Provisioned").click();
  await page.getByLabel("Read units").fill("3");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(setting("Billing")).toContainText("3 read units");

  await page.getByRole("button", { name: "Edit tags" }).click();
  await page.getByRole("button", { name: "Add tag" }).click();
  await page.getByLabel("Key of tag 1").fill("owner");
  await page.getByLabel("Value of tag 1").fill("me");
  await page.getByRole("button", { name: "Save tags" }).click();
  await expect(page.locator(".tag")).toContainText("owner");
  await page.getByRole("button", { name: "Edit tags" }).click();
  await page.getByRole("button", { name: "Remove tag 1" }).click();
  await page.getByRole("button", { name: "Save tags" }).click();
  await expect(page.getByText("There are none.")).toBeVisible();
});

test("indexes are added and deleted", async ({ page, open, server, call }) => {
  const name = fresh("indexes");
  await createBySdk(server.url, name);
  await open(`#/tables/${name}/overview`);
  await page.getByRole("button", { name: "Add global index" }).click();
  await page.getByLabel("Index name").fill("by-mail");
  await page.getByRole("textbox", { name: "Partition key" }).fill("mail");
  await page.getByRole("button", { name: "Add the index" }).click();
  await expect(page.getByRole("cell", { name: "by-mail", exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Delete the index by-mail" }).click();
  await page.getByRole("button", { name: "Delete the index", exact: true }).click();
  await expect(page.getByText("There is no index.")).toBeVisible();
  const { Table } = await call("DescribeTable", { TableName: name });
  expect(Table).not.toHaveProperty("GlobalSecondaryIndexes");
});

test("a table is deleted only when its name is typed and it is not protected", async ({ page, open, server, call }) => {
  const name = fresh("gone");
  await createBySdk(server.url, name, { DeletionProtectionEnabled: true });
  await open(`#/tables/${name}/settings`);
  const button = page.getByRole("button", { name: "Delete table" });
  await expect(button).toBeDisabled();
  const protection = page.locator(".setting").filter({ hasText: "Deletion protection" }).first();
  await protection.getByRole("button", { name: "Turn off" }).click();
  await button.click();
  const confirm = page.getByRole("button", { name: "Delete the table" });
  await expect(confirm).toBeDisabled();
  await page.getByLabel(`Type ${name} to confirm`).fill(name.slice(1));
  await expect(confirm).toBeDisabled();
  await page.getByLabel(`Type ${name} to confirm`).fill(name);
  await confirm.click();
  await expect(page).toHaveURL(/#\/tables$/);
  const { TableNames } = (await call("ListTables", {})) as { TableNames: string[] };
  expect(TableNames).not.toContain(name);
});
