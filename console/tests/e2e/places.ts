// Every page, with data in it, for the screenshots and for the checks that each page has to pass.

import type { Page } from "@playwright/test";
import { setEditor } from "./editor.ts";
import { withTrigger } from "./trigger-data.ts";

type Call = (operation: string, input: unknown) => Promise<Record<string, unknown>>;

export interface Place {
  /** The name of its pictures. */
  name: string;
  hash: string;
  /** Waits for what shows that the page is there, or opens what lies above it. */
  ready?: (page: Page, call: Call) => Promise<void>;
}

const DASHBOARD_MS = 7000;

/** A page is added here once; all checks then go over it. */
export const places: Place[] = [
  {
    name: "dashboard",
    hash: "#/",
    ready: async (page, call) => {
      // Some work, so that there is something to see.
      const until = Date.now() + DASHBOARD_MS;
      for (let index = 0; Date.now() < until; index += 1) {
        const Key = { id: { S: `session-${index % 50}` } };
        await call("PutItem", { TableName: "sessions", Item: { ...Key, at: { N: String(index) } } });
        if (index % 3 === 0) await call("GetItem", { TableName: "sessions", Key });
      }
      await page.locator(".chart-name b").first().filter({ hasNotText: "-" }).waitFor();
    },
  },
  { name: "tables", hash: "#/tables", ready: (page) => page.getByRole("link", { name: "orders" }).waitFor() },
  { name: "create-table", hash: "#/create-table", ready: (page) => page.getByLabel("Table name").waitFor() },
  { name: "overview", hash: "#/tables/orders/overview", ready: (page) => page.getByText("by-state").waitFor() },
  { name: "settings", hash: "#/tables/orders/settings", ready: (page) => page.getByText("There are none").waitFor() },
  { name: "items", hash: "#/tables/orders/items", ready: (page) => page.getByText("60 items").waitFor() },
  {
    name: "items-query",
    hash: href("#/tables/orders/items", {
      search: JSON.stringify({
        mode: "query",
        partition: "customer-003",
        sortOperator: ">=",
        sort: "1790000000",
        descending: true,
        filters: [{ name: "state", operator: "=", type: "S", value: "paid", high: "" }],
      }),
    }),
    ready: (page) => page.getByText(/of 7 read/).waitFor(),
  },
  {
    name: "items-statement",
    hash: href("#/tables/orders/items", { statement: "SELECT customer, total FROM orders WHERE total > 'x'" }),
    ready: async (page) => {
      await page.getByRole("button", { name: "Run" }).click();
      await page.getByRole("alert").or(page.getByText("Nothing was found")).first().waitFor();
    },
  },
  {
    name: "items-columns",
    hash: "#/tables/orders/items",
    ready: async (page) => {
      await page.getByText("60 items").waitFor();
      await page.getByLabel("Select row 2", { exact: true }).check();
      await page.getByRole("button", { name: "Columns" }).click();
    },
  },
  {
    name: "item-conflict",
    hash: href("#/tables/orders/items", {
      item: JSON.stringify({ customer: { S: "customer-004" }, placed: { N: "1790016844" } }),
    }),
    ready: async (page, call) => {
      const text = await page.locator("[data-editor]").inputValue();
      await setEditor(
        page,
        text.replace(/"state": "\w+"/, '"state": "cancelled"').replace(/"gift": \w+/, '"gift": null'),
      );
      await call("UpdateItem", {
        TableName: "orders",
        Key: { customer: { S: "customer-004" }, placed: { N: "1790016844" } },
        UpdateExpression: "SET #s = :s, note = :n",
        ExpressionAttributeNames: { "#s": "state" },
        ExpressionAttributeValues: { ":s": { S: `sent-${Date.now()}` }, ":n": { S: "left at the door" } },
      });
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Somebody changed this item").waitFor();
    },
  },
  { name: "items-empty", hash: "#/tables/products/items", ready: (page) => page.getByText("table is empty").waitFor() },
  {
    name: "item",
    hash: href("#/tables/orders/items", {
      item: JSON.stringify({ customer: { S: "customer-003" }, placed: { N: "1790012633" } }),
    }),
    ready: (page) => page.locator("[data-editor]").waitFor(),
  },
  {
    name: "item-wrong",
    hash: "#/tables/orders/items",
    ready: async (page) => {
      await page.getByRole("button", { name: "Create item" }).click();
      await setEditor(page, '{\n  "customer": "",\n  "placed": 12345678901234567890123456789012345678901\n}');
      await page.getByText("38 significant").first().waitFor();
    },
  },
  {
    name: "delete-table",
    hash: "#/tables/orders/settings",
    ready: async (page) => {
      await page.getByRole("button", { name: "Delete table" }).click();
      await page.getByLabel("Type orders to confirm").fill("order");
    },
  },
  {
    name: "shortcuts",
    hash: "#/tables",
    ready: async (page) => {
      await page.getByRole("link", { name: "orders" }).waitFor();
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "menu",
    hash: "#/tables",
    ready: async (page) => {
      await page.getByRole("link", { name: "orders" }).waitFor();
      const menu = page.getByRole("button", { name: "Menu" });
      if (await menu.isVisible()) await menu.click();
    },
  },
  { name: "gone", hash: "#/tables/nowhere", ready: (page) => page.getByText("no table of this name").waitFor() },
  {
    name: "stream",
    hash: "#/tables/orders/stream?from=horizon",
    ready: async (page) => {
      await page.locator(".stream-row").last().click();
      await page.getByRole("region", { name: "The record" }).waitFor();
    },
  },
  {
    name: "stream-pattern",
    hash: `#/tables/orders/stream?from=horizon&pattern=${encodeURIComponent('{"eventName":["INSERT"]}')}`,
    ready: (page) => page.locator(".stream-row").last().waitFor(),
  },
  {
    name: "stream-shards",
    hash: "#/tables/orders/stream/shards",
    ready: (page) => page.locator(".lineage-shard").first().click(),
  },
  {
    name: "stream-settings",
    hash: "#/tables/orders/stream/settings",
    ready: (page) => page.getByRole("button", { name: "Disable stream" }).waitFor(),
  },
  {
    name: "stream-enable",
    hash: "#/tables/customers/stream",
    ready: (page) => page.getByRole("button", { name: "Enable stream" }).waitFor(),
  },
  {
    name: "no-triggers",
    hash: "#/tables/sessions/triggers",
    ready: (page) => page.getByText("no trigger yet").waitFor(),
  },
  {
    name: "create-trigger",
    hash: "#/create-trigger?table=orders",
    ready: async (page) => {
      await page.getByRole("radio", { name: "The next change" }).waitFor();
      const choice = page.getByRole("radio", { name: "A new function" });
      if (await choice.isVisible()) await choice.check();
      await page.locator("[data-editor]").waitFor();
      await page.getByRole("button", { name: "More settings" }).click();
      await page.getByRole("button", { name: "Add pattern" }).click();
      await page.getByLabel("Pattern", { exact: true }).fill('{"dynamodb":{"NewImage":{"state":{"S":["paid"]}}}}');
      await page.getByText(/of \d+ recent records would/).waitFor();
    },
  },
  {
    name: "triggers",
    hash: "#/triggers",
    ready: async (page) => {
      await withTrigger(page);
      await page.getByRole("link", { name: "notify" }).waitFor();
    },
  },
  {
    name: "trigger",
    hash: "#/triggers",
    ready: async (page) => {
      await withTrigger(page);
      await page.getByRole("link", { name: "notify" }).click();
      await page.getByText(/batches given up/).waitFor();
      await page.getByText("TypeError").first().waitFor();
      await page.getByText("As the API has it").waitFor();
    },
  },
  {
    name: "trigger-settings",
    hash: "#/triggers",
    ready: async (page) => {
      await withTrigger(page);
      await page.getByRole("link", { name: "notify" }).click();
      await page.getByRole("button", { name: "Change settings" }).click();
      await page.getByText(/of \d+ recent records would/).waitFor();
    },
  },
  {
    name: "functions",
    hash: "#/functions",
    ready: async (page) => {
      await withTrigger(page);
      await page.getByRole("link", { name: "notify" }).waitFor();
    },
  },
  {
    name: "function",
    hash: "#/functions/notify",
    ready: async (page) => {
      await withTrigger(page);
      await page.locator(".log-line").first().waitFor();
      await page.getByRole("button", { name: "Call", exact: true }).click();
      await page.getByText("REPORT RequestId").first().waitFor();
    },
  },
  {
    name: "dead-letters",
    hash: "#/dead-letters",
    ready: async (page) => {
      await withTrigger(page);
      await page.getByText(/batches given up/).waitFor();
    },
  },
  {
    name: "dead-letter",
    hash: "#/dead-letters",
    ready: async (page) => {
      await withTrigger(page);
      await page.locator("button.link").first().click();
      await page.locator(".log-line").first().waitFor();
      await page.locator(".json-block").first().waitFor();
    },
  },
  { name: "history-form", hash: "#/tables/orders/history", ready: (page) => page.getByLabel("customer").waitFor() },
  {
    name: "history",
    hash: href("#/tables/orders/history", {
      key: JSON.stringify({ customer: { S: "customer-003" }, placed: { N: "1790012633" } }),
    }),
    ready: (page) => page.locator(".history-row").first().waitFor(),
  },
];

function href(path: string, query: { [name: string]: string }): string {
  return `${path}?${new URLSearchParams(query)}`;
}

/** Tables that look like somebody's, unless they are there from another file's tests. */
export async function prepare(call: Call): Promise<void> {
  const { TableNames } = (await call("ListTables", {})) as { TableNames: string[] };
  if (TableNames.includes("orders")) return;
  await call("CreateTable", {
    TableName: "orders",
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "customer", AttributeType: "S" },
      { AttributeName: "placed", AttributeType: "N" },
      { AttributeName: "state", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "customer", KeyType: "HASH" },
      { AttributeName: "placed", KeyType: "RANGE" },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: "by-state",
        KeySchema: [
          { AttributeName: "state", KeyType: "HASH" },
          { AttributeName: "placed", KeyType: "RANGE" },
        ],
        Projection: { ProjectionType: "ALL" },
      },
    ],
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
  });
  for (const name of ["customers", "products", "sessions"]) {
    await call("CreateTable", {
      TableName: name,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    });
  }
  const states = ["new", "paid", "packed", "sent"];
  for (let index = 0; index < 60; index += 1) {
    await call("PutItem", {
      TableName: "orders",
      Item: {
        customer: { S: `customer-${String(index % 9).padStart(3, "0")}` },
        placed: { N: String(1_790_000_000 + index * 4211) },
        state: { S: states[index % states.length] },
        total: { N: (index * 7.35 + 12).toFixed(2) },
        gift: { BOOL: index % 5 === 0 },
        tags: { SS: ["web", `week-${index % 4}`] },
        lines: { L: [{ M: { sku: { S: `sku-${index}` }, count: { N: String((index % 3) + 1) } } }] },
      },
    });
  }
}
