// Items: found, made, changed with conflicts, deleted, exported, by mouse and by keyboard.

import { readFile } from "node:fs/promises";
import {
  type AttributeValue,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import type { Page } from "@playwright/test";
import { editorText, setEditor } from "./editor.ts";
import { callServer, expect, test } from "./fixtures.ts";
import { HOSTILE, NUMBERS } from "./hostile.ts";
import { sdk } from "./sdk.ts";

type Item = { [name: string]: AttributeValue };

const TABLE = "things";

test.beforeAll(async ({ server }) => {
  await callServer(server.url, "CreateTable", {
    TableName: TABLE,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "id", AttributeType: "S" },
      { AttributeName: "at", AttributeType: "N" },
      { AttributeName: "kind", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "id", KeyType: "HASH" },
      { AttributeName: "at", KeyType: "RANGE" },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: "by-kind",
        KeySchema: [{ AttributeName: "kind", KeyType: "HASH" }],
        Projection: { ProjectionType: "KEYS_ONLY" },
      },
    ],
  });
});

let count = 0;
/** Tests share the table; each has partitions of its own. */
function fresh(name: string): string {
  count += 1;
  return `${name}-${count}`;
}

function put(url: string, item: Item) {
  return sdk(url).send(new PutItemCommand({ TableName: TABLE, Item: item }));
}

async function read(url: string, id: string, at = "1"): Promise<Item | undefined> {
  const Key = { id: { S: id }, at: { N: at } };
  return (await sdk(url).send(new GetItemCommand({ TableName: TABLE, Key, ConsistentRead: true }))).Item;
}

function itemHash(id: string, at = "1"): string {
  const item = JSON.stringify({ id: { S: id }, at: { N: at } });
  return `#/tables/${TABLE}/items?${new URLSearchParams({ search: queryOf(id), item })}`;
}

function queryOf(id: string): string {
  return JSON.stringify({ mode: "query", partition: id });
}

function queryHash(id: string): string {
  return `#/tables/${TABLE}/items?${new URLSearchParams({ search: queryOf(id) })}`;
}

async function cell(page: Page, text: string): Promise<void> {
  await expect(page.getByRole("gridcell", { name: text, exact: true })).toBeVisible();
}

