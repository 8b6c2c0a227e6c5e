// What is left of each thing, and a way to say that it is another number: which thing, how many there are, and why.
import { ask, fresh, why, wish } from "./api.js";
import { el, make, text } from "./dom.js";

/** @typedef {{sku: string, title: string, left: number}} Stock */
/** @typedef {{id: string, sku: string, reason: string, ok: boolean, detail?: string, by: number, left: number, at: string}} Correction */

/** How many things are listed: who looks for another one writes a part of its name. */
const listed = 20;

/** @type {Record<string, string>} */
const reasons = { counted: "counted anew", delivered: "more came", returned: "brought back", damaged: "damaged", lost: "lost", "given-away": "given away" };

export class StockOf {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("stock"));
    this.find = /** @type {HTMLInputElement} */ (el("stock-find"));
    this.form = /** @type {HTMLFormElement} */ (el("stock-form"));
    this.n = /** @type {HTMLInputElement} */ (el("stock-n"));
    this.why = /** @type {HTMLSelectElement} */ (el("stock-why"));
    this.why.append(...Object.entries(reasons).map(([value, words]) => { const o = /** @type {HTMLOptionElement} */ (make("option", "", words)); o.value = value; return o; }));
    /** @type {Stock[]} */
    this.all = [];
    this.sku = "";
    this.details.addEventListener("toggle", () => { if (this.details.open) this.load(); });
    this.find.addEventListener("input", () => this.list());
    this.form.addEventListener("submit", (e) => { e.preventDefault(); this.set(); });
  }

  async load() {
    const [a, last] = await Promise.all([ask("GET", "/api/operator/control/stock"), ask("GET", "/api/operator/control/stock/corrections")]);
    const bad = a.status !== 200 ? a : last;
    text(el("stock-fault"), bad.status === 200 ? "" : why(bad));
    if (bad.status === 401) return this.refused();
    if (bad.status !== 200) return;
    this.all = a.body;
    this.list();
    /** @type {Correction[]} */
    const corrections = last.body;
    el("stock-last").replaceChildren(...corrections.slice(0, 10).map((c) => make("li", c.ok ? "" : "warn", said(c))));
  }

  list() {
    const part = this.find.value.trim().toLowerCase();
    const found = this.all.filter((s) => !part || s.sku.toLowerCase().includes(part) || s.title.toLowerCase().includes(part));
    el("stock-list").replaceChildren(...found.slice(0, listed).map((s) => {
      const li = make("li"), b = /** @type {HTMLButtonElement} */ (make("button", "", `${s.title}: ${s.left < 0 ? "not counted" : `${s.left} left`}`));
      b.type = "button";
      b.disabled = s.left < 0;
      b.addEventListener("click", () => this.choose(s));
      li.append(b);
      return li;
    }));
    text(el("stock-more"), found.length > listed ? `and ${found.length - listed} more` : found.length ? "" : "There is none of that name.");
  }

  /** @param {Stock} s */
  choose(s) {
    this.sku = s.sku;
    this.form.hidden = false;
    text(el("stock-is"), `${s.title}: there are`);
    this.n.value = String(s.left);
    this.n.focus();
    this.n.select();
  }

  async set() {
    const n = Number(this.n.value);
    text(el("stock-fault"), "");
    if (!this.n.value || !Number.isInteger(n) || n < 0) {
      text(el("stock-fault"), "Enter how many there are: a whole number from 0.");
      return;
    }
    const a = await wish("/api/operator/control/stock", { id: fresh(), sku: this.sku, set: n, reason: this.why.value });
    if (a.status === 401) return this.refused();
    if (a.status !== 200 || !a.body.ok) {
      text(el("stock-fault"), a.status === 200 ? a.body.detail : why(a));
      return;
    }
    this.form.hidden = true;
    this.load();
  }

  forget() {
    this.details.open = false;
    this.form.hidden = true;
    this.all = [];
    for (const id of ["stock-list", "stock-last"]) el(id).replaceChildren();
    for (const id of ["stock-more", "stock-fault"]) text(el(id), "");
  }
}

/** @param {Correction} c */
function said(c) {
  const at = new Date(c.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (!c.ok) return `${at} ${c.sku}: ${c.detail}`;
  return `${at} ${c.sku}: ${c.by < 0 ? "−" : "+"}${Math.abs(c.by)}, ${reasons[c.reason] || c.reason}, ${c.left} left`;
}
