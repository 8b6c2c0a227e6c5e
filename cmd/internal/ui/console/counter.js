// The counter: a ticket that was scanned, photographed or named, what is owed for it, and what is done with it.
import { ask, fresh, why, wish } from "./api.js";
import { el, label, make, text } from "./dom.js";
import { smaller } from "./photo.js";
import { fulfilmentLabel, timeOfDay } from "./words.js";

/** @typedef {import("./words.js").Money} Money */
/** @typedef {import("./words.js").Scan} Scan */
/** @typedef {{sku: string, title: string, n: number, open: number, handed: number, amount: Money}} Line */
/** @typedef {{id: string, do: string, ok: boolean, detail: string, money: number, at: string}} Act */
/** @typedef {{ticket: string, title: string, lines: Line[], total: Money, owed: Money, paid: Money, state: string, at: string, acts: Act[]}} Ticket */
/** @typedef {"hand-over" | "void" | "take-back" | "none"} Mode none: it is done, and a finger that taps twice undoes nothing */

/** @type {[string, Mode][]} */
const modes = [["counter-hand", "hand-over"], ["counter-void", "void"], ["counter-return", "take-back"]];

export class Counter {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.dialog = /** @type {HTMLDialogElement} */ (el("counter"));
    this.now = /** @type {HTMLInputElement} */ (el("counter-now"));
    this.follow = /** @type {HTMLInputElement} */ (el("scans-open"));
    this.number = /** @type {HTMLInputElement} */ (el("counter-number"));
    this.photo = /** @type {HTMLInputElement} */ (el("counter-photo"));
    this.back = /** @type {HTMLSelectElement} */ (el("counter-back"));
    this.swap = /** @type {HTMLSelectElement} */ (el("counter-for"));
    this.swap.addEventListener("change", () => this.show());
    this.selling = "";
    this.restock = /** @type {HTMLInputElement} */ (el("counter-restock"));
    /** @type {Ticket | null} */
    this.ticket = null;
    /** @type {Mode} */
    this.mode = "hand-over";
    /** @type {HTMLInputElement[]} */
    this.pieces = [];
    /** @type {string | null} the latest scan, once one is known */
    this.seen = null;
    for (const [id, mode] of modes)
      el(id).addEventListener("click", () => { this.mode = mode; this.show(); });
    this.now.addEventListener("change", () => this.show());
    el("counter-cash").addEventListener("click", () => this.take("cash"));
    el("counter-card").addEventListener("click", () => this.take("card"));
    el("counter-unpaid").addEventListener("click", () => this.serve("hand-over", { pieces: this.chosen() }));
    el("counter-give").addEventListener("click", () => this.give());
    el("counter-ready").addEventListener("click", () => this.serve("ready", {}));
    el("counter-undo").addEventListener("click", () => this.serve("undo", {}));
    el("counter-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (e) => { if (e.target === this.dialog) this.dialog.close(); });
    el("counter-find").addEventListener("submit", (e) => { e.preventDefault(); this.find(); });
    this.photo.addEventListener("change", () => this.look());
  }

  /** A ticket that somebody scans is opened here, if this is the console for it. */
  scanned(/** @type {Scan[]} */ scans) {
    const last = scans[0], key = last ? last.at + last.text : "";
    const first = this.seen === null;
    if (key === this.seen) return;
    this.seen = key;
    if (!first && last && last.ticket && this.follow.checked) this.open(last.ticket);
  }

  /** What can be had in exchange. */
  sells(/** @type {import("./words.js").Offer[]} */ offers) {
    const live = offers.filter((o) => o.state === "live" && o.left !== 0).flatMap(kinds), key = JSON.stringify(live);
    if (key === this.selling) return;
    this.selling = key;
    const was = this.swap.value;
    this.swap.replaceChildren(new Option("nothing", ""), ...live.map(({ words, value }) => new Option(words, value)));
    this.swap.value = live.some(({ value }) => value === was) ? was : "";
  }

