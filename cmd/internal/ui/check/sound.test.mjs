import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pages.mjs";

const { Sound } = await load("viewer/sound.js");

function page() {
  const listeners = [];
  const button = { hidden: false, textContent: "", addEventListener: (_, f) => listeners.push(f) };
  const note = { textContent: "" };
  const turned = [];
  const sound = new Sound(button, note, (on) => turned.push(on));
  return { button, note, turned, sound, press: () => listeners.forEach((f) => f()) };
}

test("sound begins off, and is offered when there is some", () => {
  const p = page();
  assert.equal(p.button.hidden, true);
  p.sound.set("on");
  assert.deepEqual([p.button.hidden, p.button.textContent, p.turned.length], [false, "Sound on", 0]);
  p.press();
  assert.deepEqual([p.button.textContent, p.turned], ["Sound off", [true]]);
  p.press();
  assert.deepEqual([p.button.textContent, p.turned], ["Sound on", [true, false]]);
});

test("who listens is told why there is nothing to hear, and can still turn it off", () => {
  const p = page();
  p.sound.set("muted");
  assert.equal(p.note.textContent, "");
  p.press();
  assert.match(p.note.textContent, /muted/);
  p.sound.set("none");
  assert.match(p.note.textContent, /not there/);
  assert.equal(p.button.hidden, false);
  p.sound.set("on");
  assert.equal(p.note.textContent, "");
});