test("an item is made, changed, duplicated and deleted", async ({ page, open, server }) => {
  const id = fresh("life");
  await open(queryHash(id));
  await page.locator(".items-bar").getByRole("button", { name: "Create item" }).click();
  await setEditor(page, `{"id": "${id}", "at": 1, "list": [1, true, null], "set": {"$ss": ["a", "b"]}}`);
  await page.getByRole("dialog").getByRole("button", { name: "Create item" }).click();
  await expect(page.getByText("The item is created.")).toBeVisible();
  await cell(page, '{"a", "b"}');
  expect(await read(server.url, id)).toEqual({
    id: { S: id },
    at: { N: "1" },
    list: { L: [{ N: "1" }, { BOOL: true }, { NULL: true }] },
    set: { SS: ["a", "b"] },
  });

  await page.getByRole("gridcell", { name: id, exact: true }).click();
  await page.getByText("DynamoDB JSON", { exact: true }).click();
  expect(await editorText(page)).toContain('"set": { "SS": ["a", "b"] }');
  await setEditor(page, `{"id": {"S": "${id}"}, "at": {"N": "1"}, "list": {"L": []}, "binary": {"B": "AQI="}}`);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The item is saved.")).toBeVisible();
  expect(await read(server.url, id)).toEqual({
    id: { S: id },
    at: { N: "1" },
    list: { L: [] },
    binary: { B: new Uint8Array([1, 2]) },
  });

  await page.getByRole("gridcell", { name: id, exact: true }).click();
  await page.getByRole("button", { name: "Duplicate" }).click();
  await setEditor(page, `{"id": "${id}", "at": 2}`);
  await page.getByRole("dialog").getByRole("button", { name: "Create item" }).click();
  await expect(page.getByText("2 items")).toBeVisible();
  expect(await read(server.url, id, "2")).toBeDefined();

  await page.getByRole("gridcell", { name: "2", exact: true }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Delete the item" }).click();
  await expect(page.getByText("The item is deleted.")).toBeVisible();
  expect(await read(server.url, id, "2")).toBeUndefined();
  await expect(page.getByText("1 item", { exact: true })).toBeVisible();
});

test("what is wrong is said while one types, and can't be saved", async ({ page, open }) => {
  await open(`#/tables/${TABLE}/items`);
  await page.locator(".items-bar").getByRole("button", { name: "Create item" }).click();
  const save = page.getByRole("dialog").getByRole("button", { name: "Create item" });
  for (const [text, says] of [
    ['{"id": "a"', '"}" is missing here.'],
    ['{"id": "a", "id": "b"}', '"id" is here twice.'],
    ['{"id": "a"}', "The key at is missing."],
    ['{"id": "", "at": 1}', "The key id can't be empty."],
    ['{"id": "a", "at": "1"}', "at is a key of type Number"],
    ['{"id": "a", "at": 1, "kind": 7}', "kind is a key of type String"],
    ['{"id": "a", "at": 1, "n": 123456789012345678901234567890123456789}', "38 significant digits"],
  ] as const) {
    await setEditor(page, text);
    await expect(page.locator(".panel-checks")).toContainText(says);
    await expect(save).toBeDisabled();
  }
  await setEditor(page, '{"id": "a", "at": 1}');
  await expect(save).toBeEnabled();
});

test("a conflict on the same attribute shows both, and lets one choose", async ({ page, open, server }) => {
  const id = fresh("conflict");
  await put(server.url, { id: { S: id }, at: { N: "1" }, state: { S: "new" }, kept: { S: "x" } });
  await open(itemHash(id));
  await setEditor(page, `{"id": "${id}", "at": 1, "state": "mine", "kept": "x"}`);
  await put(server.url, { id: { S: id }, at: { N: "1" }, state: { S: "theirs" }, kept: { S: "x" } });
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Somebody changed this item meanwhile")).toBeVisible();
  expect((await read(server.url, id))?.state).toEqual({ S: "theirs" });
  const theirs = page.getByRole("region", { name: "What they changed" });
  await expect(theirs.getByRole("row", { name: /state/ })).toContainText('"new""theirs"');
  const mine = page.getByRole("region", { name: "What yours would change" });
  await expect(mine.getByRole("row", { name: /state/ })).toContainText('"theirs""mine"');

  await page.getByRole("button", { name: "Save mine over it" }).click();
  await expect(page.getByText("The item is saved.")).toBeVisible();
  expect((await read(server.url, id))?.state).toEqual({ S: "mine" });
});

test("a conflict can end with theirs", async ({ page, open, server }) => {
  const id = fresh("theirs");
  await put(server.url, { id: { S: id }, at: { N: "1" }, state: { S: "new" } });
  await open(itemHash(id));
  await setEditor(page, `{"id": "${id}", "at": 1, "state": "mine"}`);
  await put(server.url, { id: { S: id }, at: { N: "1" }, state: { S: "theirs" } });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Take theirs" }).click();
  await expect.poll(() => editorText(page)).toContain('"state": "theirs"');
  await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
  expect((await read(server.url, id))?.state).toEqual({ S: "theirs" });
});

test("changes of different attributes are kept together", async ({ page, open, server }) => {
  const id = fresh("merge");
  await put(server.url, { id: { S: id }, at: { N: "1" }, a: { N: "1" }, b: { N: "1" } });
  await open(itemHash(id));
  await setEditor(page, `{"id": "${id}", "at": 1, "a": 2, "b": 1}`);
  await put(server.url, { id: { S: id }, at: { N: "1" }, a: { N: "1" }, b: { N: "2" } });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Save both together" }).click();
  await expect(page.getByText("The item is saved.")).toBeVisible();
  expect(await read(server.url, id)).toMatchObject({ a: { N: "2" }, b: { N: "2" } });
});

test("an attribute that somebody adds meanwhile is not lost", async ({ page, open, server }) => {
  const id = fresh("added");
  await put(server.url, { id: { S: id }, at: { N: "1" }, a: { N: "1" } });
  await open(itemHash(id));
  await setEditor(page, `{"id": "${id}", "at": 1, "a": 2}`);
  await sdk(server.url).send(
    new UpdateItemCommand({
      TableName: TABLE,
      Key: { id: { S: id }, at: { N: "1" } },
      UpdateExpression: "SET extra = :x",
      ExpressionAttributeValues: { ":x": { S: "kept" } },
    }),
  );
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The item is saved.")).toBeVisible();
  expect(await read(server.url, id)).toMatchObject({ a: { N: "2" }, extra: { S: "kept" } });
});

test("an item that is deleted meanwhile is a conflict; so is a new one that is there", async ({
  page,
  open,
  server,
}) => {
  const id = fresh("gone");
  await put(server.url, { id: { S: id }, at: { N: "1" }, a: { N: "1" } });
  await open(itemHash(id));
  await setEditor(page, `{"id": "${id}", "at": 1, "a": 2}`);
  await sdk(server.url).send(new DeleteItemCommand({ TableName: TABLE, Key: { id: { S: id }, at: { N: "1" } } }));
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Somebody deleted this item meanwhile")).toBeVisible();
  await page.getByRole("button", { name: "Create mine anew" }).click();
  await expect(page.getByText("The item is created.")).toBeVisible();
  expect(await read(server.url, id)).toMatchObject({ a: { N: "2" } });

  await page.locator(".items-bar").getByRole("button", { name: "Create item" }).click();
  await setEditor(page, `{"id": "${id}", "at": 1, "a": 3}`);
  await page.getByRole("dialog").getByRole("button", { name: "Create item" }).click();
  await expect(page.getByText("There is an item with this key already")).toBeVisible();
  expect(await read(server.url, id)).toMatchObject({ a: { N: "2" } });
  await page.getByRole("button", { name: "Back to editing" }).click();
  expect(await editorText(page)).toContain('"a": 3');
});

test("another key moves an item, if there is none", async ({ page, open, server }) => {
  const id = fresh("move");
  await put(server.url, { id: { S: id }, at: { N: "1" }, a: { N: "1" } });
  await put(server.url, { id: { S: id }, at: { N: "3" } });
  await open(itemHash(id));
  await setEditor(page, `{"id": "${id}", "at": 3, "a": 1}`);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("There is an item with the new key already.")).toBeVisible();
  await setEditor(page, `{"id": "${id}", "at": 2, "a": 1}`);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The item is saved.")).toBeVisible();
  expect(await read(server.url, id)).toBeUndefined();
  expect(await read(server.url, id, "2")).toMatchObject({ a: { N: "1" } });
});

