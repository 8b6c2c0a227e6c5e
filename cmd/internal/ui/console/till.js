// The till roll: what was sold and paid since the till was closed last, on paper, as a table, and the end of the day.
import { ask, fresh, why, wish } from "./api.js";
import { el, make, text } from "./dom.js";

/** @typedef {{key: string, title?: string, n: number, amount: number, tax: number}} Row */
/** @typedef {{payment: string, n: number, in: number, out: number}} Paid */
/** @typedef {{currency: string, tickets: number, sold: number, void: number, net: number, tax: number, paid: number, items: Row[], rates: Row[], payments: Paid[]}} Report */
/** @typedef {{closing: number, at: string, ticket: string}} Closing */

/** @type {Record<string, string>} */
const payments = { cash: "In cash", card: "By card", other: "In another way", link: "By the payment link" };

export class Till {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("till"));
    this.which = /** @type {HTMLSelectElement} */ (el("till-which"));
    this.sure = el("till-sure");
    this.details.addEventListener("toggle", () => { if (this.details.open) this.load(); });
    this.which.addEventListener("change", () => this.roll());
    el("till-print").addEventListener("click", () => this.print());
    el("till-close").addEventListener("click", () => { this.sure.hidden = false; el("till-close").hidden = true; });
    el("till-no").addEventListener("click", () => this.calm());
    el("till-yes").addEventListener("click", () => this.close());
  }

  calm() {
    this.sure.hidden = true;
    el("till-close").hidden = this.which.value !== "";
  }

  async load() {
    const a = await ask("GET", "/api/operator/control/till/closings");
    text(el("till-fault"), a.status === 200 ? "" : why(a));
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return;
    /** @type {Closing[]} */
    const closings = a.body;
    const was = this.which.value;
    this.which.replaceChildren(option("", closings.length ? "Since the last closing" : "All so far"),
      ...closings.slice(0, 30).map((c) => option(String(c.closing), `Closing ${c.closing}, ${new Date(c.at).toLocaleString([], { dateStyle: "short", timeStyle: "short" })}`)));
    this.which.value = was;
    await this.roll();
    await this.astray();
  }

  /** What was paid elsewhere and is owed by nobody: it is to be given back there. */
  async astray() {
    const a = await ask("GET", "/api/operator/control/payments?refused");
    if (a.status === 200) el("till-astray").replaceChildren(...a.body.slice(0, 20).map((/** @type {{detail: string}} */ p) => make("li", "warn", p.detail)));
  }

  async roll() {
    this.calm();
    const of = this.which.value ? `?closing=${this.which.value}` : "";
    for (const form of ["csv", "pdf"]) /** @type {HTMLAnchorElement} */ (el(`till-${form}`)).href = `/api/operator/control/till.${form}${of}`;
    const a = await ask("GET", `/api/operator/control/till${of}`);
    text(el("till-fault"), a.status === 200 ? "" : why(a));
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return;
    /** @type {Report[]} */
    const reports = a.body.reports;
    text(el("till-none"), reports.length ? "" : "Nothing was sold.");
    el("till-rows").replaceChildren(...reports.flatMap(rows));
  }

  async print() {
    text(el("till-note"), "");
    const a = await ask("POST", "/api/operator/control/till/print", { closing: Number(this.which.value) });
    if (a.status === 401) return this.refused();
    text(el("till-fault"), a.status === 200 ? "" : why(a));
    text(el("till-note"), a.status === 200 ? "It is printed." : "");
  }

  async close() {
    const a = await wish("/api/operator/control/till/close", { id: fresh() });
    if (a.status === 401) return this.refused();
    if (a.status === 200) {
      await this.load();
      this.which.value = String(a.body.closing);
      await this.roll();
    }
    text(el("till-fault"), a.status === 200 ? "" : why(a));
    text(el("till-note"), a.status === 200 ? `The till is closed: closing ${a.body.closing}. What is sold from now on is the next roll's.` : "");
  }

  forget() {
    this.details.open = false;
    this.which.replaceChildren();
    el("till-rows").replaceChildren();
    for (const id of ["till-none", "till-note", "till-fault"]) text(el(id), "");
  }
}

/**
 * @param {string} value
 * @param {string} words
 */
function option(value, words) {
  const o = make("option", "", words);
  o.value = value;
  return o;
}

/**
 * What a report says, a line each: what it is, and how much.
 * @param {Report} r
 */
export function lines(r) {
  const money = (/** @type {number} */ minor) => {
    const digits = new Intl.NumberFormat("en", { style: "currency", currency: r.currency }).resolvedOptions().maximumFractionDigits || 0;
    return `${(minor / 10 ** digits).toFixed(digits)} ${r.currency}`;
  };
  /** @type {[string, string][]} */
  const all = [[`Sold, ${r.tickets} ${r.tickets === 1 ? "ticket" : "tickets"}`, money(r.sold)]];
  if (r.void) all.push(["Void or brought back", money(-r.void)]);
  all.push(["Net", money(r.net)]);
  for (const t of r.rates) all.push([`Tax ${t.title}, in ${money(t.amount)}`, money(t.tax)]);
  for (const p of r.payments) all.push([payments[p.payment] || p.payment, money(p.in - p.out)]);
  if (r.net !== r.paid) all.push(["Not paid", money(r.net - r.paid)]);
  for (const i of r.items) all.push([`${i.n} × ${i.title}`, money(i.amount)]);
  return all;
}

/** @param {Report} r */
function rows(r) {
  return lines(r).map(([what, much]) => {
    const row = make("div");
    row.append(make("dt", "", what), make("dd", what === "Net" ? "price" : "", much));
    return row;
  });
}
