import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pages.mjs";

const { Media } = await load("viewer/media.js");

globalThis.document = /** @type {any} */ ({ hidden: false, documentElement: { dataset: {} } });

/** A connection to which nothing has come for so many ms. */
class Connection {
  signalingState = "stable";
  restarts = 0;
  /** @type {string[]} */
  answers = [];
  constructor(silent = 1000) { this.silent = silent; }
  async getStats() { return new Map([["v", { type: "inbound-rtp", kind: "video", timestamp: 5000, lastPacketReceivedTimestamp: 5000 - this.silent }]]); }
  async createOffer(/** @type {any} */ how) { assert.ok(how.iceRestart); return {}; }
  async setLocalDescription() { this.restarts++; }
  async setRemoteDescription(/** @type {any} */ d) { this.answers.push(d.sdp); }
}

const hooks = { message() {}, frame() {}, state() {} };

/** A page's media, whose picture was shown a second ago, and why connections of it were dropped. */
function media(/** @type {any} */ pc) {
  /** @type {(now: number, meta: any) => void} */
  let shown = () => {};
  const video = /** @type {any} */ ({ addEventListener() {}, requestVideoFrameCallback(/** @type {any} */ f) { shown = f; } });
  const m = new Media(video, hooks), dropped = /** @type {string[]} */ ([]);
  Object.assign(m, { pc, location: "/whep/1", answer: "the kit's", lastFrame: performance.now() - 1000, drop: (/** @type {string} */ why) => { dropped.push(why); m.pc = null; } });
  return { m, dropped, on: () => m.pc === pc, show: () => shown(0, { rtpTimestamp: 1 }) };
}

/** The kit's answer to every question. */
function kit(/** @type {number} */ status, /** @type {number} */ due, asked = () => {}) {
  globalThis.fetch = /** @type {any} */ (async () => { asked(); return { status, headers: new Headers({ "Server-Timing": `picture;dur=${due}` }) }; });
}

test("a kit that does not know the connection is connected to anew, at once", async () => {
  const pc = new Connection(), { m, dropped, on } = media(pc);
  kit(404, 0);
  await m.mend(/** @type {any} */ (pc), on);
  assert.deepEqual(dropped, ["answered"]);
  assert.equal(pc.restarts, 0);
});

test("so is one whose pictures do not come; one that has none is waited for", async () => {
  for (const [due, want] of /** @type {[number, string[]][]} */ ([[30, ["answered"]], [990, []]])) {
    const pc = new Connection(1000), { m, dropped, on, show } = media(pc);
    kit(204, due, () => setTimeout(() => { if (!want.length) show(); }));
    await m.mend(/** @type {any} */ (pc), on);
    assert.deepEqual(dropped, want);
  }
});

test("while the kit does not answer, ICE looks for it with what both know, once in a while", async () => {
  const pc = new Connection(), { m, dropped, on, show } = media(pc);
  globalThis.fetch = /** @type {any} */ (async () => { throw new Error("no network"); });
  const done = m.mend(/** @type {any} */ (pc), on);
  await new Promise((r) => setTimeout(r, 600));
  assert.deepEqual(pc.answers, ["the kit's"]);
  show();
  await done;
  assert.deepEqual(dropped, []);
});

test("what becomes of an old connection is nothing to the new one", async () => {
  const old = new Connection(), { m, dropped } = media(old);
  let asked = 0;
  kit(404, 0, () => { asked++; m.pc = /** @type {any} */ (new Connection()); });
  await m.watch(/** @type {any} */ (old));
  assert.equal(asked, 1);
  assert.deepEqual(dropped, []);
});

test("a picture that stands is a matter of the way only if nothing comes, and more is usual", async () => {
  const stands = async (/** @type {number} */ silent, /** @type {number} */ ago, /** @type {number[]} */ gaps) => {
    const pc = /** @type {any} */ (new Connection(silent)), { m } = media(pc);
    Object.assign(m, { gaps, lastFrame: performance.now() - ago });
    return m.stands(pc);
  };
  const fast = [33, 33, 34, 33, 33, 33, 34, 33];
  assert.equal(await stands(400, 400, fast), true);
  assert.equal(await stands(400, 200, fast), false);
  assert.equal(await stands(20, 400, fast), false, "it is this phone that is slow");
  assert.equal(await stands(20, 6000, fast), true, "but not for so long");
  assert.equal(await stands(900, 900, [1000, 1000, 1000]), false, "a picture a second");
  assert.equal(await stands(400, 400, [...fast.slice(2), 3000, 500]), true, "an outage is not what is usual");
});
