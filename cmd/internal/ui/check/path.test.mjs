import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pages.mjs";

const { answered, knows, reached, silence } = await load("viewer/path.js");

/** Answers requests in turn, and keeps them. @param {(number | "hang")[]} statuses */
function network(statuses, timing = "") {
  const asked = [];
  globalThis.fetch = (at, how) => {
    asked.push({ at, ...how });
    const status = statuses.shift();
    if (status !== "hang") return Promise.resolve({ status, text: async () => "", headers: new Headers(timing ? { "Server-Timing": timing } : {}) });
    return new Promise((_, reject) => how.signal.addEventListener("abort", () => reject(new Error("aborted"))));
  };
  return asked;
}
globalThis.document = /** @type {any} */ ({ hidden: false });
const never = () => new Promise(() => {});

test("the kit is asked of a connection, and says how long ago there was a picture for it", async () => {
  const asked = network([204, 404, "hang"], "picture;dur=17");
  assert.deepEqual(await knows("/whep/x"), { status: 204, due: 17 });
  assert.equal(asked[0].at, "/whep/x");
  assert.equal(asked[0].method, "PATCH");
  assert.equal(asked[0].body, "");
  assert.equal((await knows("/whep/x")).status, 404);
  assert.equal((await knows("/whep/x")).status, 0, "an answer that does not come is none");
});

test("the kit is asked until it answers, whatever it says", async () => {
  const asked = network(["hang", "hang", 503]);
  await reached(() => false, never);
  assert.equal(asked.length, 3);
  let stopped = false;
  network(["hang", "hang", "hang", "hang", "hang"]);
  const done = reached(() => stopped, never);
  stopped = true;
  await done;
});

test("a question does not wait for one that hangs, and few hang at a time", async () => {
  const open = [];
  let most = 0, nudge = () => {};
  const asked = answered(() => new Promise((r) => { open.push(r); most = Math.max(most, open.length); nudge(); }), () => true, () => new Promise((r) => { nudge = () => r(null); }));
  for (let i = 0; i < 20; i++) await new Promise((r) => setTimeout(() => { nudge(); r(null); }));
  assert.equal(most, 3);
  open[2]({ status: 204 });
  assert.deepEqual(await asked, { status: 204 });
});

test("questions that fail at once are not asked without a pause", async () => {
  let asked = 0, wanted = true;
  const done = answered(async () => { asked++; return { status: 0 }; }, () => wanted, never);
  for (let i = 0; i < 20; i++) await new Promise((r) => setTimeout(r));
  assert.equal(asked, 1);
  wanted = false;
  assert.equal((await done).status, 0);
});

test("silence is that of the picture's packets", async () => {
  const pc = (/** @type {any[]} */ ...stats) => /** @type {any} */ ({ getStats: async () => new Map(stats.map((s, i) => [i, s])) });
  assert.equal(await silence(pc({ type: "inbound-rtp", kind: "audio", timestamp: 900, lastPacketReceivedTimestamp: 899 }, { type: "inbound-rtp", kind: "video", timestamp: 900, lastPacketReceivedTimestamp: 500 })), 400);
  assert.equal(await silence(pc({ type: "inbound-rtp", kind: "video", timestamp: 900 })), Infinity);
  assert.equal(await silence(pc()), Infinity);
});
