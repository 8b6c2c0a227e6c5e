// The operators' page: pairs, then shows what the kit says of itself for as long as it is paired.
import { ask } from "./api.js";
import { Buttons } from "./buttons.js";
import { Camera } from "./camera.js";
import { Catalogue } from "./catalogue.js";
import { Code } from "./code.js";
import { Counter } from "./counter.js";
import { Devices } from "./devices.js";
import { el, text } from "./dom.js";
import { Door } from "./door.js";
import { HeldUp } from "./heldup.js";
import { Link } from "./link.js";
import { Logs } from "./logs.js";
import { news } from "./news.js";
import { Offers } from "./offers.js";
import { pair } from "./pair.js";
import { Push } from "./push.js";
import { Recordings } from "./recordings.js";
import { Sales } from "./sales.js";
import { Scans } from "./scans.js";
import { Settings } from "./settings.js";
import { Sound } from "./sound.js";
import { StockOf } from "./stock.js";
import { System } from "./system.js";
import { Teach } from "./teach.js";
import { Tickets } from "./tickets.js";
import { Till } from "./till.js";
import { Wifi } from "./wifi.js";

/** @typedef {import("./words.js").State} State */

const code = new Code(() => link.leave());
const offers = new Offers(el("offers"), () => link.leave(), (offer, title) => code.open(offer, title));
const sales = new Sales(el("sales"), el("no-sales"));
const counter = new Counter(() => link.leave());
const tickets = new Tickets(() => link.leave(), (ticket) => counter.open(ticket));
const scans = new Scans(el("scans"), el("scanned"), (ticket) => counter.open(ticket));
const heldUp = new HeldUp(() => link.leave());
const push = new Push(() => link.leave());
const devices = new Devices(el("devices"), el("trouble"));
const teach = new Teach(() => link.leave());
const buttons = new Buttons(() => link.leave());
const settings = new Settings(() => link.leave());
const logs = new Logs(() => link.leave());
const system = new System(() => link.leave());
const stock = new StockOf(() => link.leave());
const catalogue = new Catalogue(() => link.leave());
const door = new Door(() => link.leave());
const till = new Till(() => link.leave());
const wifi = new Wifi(() => link.leave());
const camera = new Camera(() => link.leave());
const recordings = new Recordings(() => link.leave());
const sound = new Sound(() => link.leave());
const link = new Link({ state: show, line });

/** @type {State | null} */
let now = null;
/** @type {State | null} */
let spoken = null;

/** @param {State} s */
function show(s) {
  now = s;
  spoken = spoken || s;
  view("show");
  offers.set(s.offers);
  el("no-offers").hidden = s.offers.length > 0;
  sales.set(s.tickets);
  tickets.set(s.tickets, s.held);
  heldUp.set(s.held_up);
  push.set(s.push);
  scans.set(s.scans);
  counter.scanned(s.scans);
  door.scanned(s.scans);
  counter.sells(s.offers);
  teach.set(s.scans);
  devices.set(s.devices);
  buttons.set(s.buttons);
  settings.set(s.refused);
  recordings.set(s.recording);
  text(el("taken"), s.taken.text);
  text(el("viewers"), String(s.viewers));
  text(el("unprinted"), String(s.tickets.filter((t) => t.state === "queued" || t.state === "printing").length + s.held));
  text(el("another-code"), s.pairing);
}

/** What a device saw is not left on it when it is logged out. */
function forget() {
  if (now) show({ ...now, offers: [], tickets: [], devices: [], viewers: 0, pairing: "", buttons: { presses: [], help: false }, scans: [], held_up: undefined, push: undefined, held: 0, recording: { state: "off", released: false }, taken: { ...now.taken, text: "" } });
  now = spoken = null;
  text(el("news"), "");
  text(el("link"), "");
  /** @type {HTMLDetailsElement} */ (el("another")).open = false;
  tickets.slip.forget();
  counter.forget();
  code.forget();
  buttons.forget();
  teach.forget();
  settings.forget();
  logs.forget();
  system.forget();
  stock.forget();
  catalogue.forget();
  till.forget();
  door.forget();
  wifi.forget();
  camera.forget();
  recordings.forget();
  sound.forget();
}

/** @param {"live" | "lost"} is */
function line(is) {
  document.documentElement.dataset.line = is;
  text(el("link"), is === "live" ? "" : now ? "Connection lost, retrying…" : "The kit does not answer, retrying…");
}

/** @param {"opening" | "pairing" | "show"} name */
function view(name) {
  for (const id of ["opening", "pairing", "show"]) el(id).hidden = id !== name;
}

/** At most one sentence every few seconds to those who listen rather than look. */
function speak() {
  if (!now || !spoken || now === spoken) return;
  const words = news(spoken, now);
  spoken = now;
  if (words) el("news").textContent = words;
}

async function leave() {
  const { status } = await ask("POST", "/api/operator/unpair");
  if (status === 204 || status === 401) link.leave();
  else line("lost");
}

async function main() {
  for (let note = ""; ; ) {
    await link.run();
    if (now) note = "This device is logged out.";
    forget();
    view("pairing");
    el("code").focus();
    await pair(note);
  }
}

text(el("address"), `${location.origin}/console`);
el("leave").addEventListener("click", leave);
addEventListener("online", () => link.nudge());
document.addEventListener("visibilitychange", () => { if (!document.hidden) link.nudge(); });
setInterval(speak, 4000);
main();