  find() {
    const number = this.number.value.trim().toUpperCase().replace(/^([A-Z]+)\s*-?\s*(\d+)$/, (_, a, n) => `${a}-${n.padStart(3, "0")}`);
    if (number) this.open(number);
  }

  async look() {
    const file = this.photo.files && this.photo.files[0];
    this.photo.value = ""; // the same one again is looked at again
    if (!file) return;
    text(el("counter-look"), "Looking for the slip's code…");
    text(el("counter-look-fault"), "");
    const a = await send(await smaller(file));
    text(el("counter-look"), "");
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return text(el("counter-look-fault"), why(a));
    if (!a.body.ticket) return text(el("counter-look-fault"), a.body.detail);
    this.seen = a.body.at + a.body.text;
    this.open(a.body.ticket);
  }

  /** @param {string} number */
  async open(number) {
    this.mode = "hand-over";
    this.now.checked = true;
    this.swap.value = "";
    text(el("counter-note"), "");
    text(el("counter-fault"), "");
    text(el("counter-look-fault"), "");
    await this.load(number);
  }

  /** @param {string} number */
  async load(number) {
    const a = await ask("GET", `/api/operator/control/tickets/${encodeURIComponent(number)}`);
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return text(this.dialog.open ? el("counter-fault") : el("counter-look-fault"), a.status === 404 ? `There is no ticket ${number}.` : why(a));
    this.ticket = a.body;
    this.number.value = "";
    this.show();
    if (!this.dialog.open) this.dialog.showModal();
  }

  show() {
    const t = this.ticket;
    if (!t) return;
    const open = t.lines.some((l) => l.open > 0), handed = t.lines.some((l) => l.handed > 0), owed = t.owed.minor > 0, paid = t.paid.minor > 0;
    /** @type {Record<Mode, boolean>} */
    const can = { "hand-over": open || owed, void: open, "take-back": handed, none: false };
    if (!can[this.mode]) this.mode = can["hand-over"] ? "hand-over" : "none";
    const over = this.mode === "hand-over";
    text(el("counter-title"), `${t.ticket} · ${t.title}`);
    label(el("counter-state"), fulfilmentLabel(t.state));
    text(el("counter-owed"), owed ? `${t.owed.text} to pay` : t.owed.minor < 0 ? `${t.paid.text} paid, of which some is to be given back` : paid ? `${t.paid.text} paid` : "Nothing to pay");
    this.lines(t);
    for (const [id, mode] of modes) {
      el(id).hidden = !can[mode];
      el(id).setAttribute("aria-pressed", String(this.mode === mode));
    }
    const now = over && open && this.now.checked;
    el("counter-now-row").hidden = !over || !open || !owed;
    el("counter-cash").hidden = el("counter-card").hidden = !over || !owed;
    text(el("counter-cash"), `${t.owed.text} in cash${now ? ", hand over" : ""}`);
    text(el("counter-card"), `${t.owed.text} by card${now ? ", hand over" : ""}`);
    el("counter-unpaid").hidden = !over || !open || (owed && !this.now.checked);
    el("counter-unpaid").className = owed ? "calm" : "go";
    text(el("counter-unpaid"), owed ? "Hand over, not paid yet" : "Hand over");
    el("counter-giving").hidden = over || this.mode === "none";
    el("counter-back-row").hidden = !paid;
    text(el("counter-give"), this.swap.value ? "Exchange these" : this.mode === "void" ? "Void these" : "Take these back");
    el("counter-ready").hidden = !over || !open;
    text(el("counter-ready"), t.state === "ready" ? "Call the number again" : "Call the number");
    const last = t.acts.filter((a) => a.ok).pop();
    el("counter-close").className = this.mode === "none" ? "go" : "";
    el("counter-undo").hidden = !last || !["ready", "pay", "hand-over"].includes(last.do);
    el("counter-acts").replaceChildren(...t.acts.slice(-6).map((a) => make("li", a.ok ? "" : "warn", `${timeOfDay(a.at)} ${a.detail}`)));
  }

