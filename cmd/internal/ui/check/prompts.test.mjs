// The prompts over the picture, with as much of a page as they touch.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { load } from "./pages.mjs";

class Element {
  constructor() {
    Object.assign(this, { children: [], attributes: {}, style: {}, hidden: false, clientWidth: 640, clientHeight: 360, heard: [], dataset: {} });
    const names = new Set();
    this.classList = { toggle: (name, is) => (is ? names.add(name) : names.delete(name)), contains: (name) => names.has(name) };
  }
  append(...e) { for (const x of e) { this.children.push(x); x.parent = this; } }
  remove() { this.parent.children = this.parent.children.filter((x) => x !== this); }
  setAttribute(name, value) { this.attributes[name] = value; }
  closest() { return this.dataset.offer ? this : null; }
  addEventListener(name, f) { this.heard.push([name, f]); }
  fire(name, event = {}) {
    for (let e = this; e; e = e.parent) for (const [n, f] of e.heard) if (n === name) f({ detail: 0, target: this, ...event });
  }
  click() { this.fire("click"); }
}
let Prompts;
before(async () => {
  globalThis.Element = Element;
  globalThis.document = { createElement: () => new Element() };
  globalThis.ResizeObserver = class { observe() {} };
  ({ Prompts } = await load("viewer/prompts.js"));
});

const offer = (id, state = "live", left = 3) => ({ id, title: id, price: { text: "€ 1.00" }, left, state, token: `token of ${id}` });

function prompts() {
  const on = { over: new Element(), list: new Element(), news: new Element(), picture: () => ({ w: 1280, h: 720 }) };
  const tapped = [];
  const late = [];
  const p = new Prompts(on, (o, frame) => tapped.push([o.id, o.token, frame]), () => late.push(1));
  const named = (parent, name) => parent.children.find((b) => b.attributes["aria-label"] === name);
  return { p, on, tapped, late, over: (n) => named(on.over, n), listed: (n) => named(on.list, n) };
}

test("a prompt is a button over its card, from the picture in which the card is drawn", () => {
  const { p, on, over, listed } = prompts();
  p.set([offer("mug"), offer("pen")]);
  p.timeline.add({ rtp: 9000, rev: 1, areas: [{ offer: "mug", x: 0.5, y: 0.25, w: 0.25, h: 0.5 }] });
  p.setLive(true);
  p.frameShown(8999);
  assert.equal(over("Buy mug for € 1.00").hidden, true, "it was there before its card");
  p.frameShown(9000);
  const b = over("Buy mug for € 1.00");
  assert.equal(b.hidden, false);
  assert.deepEqual({ ...b.style }, { left: "320px", top: "90px", width: "160px", height: "180px" });
  assert.equal(listed("Buy mug for € 1.00").hidden, true, "it is there twice");
  assert.equal(listed("Buy pen for € 1.00").hidden, false, "what is not in the picture is not listed");
  assert.equal(on.list.hidden, false);
});

test("without a picture every offer is listed", () => {
  const { p, over, listed } = prompts();
  p.set([offer("mug")]);
  p.timeline.add({ rtp: 0, rev: 1, areas: [{ offer: "mug", x: 0, y: 0, w: 1, h: 1 }] });
  p.setLive(false);
  assert.equal(over("Buy mug for € 1.00").hidden, true);
  assert.equal(listed("Buy mug for € 1.00").hidden, false);
});

test("a tap names the picture that was under the finger, and the latest token", () => {
  const { p, over, tapped } = prompts();
  p.set([offer("mug")]);
  p.set([{ ...offer("mug"), token: "newer" }]);
  p.timeline.add({ rtp: 0, rev: 1, areas: [{ offer: "mug", x: 0, y: 0, w: 1, h: 1 }] });
  p.setLive(true);
  p.frameShown(123456);
  over("Buy mug for € 1.00").click();
  p.setLive(false);
  over("Buy mug for € 1.00").click();
  assert.deepEqual(tapped, [["mug", "newer", 123456], ["mug", "newer", 0]]);
});

