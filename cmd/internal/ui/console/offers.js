// The run of show: every offer with its state, what is left and sold, its clock, and what can be done with it.
import { ask, fresh, why, wish } from "./api.js";
import { List, label, make, text } from "./dom.js";
import { actions, canCountDown, countdown, countdowns, lineText, offerLabel } from "./words.js";

/**
 * @typedef {import("./words.js").Offer} Offer
 * @typedef {import("./words.js").Action} Action
 */

/** A button that has just appeared under a finger, meant for the one before it, does nothing for so long. */
const settling = 600;
/** For how long a press on Sell waits for the one that means it: a sale cannot be taken back. */
const sure = 4000;

export class Offers {
  /**
   * @param {HTMLElement} list
   * @param {() => void} refused called when this device turns out not to be paired any more
   * @param {(offer: string, title: string) => void} code shows a code that sells it
   */
  constructor(list, refused, code) {
    /** @type {List<Offer, Card>} */
    this.list = new List(list, (o) => o.id, (o) => new Card(o, refused, code));
    setInterval(() => { for (const card of this.list.rows.values()) card.tick(); }, 1000);
  }

  set(/** @type {Offer[]} */ offers) {
    this.list.set(offers);
  }
}

class Card {
  /**
   * @param {Offer} o
   * @param {() => void} refused
   * @param {(offer: string, title: string) => void} code
   */
  constructor(o, refused, code) {
    this.offer = o;
    this.refused = refused;
    this.state = "";
    this.ends = 0;
    this.li = make("li", "offer");
    this.title = make("h3");
    this.label = make("span");
    this.price = make("span", "price");
    this.left = make("b");
    this.sold = make("b");
    this.clock = make("b");
    this.time = make("span");
    this.until = make("span");
    this.time.append(this.clock, this.until);
    this.fault = make("p", "fault");
    this.fault.setAttribute("role", "alert");
    this.note = make("p", "good");
    this.note.setAttribute("role", "status");
    this.sell = make("button", "calm");
    this.sell.type = "button";
    this.sell.addEventListener("click", () => this.sells());
    this.code = make("button", "calm", "Code");
    this.code.type = "button";
    this.code.addEventListener("click", () => code(this.offer.id, this.offer.title));
    this.later = make("select", "calm");
    this.later.append(new Option("Start in…", ""), ...countdowns.map((n) => new Option(`${n} min`, String(n))));
    this.later.addEventListener("change", () => {
      const minutes = Number(this.later.value);
      this.later.value = "";
      if (minutes) this.act(this.later, { to: "soon", in_ms: minutes * 60_000 });
    });
    this.picks = make("div", "picks");
    this.choices = ""; // as they are offered
    /** @type {string[]} what is chosen of it, of what was asked */
    this.choice = [];
    this.line = make("span");
    this.asked = NaN; // that a sale was asked for at, and is to be confirmed; NaN: none was
    this.disarm = 0;
    this.buttons = make("div", "buttons");
    const head = make("div", "head");
    head.append(this.title, this.label);
    const facts = make("p", "facts");
    const of = (/** @type {HTMLElement} */ n, /** @type {string} */ what) => { const s = make("span"); s.append(n, ` ${what}`); return s; };
    this.counted = make("span", "", " left");
    const left = make("span");
    left.append(this.left, this.counted);
    facts.append(this.price, left, of(this.sold, "sold"), this.line, this.time);
    this.li.append(head, facts, this.picks, this.buttons, this.note, this.fault);
  }

  update(/** @type {Offer} */ o) {
    this.offer = o;
    const left = o.ends_ms || o.starts_ms;
    this.ends = left ? performance.now() + left : 0;
    text(this.until, o.ends_ms ? " to go" : " until it starts");
    text(this.title, o.title);
    label(this.label, offerLabel(o));
    text(this.price, o.from ? `from ${o.price.text}` : o.price.text);
    text(this.line, lineText(o));
    this.offerChoices(o);
    text(this.left, o.left < 0 ? "not counted" : String(o.left));
    this.counted.hidden = o.left < 0;
    text(this.sold, String(o.sold));
    this.tick();
    if (this.state !== o.state) this.offerActions(o);
    this.sell.hidden = this.code.hidden = o.left === 0;
    if (this.asked !== o.price.minor && !o.from) this.arm(NaN);
  }

  /** A list for each piece that is to be chosen. */
  offerChoices(/** @type {Offer} */ o) {
    const key = JSON.stringify(o.choices || []);
    this.picks.hidden = !o.choices || o.state !== "live" || o.left === 0;
    if (key === this.choices) return;
    this.choices = key;
    const had = [...this.picks.querySelectorAll("select")].map((s) => s.value);
    this.picks.replaceChildren(...(o.choices || []).flatMap((line) => Array.from({ length: line.n }, () => {
      const s = make("select", "calm");
      s.setAttribute("aria-label", `${o.title}: which one`);
      s.append(...line.of.filter((c) => c.left !== 0).map((c) => new Option([c.title, c.price ? c.price.text : "", c.left < 0 ? "" : `${c.left} left`].filter(Boolean).join(", "), c.sku)));
      s.addEventListener("change", () => this.arm(NaN));
      return s;
    })));
    this.picks.querySelectorAll("select").forEach((s, i) => { if ([...s.options].some((c) => c.value === had[i])) s.value = had[i]; });
  }