  /** How many of each line it is about: all, unless somebody says fewer. */
  lines(/** @type {Ticket} */ t) {
    this.pieces = [];
    el("counter-lines").replaceChildren(...t.lines.map((l, i) => {
      const most = this.mode === "take-back" ? l.handed : this.mode === "none" ? 0 : l.open;
      const li = make("li"), n = make("input"), name = make("label", "", `${l.title}${l.n > 1 ? `, ${l.n} pieces` : ""}`);
      n.type = "number";
      n.inputMode = "numeric";
      n.min = "0";
      n.max = n.value = String(most);
      n.disabled = most === 0;
      n.id = `counter-line-${i}`;
      name.htmlFor = n.id;
      n.hidden = this.mode === "none";
      li.append(name, n, make("span", "small", n.hidden ? "" : `of ${most}`));
      this.pieces.push(n);
      return li;
    }));
  }

  chosen() {
    return this.pieces.map((n) => Math.max(0, Math.floor(Number(n.value) || 0)));
  }

  /** @param {string} payment */
  take(payment) {
    const t = this.ticket;
    if (!t) return;
    if (this.now.checked && t.lines.some((l) => l.open > 0)) return this.serve("hand-over", { payment, pieces: this.chosen() });
    return this.serve("pay", { payment });
  }

  give() {
    const t = this.ticket;
    if (!t) return;
    return this.serve(this.mode, { pieces: this.chosen(), restock: this.restock.checked, ...(t.paid.minor > 0 ? { payment: this.back.value } : {}), ...(this.swap.value ? JSON.parse(this.swap.value) : {}) });
  }

  /**
   * @param {string} what
   * @param {Record<string, any>} more
   */
  async serve(what, more) {
    const t = this.ticket;
    if (!t || this.dialog.getAttribute("aria-busy") === "true") return;
    this.dialog.setAttribute("aria-busy", "true");
    const a = await wish("/api/operator/control/counter", { id: fresh(), ticket: t.ticket, do: what, ...more });
    this.dialog.removeAttribute("aria-busy");
    if (a.status === 401) return this.refused();
    const done = a.status === 200 && a.body.ok;
    text(el("counter-note"), done ? a.body.detail : "");
    text(el("counter-fault"), done ? "" : a.status === 200 ? a.body.detail : why(a));
    if (done) this.mode = "hand-over", this.swap.value = "";
    await this.load((done && a.body.new) || t.ticket);
  }

  forget() {
    this.dialog.close();
    this.ticket = null;
    this.seen = null;
    for (const id of ["counter-title", "counter-owed", "counter-note", "counter-fault", "counter-look", "counter-look-fault"]) text(el(id), "");
    for (const id of ["counter-lines", "counter-acts"]) el(id).replaceChildren();
  }
}

/**
 * An offer as one thing to exchange for, or as one for each kind that can be chosen. One of which several are to be chosen is sold by itself.
 * @param {import("./words.js").Offer} o
 */
function kinds(o) {
  const all = o.choices || [];
  if (all.length === 0) return [{ words: `${o.title}, ${o.price.text}`, value: JSON.stringify({ for: o.id }) }];
  if (all.length > 1 || all[0].n > 1) return [];
  return all[0].of.filter((c) => c.left !== 0).map((c) => ({ words: `${o.title}: ${c.title}, ${(c.price || o.price).text}`, value: JSON.stringify({ for: o.id, choice: [c.sku] }) }));
}

/**
 * @param {Blob} picture
 * @returns {Promise<import("./api.js").Answer>}
 */
async function send(picture) {
  try {
    const res = await fetch("/api/operator/control/photo", { method: "POST", body: picture, headers: { "Content-Type": picture.type || "image/jpeg" } });
    return { status: res.status, body: await res.json(), retry: 0 };
  } catch (e) {
    return { status: 0, body: null, retry: 0 };
  }
}
