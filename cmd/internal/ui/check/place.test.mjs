import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { load } from "./pages.mjs";

const { place } = await load("viewer/place.js");
globalThis.location = { host: "10.66.0.1" };

/** A dialog as the page's is, as far as it is used. */
function dialog() {
  const part = () => ({ textContent: "", hidden: false, addEventListener(_, f) { this.click = f; } });
  const parts = { p: part(), output: part(), button: part() };
  return { open: false, show() { this.open = true; }, close() { this.open = false; }, querySelector: (name) => parts[name], ...parts };
}

test("a place that goes says how to go on when it has gone, also when no word of that comes through", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const d = dialog(), told = place(d, () => {});
  told({ is: "goes", in_ms: 20_000, code: "abc234" });
  assert.match(d.p.textContent, /in 20 seconds/);
  assert.deepEqual([d.open, d.button.hidden, d.output.textContent], [true, false, ""]);
  mock.timers.tick(22_999);
  assert.match(d.p.textContent, /in 20 seconds/);
  mock.timers.tick(1);
  assert.match(d.p.textContent, /went to somebody else/);
  assert.match(d.output.textContent, / open 10\.66\.0\.1\/c\/abc234 there/);
  assert.equal(d.button.hidden, true);
  told({ is: "gone" });
  assert.equal(d.output.textContent, "");
  mock.timers.reset();
});

test("a place that stays, or is kept, does not go later", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let kept = 0;
  const d = dialog(), told = place(d, () => kept++);
  told({ is: "goes", in_ms: 20_000, code: "abc234" });
  told({ is: "stays" });
  mock.timers.tick(60_000);
  assert.equal(d.open, false);
  told({ is: "goes", in_ms: 20_000, code: "abc234" });
  d.button.click();
  mock.timers.tick(60_000);
  assert.deepEqual([d.open, kept], [false, 1]);
  mock.timers.reset();
});
