// What the console says of states and times. Nothing here touches the page.

/**
 * @typedef {{minor: number, currency: string, text: string}} Money
 * @typedef {{id: string, title: string, price: Money, state: string, left: number, sold: number, starts_ms?: number, ends_ms?: number, waiting?: number, kept?: number, from?: boolean, choices?: {n: number, of: {sku: string, title: string, left: number, price?: Money}[]}[]}} Offer
 * @typedef {{step: string, start: number, took: number}} Span in nanoseconds, start counted from the tap's arrival
 * @typedef {{ticket: string, tap: string, title: string, total: Money, state: string, via: string, at: string, trace?: Span[], fulfilment: string, owed: Money}} Ticket
 * @typedef {{device: string, name: string, state: string, reason?: string}} Device
 * @typedef {{id: string, button?: string, gesture?: string, action?: string, via: string, ok: boolean, detail: string, at: string}} Press
 * @typedef {{at: string, text: string, ok: boolean, detail: string, ticket?: string, print?: string, state?: string, door?: boolean, lesson?: string}} Scan lesson: learned or refused
 * @typedef {{guest: number, name: string, kind?: string, walk_in?: boolean, in?: string}} Guest
 * @typedef {{detail: string, text?: string, title?: string, offer?: string, at?: string}} HeldUp
 * @typedef {{state: string, server: string, reason?: string, kbps?: number, rtt_ms?: number, lost?: number, sound?: boolean}} Push
 * @typedef {{presses: Press[], help: boolean}} Buttons
 * @typedef {{offers: Offer[], tickets: Ticket[], devices: Device[], viewers: number, pairing: string, taken: Money, refused: boolean, buttons: Buttons, scans: Scan[], held_up?: HeldUp, push?: Push, held: number, recording: Recording}} State
 * @typedef {{state: string, why?: string, released: boolean, note?: string}} Recording off, idle, waiting, recording, full or failed
 * @typedef {{name: string, bytes: number, long_ms: number, released_ms: number, began?: string, live?: boolean, broken?: string}} RecordingFile
 * @typedef {{line: number, column: number, key?: string, what: string}} SettingsProblem line and column from 1, 0: no place
 * @typedef {{t: string, up: number, level: string, from: string, msg: string, attrs?: Record<string, unknown>}} LogRecord
 * @typedef {{program: string, at: string, text: string}} Crash
 * @typedef {{free: number, size: number, written: number, stopped?: string[]}} Disk in bytes
 * @typedef {{version: string, from: string, outcome: string, why: string, at: string}} Verdict of an update
 * @typedef {{appliance: boolean, version: string, slot: string, trial: boolean, updates?: Verdict[]}} System
 * @typedef {{mac: string, authorized?: boolean, wpa3?: boolean, signal_dbm?: number, tx_kbps?: number, rx_bytes?: number, tx_bytes?: number, idle_ms?: number, connected_ms?: number}} Phone
 * @typedef {{mode: string, device: Device, radio?: string, ssid?: string, security?: string, channel?: number, channel_why?: string, wrong_password?: {phones: number, ago_ms: number}, most?: number, most_why?: string, stations: Phone[], blocked: string[], portal?: {internet_via?: string, internet?: string}, venue?: Venue}} Wifi
 * @typedef {{device: Device, ssid?: string, security?: string, signal_dbm?: number, address?: string, internet?: string, name?: string}} Venue
 * @typedef {"good" | "warn" | "bad" | "calm"} Mood the colour of a word; it never stands alone
 * @typedef {{word: string, mood: Mood}} Label
 * @typedef {{verb: string, to: string, kind: "go" | "stop" | "calm"}} Action
 */

/** @type {Action} */
const start = { verb: "Start", to: "live", kind: "go" };
/** @type {Action} */
const stop = { verb: "Stop", to: "over", kind: "stop" };
/** @type {Action} */
const announce = { verb: "Announce", to: "soon", kind: "calm" };
/** @type {Action} */
const withdraw = { verb: "Withdraw", to: "withdrawn", kind: "calm" };

/** @type {Action} */
const soldOut = { verb: "Sold out", to: "sold-out", kind: "calm" };

/** @type {Record<string, Action[]>} */
const actionsIn = {
  hidden: [start, announce],
  soon: [start, withdraw],
  live: [stop, soldOut, withdraw],
  over: [start, announce, withdraw],
  withdrawn: [start, announce],
  "sold-out": [start, withdraw],
};

/**
 * What an operator can do with an offer in a state, the likeliest first.
 * @param {string} state
 */
export function actions(state) {
  return actionsIn[state] || [];
}

