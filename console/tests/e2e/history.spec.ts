// The time machine: all versions of an item, and the way back to one.

import { expect, test } from "./fixtures.ts";

const NAME = `history-${process.pid}`;
const KEY = { id: { S: "<b>item</b>" }, at: { N: "12345678901234567890123456789012345678" } };

test("every version of an item is shown, compared and put back", async ({ page, call, open }) => {
  // No stream: the history is read from the log itself.
  await call("CreateTable", {
    TableName: NAME,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "id", AttributeType: "S" },
      { AttributeName: "at", AttributeType: "N" },
    ],
    KeySchema: [
      { AttributeName: "id", KeyType: "HASH" },
      { AttributeName: "at", KeyType: "RANGE" },
    ],
  });
  const put = (rest: Record<string, unknown>) => call("PutItem", { TableName: NAME, Item: { ...KEY, ...rest } });
  await put({ state: { S: "new" }, total: { N: "1" } });
  await put({ state: { S: "paid" }, total: { N: "1" } });
  await put({ state: { S: "sent" }, total: { N: "99999999999999999999999999999999999999" } });
  await put({ state: { S: "sent" }, total: { N: "99999999999999999999999999999999999999" } });

  await open(`#/tables/${NAME}/history`);
  await page.getByRole("button", { name: "Show its history" }).click();
  await expect(page.getByText("A key is not empty.")).toHaveCount(2);
  await page.getByLabel("id", { exact: true }).fill(KEY.id.S);
  await page.getByLabel("at", { exact: true }).fill(KEY.at.N);
  await page.getByRole("button", { name: "Show its history" }).click();
  // A write that changes nothing is no version.
  const rows = page.locator(".history-row");
  await expect(rows).toHaveCount(3);
  await expect(page.getByText("The log reaches back to the table's beginning.")).toBeVisible();
  await expect(rows.nth(0)).toContainText("state: paid \u2192 sent");
  await expect(rows.nth(0)).toContainText("99999999999999999999999999999999999999");

  await rows.nth(1).click();
  await expect(page.locator(".diff-changed")).toHaveText(/state.*"new".*"paid"/s);
  await page.getByText("Then and now").click();
  await expect(page.locator(".diff-changed")).toHaveCount(2);
  // The version is in the address.
  await page.reload();
  await expect(rows.nth(1)).toHaveAttribute("aria-current", "true");

  await page.getByRole("button", { name: "Put this version back" }).click();
  // Somebody writes meanwhile: nothing is overwritten.
  await put({ state: { S: "lost" } });
  await page.getByRole("button", { name: "Put it back" }).click();
  await expect(page.getByText("The item was changed meanwhile, and nothing was written.")).toBeVisible();
  await expect(rows).toHaveCount(4);
  await page.getByRole("button", { name: "Put it back" }).click();
  await expect(page.getByText("The version is back.")).toBeVisible();
  await expect(rows).toHaveCount(5);
  const { Item } = (await call("GetItem", { TableName: NAME, Key: KEY })) as { Item: Record<string, unknown> };
  expect(Item.state).toEqual({ S: "paid" });
  expect(Item.total).toEqual({ N: "1" });

  // A removed item can be put back too.
  await call("DeleteItem", { TableName: NAME, Key: KEY });
  await page.getByRole("button", { name: "Read again" }).click();
  await expect(rows).toHaveCount(6);
  await rows.nth(1).click();
  await page.getByRole("button", { name: "Put this version back" }).click();
  await page.getByRole("button", { name: "Put it back" }).click();
  await expect(rows).toHaveCount(7);
  await expect(rows.nth(0)).toContainText("INSERT");
});
