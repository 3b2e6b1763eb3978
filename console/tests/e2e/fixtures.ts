// What every test gets: a server of its worker's, its browser, a page that is watched for errors.

import { type Browser, test as base, chromium, expect } from "@playwright/test";
import { launchOptions } from "./chromium.ts";
import { type Running, startServer } from "./server.ts";

export { expect };

interface TestFixtures {
  /** Calls an operation of the server, beside the page. */
  call: (operation: string, input: unknown) => Promise<Record<string, unknown>>;
  /** Opens a place of the console, such as `#/tables`. */
  open: (hash: string) => Promise<void>;
}

interface WorkerFixtures {
  server: Running;
  browser: Browser;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from the pattern.
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  browser: [
    // biome-ignore lint/correctness/noEmptyPattern: as above.
    async ({}, use) => {
      const browser = await chromium.launch(await launchOptions());
      await use(browser);
      await browser.close();
    },
    { scope: "worker" },
  ],
  page: async ({ page }, use) => {
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      // Answers with an error status are for the page to show; what the policy blocks is not.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        problems.push(message.text());
      }
    });
    await use(page);
    expect(problems, "errors in the browser's console").toEqual([]);
  },
  call: async ({ server }, use) => {
    await use((operation, input) => callServer(server.url, operation, input));
  },
  open: async ({ server, page }, use) => {
    await use(async (hash) => {
      await page.goto(`${server.url}/console/${hash}`);
    });
  },
});

/** An operation by its plain request; a failure throws with the server's words. */
export async function callServer(url: string, operation: string, input: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `DynamoDB_20120810.${operation}` },
    body: JSON.stringify(input),
  });
  const body = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${operation}: ${JSON.stringify(body)}`);
  return body;
}
