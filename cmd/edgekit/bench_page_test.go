//go:build bench

package main

// pageScript runs in the visitors' page before its own scripts, and times what goes through the page's own channel and
// what its own video shows. Times are performance.now()'s; a picture's is when the browser says that it is on the screen.
const pageScript = stripScript + `(() => {
const B = window.bench = { first: 0, open: false, ages: null, pending: null, seen: 0 };
const taps = new Map(), sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const make = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (...args) {
  const channel = make.apply(this, args), send = channel.send;
  channel.addEventListener("open", () => { B.open = true; });
  channel.addEventListener("message", (e) => {
    const now = performance.now();
    if (!e.data.startsWith('{"type":"outcome"')) return;
    const o = JSON.parse(e.data), tap = taps.get(o.id);
    if (tap && !tap.got) { tap.got = now; tap.outcome = o.outcome; }
  });
  channel.send = function (data) {
    const m = JSON.parse(data);
    if (m.type === "tap") taps.set(m.id, { id: m.id, sent: performance.now(), got: 0, outcome: "" });
    return send.call(channel, data);
  };
  return channel;
};

// Frames: the first, the age of each by the clock strip, and banners.
const plate = new OffscreenCanvas(600, 220).getContext("2d", { willReadFrequently: true });
// green tells whether a slot for confirmations (capture/overlay/layout.go) has its plate's colour, RGB 0 118 53, in 2 of 5 of it.
function green(d, slot) {
  let hits = 0, n = 0;
  for (let y = slot * 116; y < slot * 116 + 104; y += 2) for (let x = 0; x < 600; x += 4, n++) {
    const p = 4 * (y * 600 + x);
    if (d.data[p] <= 40 && Math.abs(d.data[p + 1] - 118) <= 40 && Math.abs(d.data[p + 2] - 53) <= 40) hits++;
  }
  return hits * 5 >= n * 2;
}
function banners(v) {
  const k = v.videoHeight / 720;
  plate.drawImage(v, 340 * k, 72 * k, 600 * k, 220 * k, 0, 0, 600, 220);
  const d = plate.getImageData(0, 0, 600, 220);
  return green(d, 0) + green(d, 1);
}
addEventListener("DOMContentLoaded", () => {
  const v = document.querySelector("video");
  const frame = (now, meta) => {
    v.requestVideoFrameCallback(frame);
    const shown = Math.max(now, meta.expectedDisplayTime);
    B.seen++;
    B.first ||= shown;
    if (B.ages) { const ms = clock(v); if (ms >= 0) B.ages.push([shown, ms]); }
    if (B.pending) { const n = banners(v); if (n === B.pending.want) { B.pending.done(shown); } }
  };
  v.requestVideoFrameCallback(frame);
});

function click(offer) {
  const b = [...document.querySelectorAll("button")].find((x) => (x.ariaLabel || "").startsWith("Buy " + offer + " for "));
  if (b) b.click();
  return !!b;
}
async function until(ok, ms) {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(2)) if (ok()) return true;
  return false;
}
// buy taps n times, gap apart, and answers how long each outcome took, from send to message.
B.buy = async (offer, n, gap) => {
  const out = { took: [], ids: [], lost: 0, other: {} };
  for (let i = 0; i < n; i++) {
    const before = taps.size;
    if (!click(offer) || !await until(() => taps.size > before, 500)) { out.lost++; await sleep(gap); continue; }
    const tap = [...taps.values()].at(-1);
    if (!await until(() => tap.got, 3000)) out.lost++;
    else if (tap.outcome !== "confirmed") out.other[tap.outcome] = (out.other[tap.outcome] || 0) + 1;
    else { out.took.push(tap.got - tap.sent); out.ids.push(tap.id); }
    await sleep(gap * (.9 + .2 * Math.random()));
  }
  return out;
};
// confirm taps rounds times two: each confirmation is one plate more in the picture, where there is room for two.
B.confirm = async (offer, rounds) => {
  const out = [];
  const shows = (want) => new Promise((r) => { B.pending = { want, done: (at) => { B.pending = null; r(at); } }; });
  for (let i = 0; i < rounds; i++) {
    await shows(0);
    for (const want of [1, 2]) {
      await sleep(250 + 50 * Math.random());
      const at = performance.now(), seen = shows(want);
      if (!click(offer)) throw new Error("no prompt");
      out.push(await Promise.race([seen, sleep(5000).then(() => { throw new Error("no confirmation in the picture within 5 s"); })]) - at);
    }
  }
  return out;
};
B.weight = () => {
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").filter((e) => !["fetch", "xmlhttprequest", "beacon"].includes(e.initiatorType))];
  const foreign = performance.getEntriesByType("resource").filter((e) => new URL(e.name).origin !== location.origin && !e.name.startsWith("data:"));
  return { bytes: all.reduce((s, e) => s + e.encodedBodySize, 0), files: all.length, foreign: foreign.length };
};
})();`
