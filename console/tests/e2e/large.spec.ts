// A table of a hundred thousand items: loaded, scrolled, exported, within bounds.

import { stat } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { callServer, expect, test } from "./fixtures.ts";
import { workWhile } from "./work.ts";

const ITEMS = 100_000;
const BATCH = 25;
const AT_A_TIME = 16;

/** A frame is 16.7 ms. What the page itself computes for one has to fit into it, on however busy a machine. */
const WORK_MAX_MS = 16;
const LONGEST_MAX_MS = 100;

/** The machine has a say in this one; half of all frames come at their time on one without a free core as well. */
const MEDIAN_MAX_MS = 34;

const CELLS_MAX = 800;

const HEAP_MAX_MB = 400;

test.beforeAll(async ({ server }) => {
  test.setTimeout(180_000);
  await callServer(server.url, "CreateTable", {
    TableName: "large",
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  });
  let next = 0;
  const write = async () => {
    while (next < ITEMS) {
      const start = next;
      next += BATCH;
      const items = Array.from({ length: BATCH }, (_, index) => ({ PutRequest: { Item: itemAt(start + index) } }));
      await callServer(server.url, "BatchWriteItem", { RequestItems: { large: items } });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, write));
});

function itemAt(index: number) {
  return {
    id: { S: `item-${String(index).padStart(6, "0")}` },
    number: { N: String(index * 7919) },
    text: { S: `some text for number ${index}, about as long as a line` },
    flag: { BOOL: index % 2 === 0 },
    list: { L: [{ S: "a" }, { N: String(index) }] },
    [`rare-${index % 40}`]: { S: "x" },
  };
}

test("100,000 items are loaded, scroll smoothly, and are exported", async ({ page, open, browser }) => {
  test.setTimeout(180_000);
  await open("#/tables/large/items");
  await expect(page.getByText("500 items")).toBeVisible();
  await page.getByRole("button", { name: "Load all" }).click();
  await expect(page.getByText("100,000 items")).toBeVisible({ timeout: 60_000 });

  const [{ total, longest }, frames] = await workWhile(browser, page, () => scrollAndMeasure(page));
  const work = total / frames.length;
  const sorted = [...frames].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const slowest = sorted.at(-1) ?? 0;
  const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? 0;
  const rows = await page.getByRole("row").count();
  const cells = await page.getByRole("gridcell").count();
  const heap = await heapMb(page);
  test.info().annotations.push({
    type: "frames",
    description: `${frames.length} frames, ${work.toFixed(1)} ms of work each, at most ${longest.toFixed(1)} in one go; a frame each ${median.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms; ${rows} rows, ${cells} cells, heap ${heap.toFixed(0)} MB`,
  });
  // Few rows exist, however many there are.
  expect(rows).toBeLessThan(80);
  expect(cells).toBeLessThan(CELLS_MAX);
  expect(work).toBeLessThan(WORK_MAX_MS);
  expect(longest).toBeLessThan(LONGEST_MAX_MS);
  expect(median).toBeLessThan(MEDIAN_MAX_MS);
  expect(heap).toBeLessThan(HEAP_MAX_MB);

  // Rows become others as they scroll away: a checkbox that had the focus gives it to the table.
  const grid = page.getByRole("grid");
  await grid.evaluate((element) => element.scrollTo({ top: 0 }));
  await page.getByLabel("Select row 3", { exact: true }).check();
  await grid.evaluate((element) => element.scrollTo({ top: element.scrollHeight / 2 }));
  await expect(page.getByLabel("Select row 3", { exact: true })).toHaveCount(0);
  await expect(page.getByRole("row", { selected: true })).toHaveCount(0);
  await expect(grid).toBeFocused();
  // The last row is reached, and is the last.
  await page.keyboard.press("End");
  await expect(page.getByLabel("Select row 100000", { exact: true })).toBeVisible();

  // So is the last column, which did not exist before.
  const column = (name: string) => page.getByRole("columnheader", { name });
  await expect(column("rare-18")).toHaveCount(0);
  await grid.evaluate((element) => element.scrollTo({ left: element.scrollWidth }));
  await expect(column("rare-18")).toBeInViewport();
  await expect(column("rare-18")).toHaveAttribute("aria-colindex", "17");
  await expect(column("id")).toHaveCount(0);

  await page.getByRole("button", { name: "Export" }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: /^CSV/ }).click(),
  ]);
  const { size } = await stat(await download.path());
  expect(size).toBeGreaterThan(ITEMS * 80);
});

/** Scrolls through all rows in three seconds, and a piece row by row; gives the times between frames. */
async function scrollAndMeasure(page: Page): Promise<number[]> {
  return page.getByRole("grid").evaluate(
    (grid) =>
      new Promise<number[]>((resolve) => {
        const frames: number[] = [];
        const start = performance.now();
        const end = grid.scrollHeight - grid.clientHeight;
        let last = start;
        const step = () => {
          const now = performance.now();
          if (now > start) frames.push(now - last);
          last = now;
          const passed = now - start;
          if (passed > 6000) return resolve(frames.slice(1));
          // The first half rushes from end to end, the second goes on as a wheel does.
          grid.scrollTop = passed < 3000 ? (end * passed) / 3000 : end / 2 + (passed - 3000) * 2;
          requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
      }),
  );
}

async function heapMb(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = (await session.send("Runtime.getHeapUsage")) as { usedSize: number };
  return usedSize / 1024 / 1024;
}
