// read.mjs MODULES < SLIP: npos takes ESC/POS apart, iconv-lite reads its text, jsQR its codes. Prints lines of text, texts of the
// codes that the printer makes itself, of those that are drawn, how many pictures there are, how wide, and of how many black dots in all.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.argv[2] + "/");
const Parser = require("npos/lib/parser");
const raster = require("npos/lib/codecs/raster");
const iconv = require("iconv-lite");
const { default: readQR } = require("jsqr");

// npos knows no GS ( k; its length is where all of GS ( have it. The others are what it calls unknown.
const rules = structuredClone(require("npos/lib/parser/rules.js"));
rules[0x1d]["(k"] = [0, "d16"];
// By Epson's number of the table (ESC t).
const pages = { 0: "cp437", 2: "cp850", 16: "win1252", 17: "cp866", 18: "cp852", 19: "cp858", 45: "win1250", 46: "win1251", 47: "win1253" };

const slip = readFileSync(0);
const { tree, error } = Parser(rules).analyze(slip);
if (error) throw error;

const out = { lines: [], codes: [], drawn: [], images: 0, widest: 0, ink: 0 };
let page = pages[0];
let line = "";
let strip = []; // pictures that follow one another
const endStrip = () => {
  if (strip.length === 0) return;
  const picture = raster.decode(slip, strip);
  const width = strip[0].width;
  const height = strip.reduce((sum, node) => sum + node.height, 0);
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    const white = picture.getPixel(i % width, Math.floor(i / width));
    if (!white) out.ink++;
    rgba.fill(white, i * 4, i * 4 + 3);
  }
  const code = readQR(rgba, width, height);
  if (code) out.drawn.push(code.data);
  out.widest = Math.max(out.widest, width);
  strip = [];
};
for (const node of tree) {
  const raw = slip.subarray(node.offset, node.offset + node.length);
  const name = node.ascii + " " + node.fn;
  if (name === "GS v0") {
    strip.push(node);
    out.images++;
    continue;
  }
  endStrip();
  if (node.ascii === "STX") {
    const parts = iconv.decode(raw, page).split("\n");
    line += parts.shift();
    for (const part of parts) {
      if (line.trim()) out.lines.push(line.trim());
      line = part;
    }
    continue;
  }
  if (name === "ESC t") page = pages[raw[2]] ?? `table ${raw[2]}`;
  if (name === "GS (k" && raw[6] === 0x50) out.codes.push(raw.subarray(8).toString());
}
endStrip();
console.log(JSON.stringify(out));
