// The pages' modules for Node. It takes a .js file for CommonJS unless a package.json near it says otherwise (before
// version 22 always), and what lies near the pages is embedded and served: so they are read from a copy that has one.
import { webcrypto } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

globalThis.crypto ??= webcrypto; // every browser has it; Node 18 under another name only

const ui = fileURLToPath(new URL("..", import.meta.url));
const copy = mkdtempSync(join(tmpdir(), "edgekit-pages-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
writeFileSync(join(copy, "package.json"), '{"type": "module"}');
for (const page of ["viewer", "console"]) {
  mkdirSync(join(copy, page));
  for (const file of readdirSync(join(ui, page)))
    if (file.endsWith(".js")) copyFileSync(join(ui, page, file), join(copy, page, file));
}

/** @param {string} path such as "viewer/ulid.js" */
export function load(path) {
  return import(pathToFileURL(join(copy, path)).href);
}
