// The visitors' page: opens a session, and introduces picture, prompts and taps to one another.
import { ask, pause } from "./api.js";
import { Choose } from "./choose.js";
import { consent } from "./consent.js";
import { Lines } from "./lines.js";
import { Media } from "./media.js";
import { News, Stills } from "./news.js";
import { place } from "./place.js";
import { Prompts } from "./prompts.js";
import { Sound } from "./sound.js";
import { Taps, sentence } from "./taps.js";

const el = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const video = /** @type {HTMLVideoElement} */ (el("video"));
const still = /** @type {HTMLImageElement} */ (el("still"));
const root = document.documentElement;

/** @type {Record<string, string>} how a ticket stands at the counter, where that is news */
const stands = { ready: "Ready: please fetch it", partly: "Partly fetched", "handed-over": "Fetched", void: "Void" };

/** @type {Media | null} */
let media = null;
let tokensUntil = 0, told = 0; // and how often the offers were told

const prompts = new Prompts(
  { over: el("over"), list: el("list"), news: el("news"), picture: () => (still.hidden ? { w: video.videoWidth, h: video.videoHeight } : { w: still.naturalWidth, h: still.naturalHeight }) },
  (offer, frame) => {
    if (taps.pending.has(offer.id)) return;
    if (offer.choices && offer.token) choose.open(offer, frame);
    else send(offer, frame);
  },
  () => refresh(),
);
const choose = new Choose(/** @type {HTMLDialogElement} */ (el("choose")), (offer, choice, frame) => send(offer, frame, choice));
const lines = new Lines(el("lines"), (offer) => prompts.click(offer.id, prompts.frame), (words) => {
  say(words, "good");
  if (navigator.vibrate) navigator.vibrate(300);
}, () => refresh());
setInterval(() => { prompts.tick(); lines.tick(); }, 500);

/**
 * @param {import("./prompts.js").Offer} offer
 * @param {number} frame
 * @param {string[]} [choice]
 */
function send(offer, frame, choice) {
  prompts.pending(offer.id, true);
  say("Sending…", "wait");
  taps.tap(offer.id, offer.token || "", frame, choice);
}
const taps = new Taps((m) => !!media && media.send(m), (o) => {
  if (o.offer) prompts.pending(o.offer, false);
  const { text, kind } = sentence(o);
  say(text, kind);
  if (o.outcome === "confirmed") showTickets();
  refresh(); // its token is used, or was not good
});
const placed = place(/** @type {HTMLDialogElement} */ (el("place")), () => { if (!media || !media.send({ type: "stay" })) ask("POST", "/api/stay"); });
const sound = new Sound(el("sound"), el("sound-note"), (on) => { if (media) media.listen(on); });
const news = new News(message);
const stills = new Stills(still, (shown) => picture(shown ? "still" : "none"));

function message(/** @type {any} */ m) {
  if (m.type === "offers") {
    told++;
    tokensUntil = Date.now() + m.life_ms / 2;
    prompts.set(m.offers);
    choose.set(m.offers);
    lines.set(m.offers);
    const recording = m.recording ? "Recording" : "";
    if (el("recording").textContent !== recording) el("recording").textContent = recording;
    if (!media || root.dataset.video !== "live") // areas as they are now: there is no frame to wait for
      prompts.timeline.add({ rtp: 0, rev: 0, areas: m.offers.map((/** @type {any} */ o) => o.area).filter(Boolean) });
  } else if (m.type === "changed") {
    fetchOffers();
  } else if (m.type === "areas") {
    prompts.timeline.add(m);
    if (root.dataset.video !== "live") prompts.frameShown(undefined);
  } else if (m.type === "sound") {
    sound.set(m.is);
  } else if (m.type === "place") {
    placed(m);
  } else if (m.type === "outcome") {
    taps.arrived(m);
  } else if (m.type === "ticket") {
    if (m.fulfilment === "ready") say(`Ready · ticket ${m.ticket}: please fetch it`, "good");
    showTickets();
  }
}

function say(/** @type {string} */ text, /** @type {string} */ kind) {
  const s = el("status");
  s.textContent = text;
  s.className = kind;
}

function picture(/** @type {string} */ state) {
  if (root.dataset.video === state) return;
  root.dataset.video = state;
  prompts.setLive(state !== "none");
}

function refresh() {
  const before = told;
  if (!media || !media.send({ type: "refresh" })) return fetchOffers();
  pause(500).then(() => { if (told === before) fetchOffers(); }); // a channel that has lost its way takes long to find it again
}

function fetchOffers() {
  ask("GET", "/api/offers").then(({ status, body }) => { if (status === 200) message({ type: "offers", ...body }); });
}

async function showTickets() {
  const { status, body } = await ask("GET", "/api/tickets");
  if (status !== 200) return;
  el("mine").hidden = body.tickets.length === 0;
  el("tickets").replaceChildren(...body.tickets.map((/** @type {any} */ t) => {
    const li = document.createElement("li");
    for (const [name, text] of [["number", t.ticket], ["title", t.title], ["price", t.total.text], ["of", contents(t)], ["is", stands[t.fulfilment] || ""]]) {
      const s = document.createElement("span");
      s.className = name;
      s.textContent = text;
      li.append(s);
    }
    if (t.pay) {
      const a = document.createElement("a");
      a.href = t.pay.url;
      a.target = "_blank";
      a.rel = "noopener noreferrer";
      a.textContent = `Pay ${t.pay.owed.text}${t.pay.in_ms ? `, within ${Math.max(1, Math.floor(t.pay.in_ms / 60000))} min` : ""}`;
      li.append(a);
    }
    return li;
  }));
}

/** What is in a ticket, where its title does not say it. */
function contents(/** @type {{title: string, lines: {title: string, n: number}[]}} */ t) {
  if (t.lines.length === 1 && t.lines[0].n === 1) return "";
  return t.lines.map((l) => `${l.n} × ${l.title}`).join(" · ");
}

/** Live video where it can be had; news and stills whenever it cannot. */
async function watch() {
  let showing = false;
  const can = "RTCPeerConnection" in window && new URLSearchParams(location.search).get("webrtc") !== "off";
  if (can) {
    media = new Media(video, {
      message,
      frame: (rtp) => prompts.frameShown(rtp),
      state: (s) => {
        if (s === "live" && showing) showing = false, stills.stop(); // before it covers what moves again
        if (s === "live" || still.hidden) picture(s);
      },
    });
    media.run();
    addEventListener("pagehide", () => media && media.leave());
    addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
    addEventListener("online", () => media && media.nudge(false));
    document.addEventListener("visibilitychange", () => { if (!document.hidden && media) media.nudge(true); });
    await pause(4000);
  }
  for (; ; await pause(1000)) {
    const without = root.dataset.video !== "live";
    news.set(!media || !media.channel);
    if (without !== showing) {
      showing = without;
      if (without) stills.start();
      else stills.stop(), picture("live");
    }
  }
}

async function start() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 5000)) {
    const { status, body } = await ask("POST", "/api/session");
    if (status === 200) {
      consent(body, el("privacy"));
      break;
    }
    say("Waiting for the stall…", "wait");
    await pause(wait);
  }
  say("", "");
  refresh();
  showTickets();
  watch();
  const renew = () => { if (Date.now() > tokensUntil && !document.hidden) refresh(); };
  setInterval(renew, 5000);
  document.addEventListener("visibilitychange", renew); // a phone is woken to tap at once
}

start();
