import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pages.mjs";

const { Timeline, fitted, reached } = await load("viewer/areas.js");
const area = (offer) => ({ offer, x: 0, y: 0, w: 0.5, h: 0.5 });
const at = (line, rtp) => line.at(rtp).map((a) => a.offer).join();

/** @param {[number, string][]} marks */
function timeline(...marks) {
  const line = new Timeline();
  for (const [rtp, offer] of marks) line.add({ rtp, rev: 0, areas: offer ? [area(offer)] : null });
  return line;
}

test("timestamps compare across the wrap of 32 bits", () => {
  for (const [a, b, want] of [[5, 5, true], [6, 5, true], [5, 6, false], [3000, 0xfffffc18, true], [0xfffffc18, 3000, false]])
    assert.equal(reached(a, b), want, `${a} reaches ${b}`);
});

test("areas hold from their picture on, and not before", () => {
  const line = timeline([1000, "mug"], [4000, "pen"], [7000, "set"]);
  assert.equal(at(line, 999), "");
  assert.equal(at(line, 1000), "mug");
  assert.equal(at(line, 3999), "mug");
  assert.equal(at(line, 4000), "pen");
  assert.equal(at(line, 9000), "set");
  assert.equal(at(line, 9999), "set");
});

test("areas from before the wrap give way to those behind it", () => {
  const line = timeline([0xfffff000, "mug"], [0x100, "pen"]);
  assert.equal(at(line, 0xfffffff0), "mug");
  assert.equal(at(line, 0x0ff), "mug");
  assert.equal(at(line, 0x100), "pen");
});

test("without a timestamp the latest areas serve", () => {
  assert.equal(at(timeline([1000, "mug"], [4000, "pen"]), undefined), "pen");
  assert.equal(at(timeline(), undefined), "");
});

test("no areas are none", () => {
  assert.deepEqual(timeline([1000, "mug"], [4000, ""]).at(5000), []);
});

test("a timeline that nobody reads stays short, and keeps the latest", () => {
  const line = new Timeline();
  for (let i = 0; i < 1000; i++) line.add({ rtp: i * 3000, rev: i, areas: [area(String(i))] });
  assert.ok(line.list.length <= 128, `${line.list.length} kept`);
  assert.equal(at(line, 999 * 3000), "999");
});

test("a picture is fitted into its box as the browser does", () => {
  for (const [name, args, want] of [
    ["the same shape", [320, 180, 1280, 720], { x: 0, y: 0, w: 320, h: 180 }],
    ["bars above and below", [400, 400, 1280, 720], { x: 0, y: 87.5, w: 400, h: 225 }],
    ["bars left and right", [800, 360, 1280, 720], { x: 80, y: 0, w: 640, h: 360 }],
    ["a picture of no known size covers it", [400, 300, 0, 0], { x: 0, y: 0, w: 400, h: 300 }],
  ]) assert.deepEqual(fitted(...args), want, name);
});
