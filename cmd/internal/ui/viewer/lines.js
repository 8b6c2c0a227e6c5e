// The lines that this visitor stands in for what was sold out, and what is kept for them once it is their turn.
import { ask } from "./api.js";
import { clock } from "./prompts.js";

/** @typedef {import("./prompts.js").Offer} Offer */

export class Lines {
  /**
   * @param {HTMLElement} list
   * @param {(offer: Offer) => void} buy
   * @param {(words: string) => void} turn told when it is their turn
   * @param {() => void} left told when a line was left
   */
  constructor(list, buy, turn, left) {
    this.list = list;
    this.buy = buy;
    this.turn = turn;
    this.left = left;
    /** @type {Offer[]} */
    this.offers = [];
    this.at = 0; // when they were as they are
    /** @type {Set<string>} */
    this.called = new Set();
  }

  set(/** @type {Offer[]} */ offers) {
    const called = new Set();
    this.offers = offers.filter((o) => o.line);
    this.at = performance.now();
    for (const o of this.offers) {
      if (!o.line || !o.line.called_ms) continue;
      called.add(o.id);
      if (!this.called.has(o.id)) this.turn(`Your turn · ${o.title} is kept for you for ${clock(o.line.called_ms)}: tap it`);
    }
    this.called = called;
    this.list.hidden = this.offers.length === 0;
    this.list.replaceChildren(...this.offers.map((o) => this.row(o)));
  }

  row(/** @type {Offer} */ o) {
    const li = document.createElement("li"), words = document.createElement("span"), leave = document.createElement("button");
    words.textContent = this.words(o);
    leave.type = "button";
    leave.className = "quiet";
    leave.textContent = "Leave the line";
    leave.setAttribute("aria-label", `Leave the line for ${o.title}`);
    leave.addEventListener("click", async () => {
      leave.disabled = true;
      await ask("DELETE", `/api/line/${o.id.split("/").map(encodeURIComponent).join("/")}`);
      this.left();
    });
    li.append(words, leave);
    if (o.line && o.line.called_ms) {
      const b = document.createElement("button");
      b.type = "button";
      b.className = "buy";
      b.textContent = `Buy ${o.title} ${o.from ? "from" : "for"} ${o.price.text}`;
      b.addEventListener("click", () => this.buy(o));
      li.append(b);
    }
    return li;
  }

  words(/** @type {Offer} */ o) {
    const { ahead, called_ms: ms } = o.line || { ahead: 0 };
    if (ms) return `${o.title} is kept for you: ${clock(ms - (performance.now() - this.at))}`;
    return `In line for ${o.title}: ${ahead ? `${ahead} before you` : "you are next"}`;
  }

  /** Has clocks go on. */
  tick() {
    this.offers.forEach((o, i) => {
      const words = this.list.children[i] && this.list.children[i].children[0];
      if (words && o.line && o.line.called_ms) words.textContent = this.words(o);
    });
  }
}