test("an item that was changed is deleted only when one says so again", async ({ page, open, server }) => {
  const id = fresh("delete");
  await put(server.url, { id: { S: id }, at: { N: "1" }, a: { N: "1" } });
  await open(itemHash(id));
  await expect.poll(() => editorText(page)).toContain('"a": 1');
  await put(server.url, { id: { S: id }, at: { N: "1" }, a: { N: "2" } });
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Delete the item" }).click();
  await expect(page.getByText("Somebody changed or deleted it")).toBeVisible();
  expect(await read(server.url, id)).toBeDefined();
  await page.getByRole("button", { name: "Delete it anyway" }).click();
  await expect(page.getByText("The item is deleted.")).toBeVisible();
  expect(await read(server.url, id)).toBeUndefined();
});

test("changes are not thrown away unasked", async ({ page, open, server }) => {
  const id = fresh("discard");
  await put(server.url, { id: { S: id }, at: { N: "1" } });
  await open(itemHash(id));
  await setEditor(page, `{"id": "${id}", "at": 1, "a": 1}`);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("Discard the changes?")).toBeVisible();
  await page.keyboard.press("Escape");
  expect(await editorText(page)).toContain('"a": 1');
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Discard" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("hostile strings and numbers stay what they are", async ({ page, open, server }) => {
  const id = fresh("hostile");
  const entries: [string, AttributeValue][] = [
    ["id", { S: `${id}<b>"'` }],
    ["at", { N: "1" }],
    ...HOSTILE.map((text): [string, AttributeValue] => [text, { S: text }]),
    ...NUMBERS.map((text, index): [string, AttributeValue] => [`n${index}`, { N: text }]),
    ["map", { M: Object.fromEntries(HOSTILE.map((text) => [text, { SS: [text] }])) }],
  ];
  const item = Object.fromEntries(entries);
  const hash = `${id}<b>"'`;
  await put(server.url, item);
  const before = await read(server.url, hash);
  await open(queryHash(hash));
  await cell(page, hash);
  for (const number of NUMBERS)
    await page.getByRole("columnheader", { name: "at" }).waitFor({ timeout: number.length * 1000 });
  await expect(page).toHaveTitle(`Items of ${TABLE} - Headwater`);
  await page.getByRole("gridcell", { name: hash, exact: true }).click();
  await page.locator("[data-editor]").waitFor();

  // A save of both forms, as they were shown, changes nothing but what was typed.
  for (const form of ["JSON", "DynamoDB JSON"]) {
    await page.getByText(form, { exact: true }).click();
    await page.locator("[data-editor]").click();
    await page.keyboard.press("ControlOrMeta+Home");
    await page.keyboard.press("End");
    const value = form === "JSON" ? "1" : '{"N": "2"}';
    await page.keyboard.insertText(`"edited": ${value},`);
    if (form === "DynamoDB JSON") break;
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("The item is saved.").first()).toBeVisible();
    expect(await read(server.url, hash)).toEqual({ ...before, edited: { N: "1" } });
    await page.getByRole("gridcell", { name: hash, exact: true }).click();
    await page.locator("[data-editor]").waitFor();
  }
  await expect(page.locator(".panel-checks")).toContainText('"edited" is here twice');
  await expect(page).toHaveTitle(`Items of ${TABLE} - Headwater`);
  expect(await page.locator(".panel img, .panel script, .grid img, .grid b").count()).toBe(0);
});