  /** What an offer costs with what is chosen in it; undefined: that is not known. */
  async priceOf(/** @type {string[]} */ choice) {
    const o = this.offer;
    if (!o.from) return o.price;
    const a = await ask("GET", `/api/operator/price?${new URLSearchParams([["offer", o.id], ...choice.map((c) => ["choice", c])])}`);
    if (a.status === 401) this.refused();
    if (a.status !== 200) text(this.fault, why(a));
    return a.status === 200 ? a.body.price : undefined;
  }

  tick() {
    this.time.hidden = !this.ends;
    if (this.ends) text(this.clock, countdown(this.ends - performance.now()));
  }

  offerActions(/** @type {Offer} */ o) {
    const first = this.state === "", focused = this.buttons.contains(document.activeElement);
    this.state = o.state;
    this.arm(NaN);
    this.buttons.replaceChildren(...actions(o.state).map((a) => {
      const b = make("button", a.kind, a.verb);
      b.type = "button";
      b.setAttribute("aria-label", `${a.verb} ${o.title}`);
      b.addEventListener("click", () => this.act(b, a));
      if (!first) this.settle(b);
      return b;
    }));
    this.code.setAttribute("aria-label", `Code for ${o.title}`);
    this.later.setAttribute("aria-label", `Start ${o.title} in`);
    if (o.state === "live") this.buttons.append(this.sell, this.code);
    if (canCountDown(o.state)) this.buttons.append(this.later);
    if (focused) /** @type {HTMLElement} */ (this.buttons.firstElementChild || this.li).focus();
  }

  /** Has a button wait until it cannot be pressed by mistake any more. */
  settle(/** @type {HTMLButtonElement} */ b) {
    b.setAttribute("aria-disabled", "true");
    setTimeout(() => b.removeAttribute("aria-disabled"), settling);
  }

  /**
   * Has the button ask whether a sale at a price is meant, or, at NaN, offer one.
   * @param {number} price
   * @param {string} [shown] the price for people
   */
  arm(price, shown = "") {
    clearTimeout(this.disarm);
    this.asked = price;
    const asks = !Number.isNaN(price), { title } = this.offer;
    text(this.sell, asks ? `Sure? ${shown}` : "Sell");
    this.sell.setAttribute("aria-label", asks ? `Sure? Sell ${title} for ${shown}` : `Sell ${title}`);
    if (!asks) return;
    this.disarm = setTimeout(() => this.arm(NaN), sure);
    this.settle(this.sell);
  }

  /** Sells one to somebody who stands at the stall, by the second of two presses. */
  async sells() {
    if (this.sell.hasAttribute("aria-disabled")) return;
    text(this.note, "");
    text(this.fault, "");
    const price = this.asked;
    if (Number.isNaN(price)) {
      this.choice = [...this.picks.querySelectorAll("select")].map((s) => s.value);
      const costs = await this.priceOf(this.choice);
      return costs && this.arm(costs.minor, costs.text);
    }
    this.arm(NaN);
    this.sell.setAttribute("aria-disabled", "true");
    const a = await wish("/api/operator/sales", /** @type {any} */ ({ id: fresh(), offer: this.offer.id, choice: this.choice, price }));
    this.settle(this.sell);
    if (a.status === 401) return this.refused();
    if (a.status === 200) text(this.note, `Sold: ticket ${a.body.ticket}.`);
    else text(this.fault, a.status ? `Not sold. ${why(a)}` : `Not known whether that was sold: look at the tickets. ${why(a)}`);
  }

  /**
   * @param {HTMLButtonElement | HTMLSelectElement} b
   * @param {{to: string, in_ms?: number}} a
   */
  async act(b, a) {
    if (b.hasAttribute("aria-disabled")) return;
    b.setAttribute("aria-disabled", "true");
    this.fault.textContent = "";
    const answer = await wish(`/api/operator/offers/${encodeURIComponent(this.offer.id)}`, { id: fresh(), state: a.to, in_ms: a.in_ms }, "PUT");
    if (answer.status === 204) return this.done(b); // the kit's news bring the new state and its buttons
    b.removeAttribute("aria-disabled");
    if (answer.status === 401) return this.refused();
    this.fault.textContent = `Not changed. ${why(answer)}`;
  }

  /** A change to the state it had already brings no news: then the button is good for another press. */
  done(/** @type {HTMLElement} */ b) {
    setTimeout(() => b.removeAttribute("aria-disabled"), 2000);
  }
}
