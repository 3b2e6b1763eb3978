import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { base64, zip } from "./zip.ts";

test("another program unpacks what was packed", () => {
  const folder = mkdtempSync(join(tmpdir(), "zip-"));
  try {
    const entries = [
      { name: "index.mjs", text: 'export const handler = () => "\u00e9 \u{1f30a}";\n' },
      { name: "lib/empty.txt", text: "" },
      { name: "long.txt", text: "x".repeat(100_000) },
    ];
    writeFileSync(join(folder, "code.zip"), zip(entries));
    const unpack =
      "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])";
    execFileSync("python3", ["-c", unpack, join(folder, "code.zip"), folder]);
    for (const { name, text } of entries) expect(readFileSync(join(folder, name), "utf8")).toBe(text);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("base64 is that of Node", () => {
  const data = Uint8Array.from({ length: 100_001 }, (_, index) => (index * 7) % 256);
  expect(base64(data)).toBe(Buffer.from(data).toString("base64"));
  expect(base64(new Uint8Array())).toBe("");
});