test("hostile strings in every field of the search", async ({ page, open }) => {
  for (const text of HOSTILE.filter((one) => one.length < 1000 && !/[\n\r]/.test(one))) {
    await open("#/tables");
    await open(`#/tables/${TABLE}/items`);
    await page.getByText("Query", { exact: true }).click();
    await page.getByLabel("id (String)").fill(text);
    await page.getByRole("button", { name: "Add filter" }).click();
    await page.getByLabel("Attribute of filter 1").fill(text);
    await page.getByLabel("Value of filter 1").fill(text);
    await page.getByRole("button", { name: "Run" }).click();
    await expect(page.getByText("Nothing was found")).toBeVisible();
    await page.reload();
    await expect(page.getByLabel("Value of filter 1")).toHaveValue(text);
    await expect(page.getByText("Nothing was found")).toBeVisible();
  }
});

test("queries, filters, indexes and projections find what they should", async ({ page, open, server }) => {
  const id = fresh("query");
  for (let at = 1; at <= 9; at += 1) {
    const kind = `${id}-${at % 2 ? "odd" : "even"}`;
    await put(server.url, { id: { S: id }, at: { N: String(at) }, kind: { S: kind }, big: { BOOL: at > 5 } });
  }
  await open(`#/tables/${TABLE}/items`);
  await page.getByText("Query", { exact: true }).click();
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByText("Give the value of id.")).toBeVisible();
  await page.getByLabel("id (String)").fill(id);
  await page.getByLabel("at (Number)").selectOption("between");
  await page.getByLabel("Value of at").fill("2");
  await page.getByLabel("Upper end of at").fill("8");
  await page.getByText("Descending").click();
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByText("7 items")).toBeVisible();
  await expect(page.getByRole("row").nth(1)).toContainText("8");

  await page.getByRole("button", { name: "Add filter" }).click();
  await page.getByLabel("Attribute of filter 1").fill("big");
  await page.getByLabel("Type of filter 1").selectOption("Boolean");
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByText("3 items of 7 read")).toBeVisible();

  await page.getByRole("button", { name: "Choose attributes" }).click();
  await page.getByLabel("Attributes to read").fill("big");
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByRole("columnheader", { name: "kind" })).toHaveCount(0);

  await page.getByRole("button", { name: "Reset" }).click();
  await page.getByText("Query", { exact: true }).click();
  await page.getByLabel("Table or index").selectOption("by-kind");
  await page.getByLabel("kind (String)").fill(`${id}-odd`);
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByText("5 items")).toBeVisible();
  // An index with keys only still opens the whole item.
  await page.getByRole("gridcell", { name: "9", exact: true }).click();
  await expect.poll(() => editorText(page)).toContain('"big": true');
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.goForward();
  await expect(page.getByRole("dialog")).toHaveCount(1);
  await page.goBack();
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("PartiQL reads, writes, and says what is wrong", async ({ page, open, server }) => {
  const id = fresh("partiql");
  await open(`#/tables/${TABLE}/items`);
  await page.getByText("PartiQL", { exact: true }).click();
  const box = page.getByLabel("PartiQL statement");
  await box.fill(`INSERT INTO "${TABLE}" VALUE {'id': '${id}', 'at': 1, 'text': 'it''s'}`);
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("The statement is done.")).toBeVisible();
  expect((await read(server.url, id))?.text).toEqual({ S: "it's" });
  await box.fill(`SELECT * FROM "${TABLE}" WHERE id = '${id}'`);
  await page.getByRole("button", { name: "Run" }).click();
  await cell(page, "it's");
  await box.fill("SELECT nonsense");
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByRole("alert")).toContainText("ValidationException");
  // An address with a statement does not run it: it might write.
  await page.reload();
  await expect(page.getByLabel("PartiQL statement")).toHaveValue("SELECT nonsense");
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("selected items are deleted", async ({ page, open, server }) => {
  const id = fresh("bulk");
  for (let at = 1; at <= 30; at += 1) await put(server.url, { id: { S: id }, at: { N: String(at) } });
  await open(queryHash(id));
  await expect(page.getByText("30 items")).toBeVisible();
  await page.getByLabel("Select all rows").check();
  await page.getByLabel("Select row 1", { exact: true }).uncheck();
  await page.getByRole("button", { name: "Delete 29" }).click();
  await page.getByRole("button", { name: "Delete 29 items" }).click();
  await expect(page.getByText("29 items deleted.")).toBeVisible();
  await expect(page.getByText("1 item of 30 read")).toBeVisible();
  expect(await read(server.url, id, "1")).toBeDefined();
  expect(await read(server.url, id, "2")).toBeUndefined();
});

