// A function and a trigger for the pictures and checks: it takes most records of the orders, and gives some up.

import type { Page } from "@playwright/test";
import { zip } from "../../src/model/zip.ts";

const CODE = `export const handler = async (event) => {
  for (const { eventName, dynamodb } of event.Records) {
    console.log(eventName, dynamodb.Keys.customer.S, dynamodb.NewImage?.state?.S);
    if (dynamodb.NewImage?.state?.S === "packed") throw new TypeError("Cannot read properties of undefined (reading 'address')");
  }
};
`;

/** Makes them if they are not there yet, and waits until all records were tried. */
export async function withTrigger(page: Page): Promise<void> {
  const origin = new URL(page.url()).origin;
  const send = async (method: string, path: string, data?: unknown) => {
    const response = await page.request.fetch(origin + path, { method, ...(data !== undefined && { data }) });
    return (await response.json()) as Record<string, unknown>;
  };
  const { tables } = (await send("GET", "/_headwater/overview")) as {
    tables: { name: string; stream: { arn: string } | null }[];
  };
  await send("POST", "/2015-03-31/functions", {
    FunctionName: "notify",
    Runtime: "nodejs20.x",
    Handler: "index.handler",
    Role: "arn:aws:iam::000000000000:role/any",
    Environment: { Variables: { MODE: "test" } },
    Code: { ZipFile: Buffer.from(zip([{ name: "index.mjs", text: CODE }])).toString("base64") },
  });
  await send("POST", "/2015-03-31/event-source-mappings", {
    FunctionName: "notify",
    EventSourceArn: tables.find((one) => one.name === "orders")?.stream?.arn,
    StartingPosition: "TRIM_HORIZON",
    MaximumRetryAttempts: 0,
    BisectBatchOnFunctionError: true,
    FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT","MODIFY"]}' }] },
  });
  for (;;) {
    const { triggers } = (await send("GET", "/_headwater/triggers")) as {
      triggers: { shards: { lagRecords: number }[] }[];
    };
    if (triggers[0]?.shards.every((shard) => shard.lagRecords === 0)) break;
    await page.waitForTimeout(100);
  }
  await page.reload();
}