/** After how many minutes an offer may be told to start by itself. */
export const countdowns = [1, 2, 5, 10, 15, 30, 60];

/**
 * Whether an offer in a state may be told to.
 * @param {string} state
 */
export function canCountDown(state) {
  return state !== "live";
}

/** @type {Record<string, Label>} */
const offerWords = {
  hidden: { word: "Hidden", mood: "calm" },
  soon: { word: "Announced", mood: "warn" },
  live: { word: "Live", mood: "good" },
  over: { word: "Over", mood: "calm" },
  withdrawn: { word: "Withdrawn", mood: "calm" },
  "sold-out": { word: "Sold out", mood: "warn" },
};

/**
 * @param {Offer} o
 * @returns {Label}
 */
export function offerLabel(o) {
  if (o.state === "live" && o.left === 0) return { word: "Sold out", mood: "warn" };
  return offerWords[o.state] || { word: o.state, mood: "calm" };
}

/**
 * Who stands in line for an offer; "" where nobody does.
 * @param {Offer} o
 */
export function lineText(o) {
  return [o.waiting ? `${o.waiting} in line` : "", o.kept ? `${o.kept} kept for who is next` : ""].filter(Boolean).join(", ");
}

/** @type {Record<string, Label>} */
const slipWords = {
  queued: { word: "Waiting", mood: "warn" },
  printing: { word: "Printing", mood: "warn" },
  printed: { word: "Printed", mood: "good" },
  sent: { word: "Sent to printer", mood: "good" },
  held: { word: "Old: print it?", mood: "warn" },
  dropped: { word: "Left out", mood: "calm" },
};

/**
 * @param {string} state of a ticket's slip
 * @returns {Label}
 */
export function slipLabel(state) {
  return slipWords[state] || { word: state, mood: "calm" };
}

/** @type {Record<string, Label>} */
const fulfilmentWords = {
  open: { word: "To hand over", mood: "warn" },
  ready: { word: "Called", mood: "warn" },
  partly: { word: "Partly handed over", mood: "warn" },
  "handed-over": { word: "Handed over", mood: "good" },
  void: { word: "Void", mood: "bad" },
};

/**
 * @param {string} state of a ticket
 * @returns {Label}
 */
export function fulfilmentLabel(state) {
  return fulfilmentWords[state] || { word: state, mood: "calm" };
}

/**
 * Whether what was scanned is a ticket for which something is to be handed over, or was learned from.
 * @param {Scan} s
 * @returns {Label}
 */
export function scanLabel(s) {
  if (s.door) return s.ok ? { word: "Come in", mood: "good" } : { word: "Stop", mood: "bad" };
  if (s.lesson) return s.ok ? { word: "Learned", mood: "good" } : { word: "Not learned", mood: "bad" };
  if (!s.ok && s.ticket) return { ...fulfilmentLabel(s.state || ""), mood: "bad" };
  return s.ok ? { word: "Ours", mood: "good" } : { word: "Not ours", mood: "bad" };
}

/**
 * A guest of a ticketed event.
 * @param {Guest} g
 */
export function guestText(g) {
  const since = g.in ? timeOfDay(g.in) : "";
  return [g.name || (g.walk_in ? `Walk-in ${g.guest}` : `Guest ${g.guest}`), g.kind, g.in ? `in${since ? ` since ${since}` : ""}` : ""].filter(Boolean).join(", ");
}

/**
 * @param {string} state of a ticket's slip
 * @returns {boolean} whether it is out
 */
export function isOut(state) {
  return state === "printed" || state === "sent";
}

/**
 * @param {number} n of slips that are so old that nobody may be waiting for them
 */
export function heldText(n) {
  return n === 1 ? "A slip is hours old. Print it?" : `${n} slips are hours old. Print them?`;
}

/** @type {Record<string, Label>} */
const deviceWords = {
  ready: { word: "Ready", mood: "good" },
  opening: { word: "Starting", mood: "warn" },
  absent: { word: "Not there", mood: "bad" },
  failed: { word: "Problem", mood: "bad" },
};

/**
 * Devices with what each is called where there are several of a kind: printer, printer 2.
 * @param {Device[]} devices
 * @returns {(Device & {called: string})[]}
 */
export function named(devices) {
  /** @type {Record<string, number>} */
  const seen = {};
  return devices.map((d) => {
    const n = (seen[d.device] = (seen[d.device] || 0) + 1);
    return { ...d, called: n === 1 ? d.device : `${d.device} ${n}` };
  });
}

/**
 * @param {string} state of a device
 * @returns {Label}
 */