test("results are exported as CSV and JSON", async ({ page, open, server }) => {
  const id = fresh("export");
  const [text = "", ...more] = HOSTILE;
  await put(server.url, { id: { S: id }, at: { N: "1" }, text: { S: text }, n: { N: NUMBERS[0] ?? "" } });
  await put(server.url, { id: { S: id }, at: { N: "2" }, text: { S: more.join("|") }, set: { NS: ["1", "2"] } });
  await open(queryHash(id));
  await expect(page.getByText("2 items")).toBeVisible();
  const save = async (entry: RegExp) => {
    await page.getByRole("button", { name: "Export" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: entry }).click(),
    ]);
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
  };
  const csv = await save(/^CSV/);
  expect(csv.name).toBe("things.csv");
  expect(csv.text.split("\r\n")[0]).toBe("id,at,text,n,set");
  expect(csv.text).toContain(`${id},1,"${text.replaceAll('"', '""')}",${NUMBERS[0]},`);
  const json = await save(/^DynamoDB JSON/);
  expect(JSON.parse(json.text)).toMatchObject([
    { at: { N: "1" }, n: { N: NUMBERS[0] } },
    { at: { N: "2" }, text: { S: more.join("|") }, set: { NS: ["1", "2"] } },
  ]);
  const plain = await save(/^JSON/);
  expect(plain.text).toContain(`"n": ${NUMBERS[0]}`);
});

test("the text that is seen lies where the field has it", async ({ page, open }) => {
  await open(`#/tables/${TABLE}/items`);
  await page.locator(".items-bar").getByRole("button", { name: "Create item" }).click();
  const line =
    '  "mixed": "W iii \ud83d\ude80 \u05e9\u05dc\u05d5\u05dd \u6f22\u5b57 e\u0301 \t tab", "n": 1234567890, "t": true';
  for (const text of [
    line,
    `{"a": "${"wide ".repeat(400)}"}`,
    Array.from({ length: 3000 }, (_, n) => `"${n}": ${n},`).join("\n"),
  ]) {
    await setEditor(page, text);
    const field = page.locator("[data-editor]");
    await field.evaluate((element) => element.scrollTo(element.scrollWidth, element.scrollHeight));
    await expect(page.locator(".editor-line").last()).toContainText(text.split("\n").at(-1)?.slice(-5) ?? "");
    const [wanted, shown] = await field.evaluate((element) => {
      const rows = [...document.querySelectorAll<HTMLElement>(".editor-text")];
      const widest = Math.max(...rows.map((row) => row.getBoundingClientRect().width));
      const style = getComputedStyle(element);
      return [element.scrollWidth - Number.parseFloat(style.paddingLeft), widest];
    });
    if (text.length > 200 && !text.includes("\n")) expect(Math.abs((wanted ?? 0) - (shown ?? 0))).toBeLessThan(2);
    // The last line's number and text are on the screen when the field is at its end.
    await expect(page.locator(".editor-line").last()).toBeInViewport();
  }
});

test("everything by keyboard", async ({ page, open, server }) => {
  const id = fresh("keys");
  for (const at of ["1", "2", "3"]) await put(server.url, { id: { S: id }, at: { N: at } });
  await open("#/");
  await page.getByRole("heading", { name: "Dashboard" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await expect(page).toHaveURL(/#\/tables$/);
  await page.getByRole("link", { name: TABLE }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(TABLE);
  // Past the sortable heads, to the table's link.
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.matches("td a"))) break;
  }
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/items$/);
  await open(queryHash(id));
  await expect(page.getByText("3 items")).toBeVisible();
  await page.getByRole("grid").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  await expect(page.getByLabel("Select row 2")).toBeChecked();
  await page.keyboard.press("Enter");
  await page.locator("[data-editor]").waitFor();
  await page.keyboard.press("ControlOrMeta+Home");
  await page.keyboard.press("End");
  await page.keyboard.insertText('"typed": true,');
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("The item is saved.")).toBeVisible();
  expect(await read(server.url, id, "2")).toMatchObject({ typed: { BOOL: true } });
  await expect(page.getByRole("grid")).toBeFocused();
  await page.keyboard.press("c");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toContainText("Create an item");
});
