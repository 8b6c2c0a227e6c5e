// What there is to choose in an offer, such as a size: one tap where it is one piece, else how many of each.
import { ask } from "./api.js";
import { shown } from "./prompts.js";

/**
 * @typedef {import("./prompts.js").Offer} Offer
 * @typedef {{sku: string, title: string, left: number, picture?: string, price?: {text: string}}} Option
 */

export class Choose {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {(offer: Offer, choice: string[], frame: number) => void} chosen
   */
  constructor(dialog, chosen) {
    this.dialog = dialog;
    this.chosen = chosen;
    /** @type {Offer | null} */
    this.offer = null;
    this.frame = 0;
    /** @type {Map<string, number>} how many of each */
    this.counts = new Map();
    this.priced = 0; // counts the prices that were asked for: an older answer is not shown
    this.title = /** @type {HTMLElement} */ (dialog.querySelector("h2"));
    this.note = /** @type {HTMLElement} */ (dialog.querySelector("p"));
    this.options = /** @type {HTMLElement} */ (dialog.querySelector("div"));
    this.buy = /** @type {HTMLButtonElement} */ (dialog.querySelector(".buy"));
    this.buy.addEventListener("click", () => this.take(picked(this.counts)));
    /** @type {HTMLElement} */ (dialog.querySelector(".quiet")).addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { this.offer = null; });
  }

  /**
   * @param {Offer} offer
   * @param {number} frame that was seen when it was tapped
   */
  open(offer, frame) {
    this.offer = offer;
    this.frame = frame;
    this.counts = new Map();
    this.show();
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** The offers are as they are now. */
  set(/** @type {Offer[]} */ offers) {
    const is = this.offer && offers.find((o) => o.id === (this.offer && this.offer.id));
    if (!this.offer) return;
    if (!is || !is.choices || !(is.state === "live" || is.waiting !== undefined)) return this.dialog.close();
    const same = JSON.stringify([is.choices, is.price, is.state]) === JSON.stringify([this.offer.choices, this.offer.price, this.offer.state]);
    this.offer = is;
    if (!same) this.show();
  }

  show() {
    const o = this.offer;
    if (!o || !o.choices) return;
    this.title.textContent = o.title;
    this.title.lang = this.options.lang = o.lang || "";
    const pieces = wanted(o), focused = this.dialog.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : "";
    if (pieces === 1) {
      this.note.textContent = "Which one?";
      this.buy.hidden = true;
      this.options.replaceChildren(...o.choices[0].of.map((c) => this.one(o, c)));
    } else {
      this.options.replaceChildren(...o.choices.flatMap((line) => line.of.map((c) => this.some(line.n, line.of, c))));
      this.count();
    }
    for (const b of this.options.querySelectorAll("button")) if (focused && b.getAttribute("aria-label") === focused) b.focus();
  }

  /**
   * @param {Offer} o
   * @param {Option} c
   */
  one(o, c) {
    const b = button(c.title, `${o.title}, ${c.title} for ${(c.price || o.price).text}`);
    const left = document.createElement("span");
    left.className = "left";
    left.textContent = [c.price ? c.price.text : "", c.left < 0 ? "" : c.left ? `${c.left} left` : "sold out"].filter(Boolean).join(" · ");
    b.append(left);
    if (c.picture) {
      const img = document.createElement("img");
      shown(img, c.picture);
      b.prepend(img);
    }
    if (c.left === 0 && o.waiting === undefined && !o.line) b.setAttribute("aria-disabled", "true");
    else b.addEventListener("click", () => this.take([c.sku]));
    return b;
  }

  /**
   * @param {number} n of the line
   * @param {Option[]} of
   * @param {Option} c
   */
  some(n, of, c) {
    const row = document.createElement("p"), name = document.createElement("span"), count = document.createElement("output");
    const has = this.counts.get(c.sku) || 0, all = of.reduce((sum, x) => sum + (this.counts.get(x.sku) || 0), 0);
    name.textContent = c.left === 0 ? `${c.title}, sold out` : c.title;
    count.textContent = String(has);
    const less = button("−", `One ${c.title} less`), more = button("+", `One ${c.title} more`);
    less.disabled = has === 0;
    more.disabled = all >= n || (c.left >= 0 && has >= c.left);
    less.addEventListener("click", () => this.step(c.sku, -1));
    more.addEventListener("click", () => this.step(c.sku, 1));
    row.append(name, less, count, more);
    return row;
  }

  /**
   * @param {string} sku
   * @param {number} by
   */
  step(sku, by) {
    this.counts.set(sku, (this.counts.get(sku) || 0) + by);
    this.show();
  }

  /** Says how many are to be chosen still, or offers what is chosen at what it costs. */
  async count() {
    const o = this.offer;
    if (!o) return;
    const choice = picked(this.counts), missing = wanted(o) - choice.length, n = ++this.priced;
    this.buy.hidden = missing > 0;
    this.note.textContent = missing > 0 ? `Choose ${missing}${choice.length ? " more" : ""}.` : "";
    if (missing > 0) return;
    let price = o.price.text;
    if (o.from) {
      this.buy.hidden = true; // until it is known what that costs
      const a = await ask("GET", `/api/price?${new URLSearchParams([["offer", o.id], ...choice.map((c) => ["choice", c])])}`);
      if (n !== this.priced) return;
      if (a.status !== 200) {
        this.note.textContent = (a.body && a.body.detail) || "The kit does not answer. Change something to ask again.";
        return;
      }
      price = a.body.price.text;
    }
    this.buy.hidden = false;
    this.buy.textContent = `Buy ${o.title} for ${price}`;
  }

  take(/** @type {string[]} */ choice) {
    const o = this.offer;
    this.dialog.close();
    if (o) this.chosen(o, choice, this.frame);
  }
}

/** How many pieces of an offer are to be chosen. */
export function wanted(/** @type {Offer} */ o) {
  return (o.choices || []).reduce((n, line) => n + line.n, 0);
}

/** @param {Map<string, number>} counts */
export function picked(counts) {
  return [...counts].flatMap(([sku, n]) => Array(n).fill(sku));
}

/**
 * @param {string} text
 * @param {string} label
 */
function button(text, label) {
  const b = document.createElement("button");
  b.type = "button";
  b.textContent = text;
  b.setAttribute("aria-label", label);
  return b;
}
