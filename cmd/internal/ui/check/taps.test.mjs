import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { load } from "./pages.mjs";

const { Taps, sentence } = await load("viewer/taps.js");

/** What was posted, and what the kit answers to each: a function of the post's number. */
let posts, answer;
/** What is paused for: the test's time, not the clock's, passes. */
let pauses;
const real = { fetch: globalThis.fetch, setTimeout: globalThis.setTimeout };

beforeEach(() => {
  posts = [], pauses = [];
  globalThis.fetch = async (path, init) => {
    posts.push({ path, ...JSON.parse(init.body) });
    const a = await answer(posts.length);
    if (!a) throw new TypeError("network");
    return new Response(JSON.stringify(a.body), { status: a.status });
  };
  // A pause is over as soon as nothing else is to be done; a request's limit (5 s) is never reached.
  globalThis.setTimeout = (f, ms) => {
    if (ms === 5000) return 0;
    pauses.push(ms);
    return real.setTimeout(f, 0);
  };
});
afterEach(() => { Object.assign(globalThis, real); mock.restoreAll(); });

const ok = (id) => ({ status: 200, body: { id, outcome: "confirmed", offer: "mug", ticket: "A-001", left: 4 } });

test("the sentences begin as tests and screen readers expect", () => {
  for (const [o, begins] of [
    [{ outcome: "confirmed", ticket: "A-042", title: "Mug", total: { text: "€ 10.00" } }, "Confirmed · ticket A-042 · Mug € 10.00"],
    [{ outcome: "confirmed", ticket: "A-042" }, "Confirmed · ticket A-042"],
    [{ outcome: "sold-out" }, "Sold out"],
    [{ outcome: "too-late" }, "Too late"],
    [{ outcome: "too-late", detail: "The price has just changed." }, "Too late · The price has just changed."],
    ...["token-used", "token-expired", "not-yet", "token-invalid", "refused", "rate-limited", "unavailable", "malformed", "unanswered", "unheard of"]
      .map((outcome) => [{ outcome }, "Try again"]),
  ]) {
    const { text, kind } = sentence({ id: "1", ...o });
    assert.ok(text.startsWith(begins), `${o.outcome}: ${text}`);
    assert.equal(kind, o.outcome === "confirmed" ? "good" : "bad", o.outcome);
    assert.doesNotMatch(text, /undefined|null/, o.outcome);
  }
});

test("a tap goes by channel, and its outcome is reported once", async () => {
  const decided = [];
  const taps = new Taps((m) => { real.setTimeout(() => taps.arrived(ok(m.id).body), 0); return true; }, (o) => decided.push(o));
  await taps.tap("mug", "token", 90000);
  assert.equal(decided.length, 1);
  assert.equal(decided[0].outcome, "confirmed");
  assert.equal(posts.length, 0, "it was posted too");
  taps.arrived(decided[0]); // the kit's news to all pages of this visitor
  assert.equal(decided.length, 1, "a repeat was reported again");
});

test("a tap keeps its id from the channel to the post and through every retry", async () => {
  const sent = [], decided = [];
  const taps = new Taps((m) => { sent.push(m.id); return true; }, (o) => decided.push(o)); // the channel swallows it
  answer = (n) => [null, { status: 503, body: { reason: "unavailable" } }, { status: 429, body: { reason: "rate-limited", retry_ms: 7000 } }, ok(sent[0])][n - 1];
  await taps.tap("mug", "token", 90000);
  assert.equal(posts.length, 4);
  assert.equal(new Set([...sent, ...posts.map((p) => p.id)]).size, 1, "it got another id");
  assert.deepEqual(posts[0], { path: "/api/taps", id: sent[0], offer: "mug", token: "token", frame: 90000 });
  assert.ok(pauses.includes(7000), `it did not wait as long as the kit asked: ${pauses}`);
  assert.deepEqual(decided.map((o) => o.outcome), ["confirmed"]);
});

test("an outcome that comes late by the channel ends the tries", async () => {
  const sent = [], decided = [];
  const taps = new Taps((m) => { sent.push(m.id); return true; }, (o) => decided.push(o)); // the channel is slow
  answer = () => { taps.arrived(ok(sent[0]).body); return new Promise(() => {}); }; // and what was sent on it is answered while the post finds no way, nor an end
  await taps.tap("mug", "token", 90000);
  assert.deepEqual([sent.length, posts.length], [1, 1], "it was sent again");
  assert.deepEqual(decided.map((o) => o.outcome), ["confirmed"]);
  taps.arrived(ok(sent[0]).body);
  assert.equal(decided.length, 1, "a repeat was reported again");
});

test("a refusal is reported with its reason, and not sent again", async () => {
  const decided = [];
  answer = () => ({ status: 409, body: { reason: "sold-out", detail: "Sold out." } });
  await new Taps(() => false, (o) => decided.push(o)).tap("mug", "token", 0);
  assert.equal(posts.length, 1);
  assert.equal(decided.length, 1);
  assert.deepEqual([decided[0].outcome, decided[0].offer, decided[0].id], ["sold-out", "mug", posts[0].id]);
});

test("a nervous finger is one wish; the next wish is another", async () => {
  answer = (n) => ok(posts[n - 1].id);
  const decided = [], taps = new Taps(() => false, (o) => decided.push(o));
  await Promise.all([taps.tap("mug", "token", 0), taps.tap("mug", "token", 0), taps.tap("pen", "token", 0)]);
  assert.deepEqual(posts.map((p) => p.offer).sort(), ["mug", "pen"]);
  await taps.tap("mug", "token", 0);
  assert.equal(new Set(posts.map((p) => p.id)).size, 3);
  assert.equal(decided.length, 3);
});

test("an outcome of this visitor's other page is reported once, a refusal of it not at all", () => {
  const decided = [], taps = new Taps(() => false, (o) => decided.push(o));
  taps.arrived({ id: "1", outcome: "confirmed", ticket: "A-001" });
  taps.arrived({ id: "1", outcome: "confirmed", ticket: "A-001" });
  taps.arrived({ id: "2", outcome: "sold-out" });
  assert.deepEqual(decided.map((o) => o.id), ["1"]);
});

test("a kit that never answers ends in words, and the offer can be tapped again", async () => {
  let now = 0;
  mock.method(Date, "now", () => (now += 500));
  answer = () => null;
  const decided = [], taps = new Taps(() => false, (o) => decided.push(o));
  await taps.tap("mug", "token", 0);
  assert.equal(decided.length, 1);
  assert.match(sentence(decided[0]).text, /^Try again · .*tickets/);
  assert.equal(new Set(posts.map((p) => p.id)).size, 1);
  assert.equal(taps.pending.size, 0);
});
