// Every page, with data in it, for the screenshots and for the checks that each page has to pass.

import type { Page } from "@playwright/test";

type Call = (operation: string, input: unknown) => Promise<Record<string, unknown>>;

export interface Place {
  /** The name of its pictures. */
  name: string;
  hash: string;
  /** Waits for what shows that the page is there, or opens what lies above it. */
  ready?: (page: Page) => Promise<void>;
}

/** A page is added here once; all checks then go over it. */
export const places: Place[] = [
  { name: "dashboard", hash: "#/" },
  { name: "tables", hash: "#/tables", ready: (page) => page.getByRole("link", { name: "orders" }).waitFor() },
];

/** Tables that look like somebody's. */
export async function prepare(call: Call): Promise<void> {
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
