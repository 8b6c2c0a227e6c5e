import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pages.mjs";

const { news } = await load("console/news.js");
const calm = {
  offers: [{ id: "mug", title: "Mug", state: "live", left: 2, sold: 3 }],
  devices: [{ device: "camera", state: "ready" }, { device: "printer", state: "ready" }],
  tickets: [{ ticket: "A-002", title: "Mug" }, { ticket: "A-001", title: "Pen" }],
  viewers: 3, pairing: "123-456", buttons: { presses: [], help: false },
};
const with_ = (change) => ({ ...calm, ...change });
const offer = (change) => with_({ offers: [{ ...calm.offers[0], ...change }] });

test("what is not worth saying is not said", () => {
  assert.equal(news(calm, calm), "");
  assert.equal(news(calm, with_({ viewers: 40, pairing: "654-321" })), "");
  assert.equal(news(calm, offer({ left: 1, sold: 4 })), "");
  assert.equal(news(calm, with_({ tickets: calm.tickets.map((t) => ({ ...t, state: "printed" })) })), "");
});

test("a device that fails or comes back is said", () => {
  assert.equal(news(calm, with_({ devices: [calm.devices[0], { device: "printer", state: "failed", reason: "no paper" }] })), "Printer: problem.");
  assert.equal(news(with_({ devices: [] }), calm), "Camera: ready. Printer: ready.");
});

test("a call for help is said first", () => {
  const called = with_({ buttons: { presses: [], help: true }, devices: [calm.devices[0], { device: "printer", state: "failed" }] });
  assert.equal(news(calm, called), "Help is called. Printer: problem.");
  assert.equal(news(called, calm), "Help is not called any more. Printer: ready.");
});

test("each of several printers is told apart", () => {
  const two = with_({ devices: [...calm.devices, { device: "printer", state: "ready" }] });
  assert.equal(news(calm, two), "Printer 2: ready.");
  assert.equal(news(two, with_({ devices: [...calm.devices, { device: "printer", state: "failed" }] })), "Printer 2: problem.");
});

test("an offer's new state is said, and that it sold out, once", () => {
  assert.equal(news(calm, offer({ state: "over" })), "Mug is over.");
  assert.equal(news(calm, offer({ state: "soon" })), "Mug is announced.");
  assert.equal(news(calm, offer({ state: "sold-out" })), "Mug is sold out.");
  assert.equal(news(calm, offer({ left: 0 })), "Mug is sold out.");
  assert.equal(news(offer({ left: 0 }), offer({ left: 0 })), "");
});

test("many sales are one sentence", () => {
  const more = (...fresh) => with_({ tickets: [...fresh.map((n) => ({ ticket: n, title: "Desk set" })), ...calm.tickets] });
  assert.equal(news(calm, more("A-003")), "Sold: Desk set, ticket A-003.");
  assert.equal(news(calm, more("A-005", "A-004", "A-003")), "3 sales, the latest A-005.");
});
