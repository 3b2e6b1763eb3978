// The frame: addresses, titles, theme, menu, shortcuts, how fast it is there, and what it does when the server is gone.

import { callServer, expect, test } from "./fixtures.ts";
import { look } from "./look.ts";
import { startServer } from "./server.ts";

const FIRST_PAINT_MAX_MS = 200;

const PAINTS = 12;

test("the first paint comes within 200 ms", async ({ page, open }) => {
  const times: number[] = [];
  for (let paint = 0; paint < PAINTS; paint += 1) {
    await page.goto("about:blank");
    await open("#/tables");
    await page.getByRole("heading", { name: "Tables" }).waitFor();
    const entry = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN;
    times.push(await page.evaluate(entry));
  }
  times.sort((a, b) => a - b);
  test.info().annotations.push({ type: "first paint", description: times.map((ms) => ms.toFixed(0)).join(", ") });
  // What else runs on the machine only ever adds: the quickest says what the console needs.
  expect(times[0]).toBeLessThan(FIRST_PAINT_MAX_MS);
});

test("the back button goes through pages, and titles follow", async ({ page, open, call }) => {
  await call("CreateTable", {
    TableName: "shell-test",
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  });
  await open("#/");
  await page.getByRole("complementary").getByRole("link", { name: "Tables" }).click();
  await expect(page).toHaveTitle("Tables - Headwater");
  await page.getByRole("link", { name: "shell-test" }).click();
  await expect(page).toHaveTitle("Items of shell-test - Headwater");
  await page.getByRole("link", { name: "Settings" }).click();
  await expect(page).toHaveTitle("Settings of shell-test - Headwater");
  await page.goBack();
  await expect(page).toHaveTitle("Items of shell-test - Headwater");
  await page.goBack();
  await page.goBack();
  await expect(page).toHaveTitle("Dashboard - Headwater");
  await page.reload();
  await expect(page.getByRole("heading", { name: "Dashboard" })).toBeVisible();
  await open("#/no/such/page");
  await expect(page.getByText("There is no such page")).toBeVisible();
});

test("the theme is remembered, and shows before the first paint", async ({ page, open }) => {
  await open("#/tables");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByTitle("Dark").click();
  await expect.poll(ground).not.toBe(light);
  const dark = await ground();
  await page.reload({ waitUntil: "commit" });
  await page.locator("body").waitFor();
  expect(await ground()).toBe(dark);
  await page.getByTitle("As the system").click();
  await expect.poll(ground).toBe(light);
});

test("on a narrow screen the menu opens and closes", async ({ page, open }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await open("#/tables");
  await expect(page.getByRole("link", { name: "Dashboard" })).toBeHidden();
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("link", { name: "Dashboard" }).click();
  await expect(page).toHaveTitle("Dashboard - Headwater");
  await expect(page.getByRole("link", { name: "Dashboard" })).toBeHidden();
});

test("a server that is gone is said so, and is found again", async ({ page }) => {
  const server = await startServer();
  await page.goto(`${server.url}/console/#/tables`);
  await expect(page.getByText("There is no table yet")).toBeVisible();
  await page.route("**/*", (route) => route.abort());
  await expect(page.getByRole("alert")).toContainText("The server does not answer", { timeout: 15_000 });
  await page.unroute("**/*");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("alert")).toHaveCount(0);
  await server.stop();
});

test("a list that nobody looks at is not loaded again until one comes back", async ({ page, call, open }) => {
  await page.clock.install();
  await open("#/tables");
  await page.getByRole("heading", { name: "Tables" }).waitFor();
  let loads = 0;
  page.on("request", (request) => {
    if (request.resourceType() === "fetch") loads += 1;
  });
  await page.clock.fastForward(60_000);
  await expect.poll(() => loads).toBeGreaterThan(0);
  await look(page, "hidden");
  // What was under way when it was hidden ends.
  await page.waitForLoadState("networkidle");
  const before = loads;
  const name = "made-meanwhile";
  await call("CreateTable", {
    TableName: name,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  });
  for (let minute = 0; minute < 5; minute += 1) await page.clock.fastForward(60_000);
  expect(loads).toBe(before);
  await expect(page.getByRole("link", { name })).toHaveCount(0);
  await look(page, "visible");
  await expect(page.getByRole("link", { name })).toBeVisible();
});

test("the dashboard shows what goes on", async ({ page, open, server }) => {
  await callServer(server.url, "CreateTable", {
    TableName: "busy",
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: "KEYS_ONLY" },
  });
  await open("#/");
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: "busy" }) });
  await expect(row).toContainText("Keys only");
  let writing = true;
  const writes = (async () => {
    for (let id = 0; writing; id += 1) {
      await callServer(server.url, "PutItem", { TableName: "busy", Item: { id: { S: String(id) } } });
    }
  })();
  const figure = page.locator(".figure").filter({ hasText: "Writes per second" }).locator(".figure-value");
  await expect
    .poll(async () => Number((await figure.textContent())?.replace(/\D/g, "")), { timeout: 20_000 })
    .toBeGreaterThan(5);
  await expect(page.locator(".chart canvas")).toHaveCount(3);
  writing = false;
  await writes;
});
