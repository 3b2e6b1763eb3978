// What is built: how large it is, and that nothing in it needs more than the content security policy allows.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const DIST = join(import.meta.dirname, "../dist");

/** Compressed, in bytes. */
const ALL_MAX = 200 * 1024;
const FIRST_MAX = 60 * 1024;

/** What has to be there before the first page shows. */
const FIRST = ["index.html", "theme.js", join("assets", "app.js"), join("assets", "app.css")];

const names = readdirSync(DIST, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(DIST.length + 1));

function compressed(name: string): number {
  return gzipSync(readFileSync(join(DIST, name)), { level: 9 }).length;
}

test("all of it is under 200 KB compressed, what comes first under 60 KB", () => {
  const all = names.reduce((sum, name) => sum + compressed(name), 0);
  const first = FIRST.reduce((sum, name) => sum + compressed(name), 0);
  expect(all).toBeLessThan(ALL_MAX);
  expect(first).toBeLessThan(FIRST_MAX);
});

test("the page has no inline script or style, and names no other host", () => {
  const page = readFileSync(join(DIST, "index.html"), "utf8");
  expect(page).not.toMatch(/<script(?![^>]*\ssrc=)/);
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/);
  expect(page).not.toMatch(/https?:/);
});

test("names are fixed: no hash of the content is in them", () => {
  expect(names).toContain(join("assets", "app.js"));
  for (const name of names) expect(name).not.toMatch(/-[\w-]*[A-Z0-9_][\w-]{6,}\.(js|css)$/);
});
