// What no source may do, and a linter does not see.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const SOURCE = join(import.meta.dirname, "../src");

/** Ways from text to HTML or to code. */
const FORBIDDEN =
  /innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|createContextualFragment|\beval\(|new Function\(/;

const names = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));

test("nothing is ever made HTML or code of text", () => {
  expect(names.length).toBeGreaterThan(50);
  const found = names.filter((name) => FORBIDDEN.test(readFileSync(join(SOURCE, name), "utf8")));
  expect(found).toEqual([]);
});

test("nobody but the server is asked: no address of another host", () => {
  const found = names.filter((name) => {
    const text = readFileSync(join(SOURCE, name), "utf8");
    return /fetch\(|WebSocket|EventSource|sendBeacon/.test(text) && /["'`](?:https?|wss?):/.test(text);
  });
  expect(found).toEqual([]);
});