test("a tap is on what was under the finger when it came down, whatever is there when it goes up", () => {
  const { p, on, over, tapped } = prompts();
  p.set([offer("mug"), offer("pen")]);
  const all = { x: 0, y: 0, w: 1, h: 1 };
  p.timeline.add({ rtp: 1000, rev: 1, areas: [{ offer: "mug", ...all }] });
  p.timeline.add({ rtp: 2000, rev: 2, areas: [{ offer: "pen", ...all }] });
  p.setLive(true);
  p.frameShown(1000);
  const mug = over("Buy mug for € 1.00"), pen = over("Buy pen for € 1.00");
  mug.fire("pointerdown");
  p.frameShown(2000);
  assert.deepEqual([mug.hidden, pen.hidden], [true, false]);
  on.over.fire("click", { detail: 1 }); // what a browser does when one came down on and went up from different elements
  pen.fire("click", { detail: 0 }); // a key
  on.over.fire("pointerdown");
  on.over.fire("click", { detail: 1 }); // beside every card
  assert.deepEqual(tapped, [["mug", "token of mug", 1000], ["pen", "token of pen", 2000]]);
});

test("what cannot be bought says so, and what is gone goes", () => {
  const { p, on, listed } = prompts();
  p.set([offer("mug"), offer("pen", "sold-out", 0), offer("set", "soon"), offer("cup", "over")]);
  const words = (n) => [listed(n).attributes["aria-disabled"], listed(n).children[2].textContent];
  assert.deepEqual(words("Buy mug for € 1.00"), ["false", "3 left"]);
  assert.deepEqual(words("Buy pen for € 1.00"), ["true", "Sold out"]);
  assert.deepEqual(words("Buy set for € 1.00"), ["true", "Starts soon"]);
  assert.deepEqual(words("Buy cup for € 1.00"), ["true", "Over"]);
  p.set([offer("pen", "sold-out", 0)]);
  assert.equal(on.list.children.length, 1);
  assert.equal(on.over.children.length, 1);
});

test("news are said once", () => {
  const { p, on } = prompts();
  p.set([offer("mug"), offer("pen")]);
  assert.equal(on.news.textContent, "mug for € 1.00. pen for € 1.00");
  on.news.textContent = "";
  p.set([offer("mug", "live", 2), offer("pen")]);
  assert.equal(on.news.textContent, "", "a change of the number left was said");
  p.set([offer("mug", "sold-out", 0), offer("pen")]);
  assert.equal(on.news.textContent, "mug sold out");
});

test("a countdown goes on by itself, and an offer that nobody says has started is asked for", () => {
  const { p, on, listed, late } = prompts();
  const start = performance.now(), real = performance.now.bind(performance);
  let passed = 0;
  performance.now = () => start + passed;
  try {
    p.set([{ ...offer("mug", "soon"), starts_ms: 3_661_000, token: undefined }, { ...offer("pen"), ends_ms: 61_000 }, { ...offer("hat", "live", -1), ends_ms: 1000 }, offer("cup", "soon")]);
    const says = (name) => listed(`Buy ${name} for € 1.00`).children[2].textContent;
    assert.deepEqual(["mug", "pen", "hat", "cup"].map(says), ["Starts in 1:01:01", "3 left · 1:01", "0:01", "Starts soon"]);
    passed = 3_660_100;
    p.tick();
    assert.deepEqual(["mug", "pen", "hat"].map(says), ["Starts in 0:01", "3 left · 0:00", "0:00"]);
    assert.equal(late.length, 0);
    passed = 3_661_000 + 1500;
    p.tick();
    p.tick();
    assert.equal(late.length, 1, "it is asked for once");
    passed += 5000;
    p.tick();
    assert.equal(late.length, 2, "and again later");
    assert.equal(on.list.children.length, 4);
  } finally {
    performance.now = real;
  }
});