export function deviceLabel(state) {
  return deviceWords[state] || { word: state, mood: "calm" };
}

/**
 * A reason without what only an engineer wants to know, which drivers put in brackets.
 * @param {string} reason
 */
export function brief(reason) {
  return reason.replace(/ \(.*\)/s, "");
}

/** @param {string} s */
export function capital(s) {
  return s.charAt(0).toUpperCase() + s.slice(1);
}

/**
 * How long a tap took to be a sale, and to be on paper; undefined: not known, or not yet. A tap that was sent again has
 * the steps of the repeat behind its own: the first ones count.
 * @param {Span[] | undefined} spans
 * @returns {{sold: number | undefined, paper: number | undefined}} milliseconds
 */
export function way(spans) {
  const end = (/** @type {string} */ step) => {
    const s = (spans || []).find((x) => x.step === step);
    return s && (s.start + s.took) / 1e6;
  };
  return { sold: end("act"), paper: end("printed") };
}

/**
 * A short time, as people say it.
 * @param {number} ms
 */
export function took(ms) {
  if (ms < 1) return "under 1 ms";
  if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  if (Math.round(ms / 1000) < 60) return `${Math.round(ms / 1000)} s`;
  if (Math.round(ms / 60000) < 60) return `${Math.round(ms / 60000)} min`;
  const minutes = Math.round(ms / 60000);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * What is left of an offer's time, as a clock. It shows 0:00 only when it is over.
 * @param {number} ms
 */
export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  return h ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/**
 * The time of day. A kit without a clock of its own may not know it: then nothing is said rather than something wrong.
 * @param {string} at RFC 3339
 */
export function timeOfDay(at) {
  const d = new Date(at);
  if (!(d.getFullYear() >= 2020)) return "";
  return [d.getHours(), d.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
}

/**
 * A pairing code as it is written on the slip, from whatever was typed or pasted.
 * @param {string} typed
 */
export function code(typed) {
  const digits = typed.replace(/\D/g, "").slice(0, 6);
  return digits.length > 3 ? `${digits.slice(0, 3)}-${digits.slice(3)}` : digits;
}

/**
 * What is wrong with the settings, and where.
 * @param {SettingsProblem} p
 */
export function problemText(p) {
  const what = p.key && !p.what.includes(p.key) ? `${p.key}: ${p.what}` : p.what;
  return p.line ? `Line ${p.line}, column ${p.column}: ${what}` : what;
}

/**
 * Where a line and column, both from 1 and in characters, are in a text, in the units of a string. Beyond its end: its end.
 * @param {string} text
 * @param {number} line
 * @param {number} column
 */
export function offsetOf(text, line, column) {
  let at = 0;
  for (; line > 1; line--) {
    const end = text.indexOf("\n", at);
    if (end < 0) return text.length + 1;
    at = end + 1;
  }
  return Math.min(text.length, at + Array.from(text.slice(at)).slice(0, column - 1).join("").length);
}

/**
 * What a log record says.
 * @param {LogRecord} r
 */
export function logText(r) {
  return [r.msg, ...Object.entries(r.attrs || {}).map(([key, value]) => `${key}=${value}`)].join(" ");
}

/** @type {Record<string, string>} */
const actionWords = {
  "start-next-drop": "Next drop", "sold-out": "Sold out", "reprint-last": "Reprint", "call-help": "Help", "clear-help": "Help, taken back",
  "setup-slip": "Set-up slip", "next-camera": "Next camera", "shut-down": "Shut down", "show-offer": "Put on show",
};

/**
 * What was pressed, and where.
 * @param {Press} p
 */
export function pressText(p) {
  const what = (p.action && actionWords[p.action]) || p.action || "Nothing";
  if (p.via === "camera") return `${what} (held up to the camera)`;
  return p.button ? `${what} (${p.button}, ${p.gesture}${p.via === "button" ? "" : ", from a console"})` : `${what} (from a console)`;
}

/**
 * What is held up to the camera.
 * @param {HeldUp} h
 */
export function heldUpText(h) {
  return h.text ? `${h.text}: ${h.detail}` : h.detail;
}

/**
 * What became of an update.
 * @param {Verdict} v
 */
export function verdictText(v) {
  /** @type {Record<string, string>} */
  const how = { kept: "Kept", failed: "Given up", interrupted: "Broken off" };
  return `${how[v.outcome] || v.outcome}: ${v.version}. ${v.why}`;
}

/**
 * How the disk is, and what has stopped for want of room.
 * @param {Disk} d
 */
export function diskText(d) {
  if (!d.size) return "";
  const mb = (/** @type {number} */ n) => `${Math.floor(n / 1048576)} MB`;
  const stopped = d.stopped && d.stopped.length ? ` Nearly full: ${d.stopped.join(" and ")} stopped, sales go on.` : "";
  return `Disk: ${mb(d.free)} of ${mb(d.size)} free, ${mb(d.written)} written so far.${stopped}`;
}

/**
 * The kit's own network.
 * @param {Wifi} w
 */
export function wifiText(w) {
  if (w.device.state !== "ready") return w.device.reason || "There is none.";
  const full = w.most && w.stations.length >= w.most ? " It is full." : "";
  const wrong = w.wrong_password ? ` Could not join for a wrong password: ${w.wrong_password.phones}, the last one ${spell(w.wrong_password.ago_ms)} ago.` : "";
  return `${w.ssid}, ${w.security}, channel ${w.channel}.${w.channel_why ? ` ${w.channel_why}` : ""} ${w.stations.length} of ${w.most} phones: ${w.most_why}.${full}${wrong}`;
}

/**
 * Whether visitors reach the internet; "" where they are not to.
 * @param {Wifi} w
 */
export function internetText(w) {
  const { internet_via: by, internet } = w.portal || {};
  if (!by) return "";
  if (internet === "yes") return `Visitors reach the internet, by ${by}.`;
  if (internet === "no") return `Visitors may reach the internet, but the kit sees none by ${by}: look at the router there. Phones stay and buy without it.`;
  return `Visitors may reach the internet by ${by}; whether it is there is not known yet.`;
}

/**
 * The venue's network, where the kit is a guest; "" where it is in none.
 * @param {Wifi} w
 */
export function venueText(w) {
  const v = w.venue;
  if (!v) return "";
  const address = (v.address || "").split("/")[0];
  const found = [v.name, address].filter(Boolean).join(", or at ");
  const there = w.mode === "venue" && found ? ` Visitors in that network find the kit as ${found}.` : "";
  if (v.device.state !== "ready") return `${v.device.reason || "The venue's network is not joined."}${there}`;
  const facts = [v.security, signal(v.signal_dbm), v.internet === "yes" ? "with internet" : ""].filter(Boolean).join(", ");
  const role = w.mode === "venue" ? "In the venue's network" : "The way out is the venue's network";
  return `${role} ${v.ssid ? `${v.ssid} (${facts})` : "by cable"}.${there}${v.device.reason ? ` ${v.device.reason}` : ""}`;
}

/**
 * How well a radio is heard, in words; "" where that is not known.
 * @param {number | undefined} dBm
 */
function signal(dBm) {
  if (!dBm) return "";
  return `signal ${dBm > -60 ? "good" : dBm > -75 ? "fair" : "weak"} (${dBm} dBm)`;
}

/**
 * A phone in the kit's own network.
 * @param {Phone} p
 */
export function phoneText(p) {
  const facts = [`on for ${spell(p.connected_ms || 0)}`];
  if (p.signal_dbm) facts.push(signal(p.signal_dbm));
  if (p.tx_kbps) facts.push(`${(p.tx_kbps / 1000).toFixed(0)} Mbit/s`);
  facts.push(`${((p.tx_bytes || 0) / 1e6).toFixed(1)} MB to it`);
  if ((p.idle_ms || 0) > 10_000) facts.push(`silent for ${spell(p.idle_ms || 0)}`);
  return facts.join(" · ");
}

/** @param {number} ms */
export function spell(ms) {
  const s = Math.round(ms / 1000);
  return s < 60 ? `${s} s` : s < 3600 ? `${Math.round(s / 60)} min` : `${Math.floor(s / 3600)} h ${Math.round(s % 3600 / 60)} min`;
}

/** @typedef {{name: string, x: number, y: number, w: number, h: number, light: number, blown: number, crushed: number, sharp: number}} Zone where in fractions of the picture, what in percent; sharp below 0: there are no edges */

/**
 * How a part of the picture comes out, and what helps.
 * @param {Zone} z
 */
export function zoneText(z) {
  let light = "well lit";
  if (z.blown > 15 || z.light > 85) light = "too bright: less light, or another place";
  else if (z.light < 20 || z.crushed > 50) light = "too dark: more light from the front";
  let focus = `sharp (${z.sharp})`;
  if (z.sharp < 0) focus = "nothing there to be sharp";
  else if (z.sharp < 30) focus = `blurred (${z.sharp} of 100): find the focus again, wipe the lens, or move away`;
  else if (z.sharp < 60) focus = `a little soft (${z.sharp} of 100)`;
  return `${focus}, ${light}`;
}
