// `npm run dist`: whether the committed build is what the sources give. Builds elsewhere and compares file by file.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";

const fresh = mkdtempSync(join(tmpdir(), "headwater-console-"));
try {
  await build({ logLevel: "error", build: { outDir: fresh, emptyOutDir: true } });
  const [committed, built] = [contents("dist"), contents(fresh)];
  const names = new Set([...committed.keys(), ...built.keys()]);
  const other = [...names].filter((name) => committed.get(name) !== built.get(name)).sort();
  for (const name of other) console.log(`not what the sources give: dist/${name}`);
  console.log(`dist: ${names.size - other.length} passed, ${other.length} failed`);
  if (other.length > 0) {
    console.log("Run `npm run build` and commit what it makes.");
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true });
}

/** The files below a folder by their names in it. */
function contents(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, "latin1")]));
}
