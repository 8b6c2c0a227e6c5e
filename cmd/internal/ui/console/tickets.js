// Tickets with the state of their slips; a slip's picture is fetched when somebody wants to see it.
import { fresh, why, wish } from "./api.js";
import { List, el, label, make, text } from "./dom.js";
import { fulfilmentLabel, heldText, slipLabel, timeOfDay } from "./words.js";

/** @typedef {import("./words.js").Ticket} Ticket */

/** So many are shown until all are asked for: what comes behind them on a phone must stay in reach. */
const few = 8;

export class Tickets {
  /**
   * @param {() => void} refused called when this device turns out not to be paired any more
   * @param {(ticket: string) => void} serve
   */
  constructor(refused, serve) {
    this.refused = refused;
    this.serve = serve;
    this.slip = new Slip(refused);
    this.all = false;
    /** @type {Ticket[]} */
    this.tickets = [];
    this.more = el("all-tickets");
    /** @type {List<Ticket, ReturnType<Tickets["row"]>>} */
    this.list = new List(el("tickets"), (t) => t.ticket, (t) => this.row(t));
    el("held-print").addEventListener("click", () => this.decide(true));
    el("held-drop").addEventListener("click", () => this.decide(false));
    this.more.addEventListener("click", () => { this.all = !this.all; this.set(this.tickets); });
  }

  /**
   * @param {Ticket[]} tickets
   * @param {number} [held]
   */
  set(tickets, held) {
    this.tickets = tickets;
    if (held !== undefined) {
      el("held").hidden = held === 0;
      text(el("held-text"), held ? heldText(held) : "");
    }
    el("no-tickets").hidden = tickets.length > 0;
    this.list.set(this.all ? tickets : tickets.slice(0, few));
    this.more.hidden = tickets.length <= few;
    text(this.more, this.all ? "Show fewer" : `Show the latest ${tickets.length}`);
    this.more.setAttribute("aria-expanded", String(this.all));
  }

  /** @param {boolean} print the slips that are old, or never */
  async decide(print) {
    const a = await wish("/api/operator/held-slips", { id: fresh(), print }, "PUT");
    if (a.status === 401) this.refused();
    text(el("held-fault"), a.status === 204 ? "" : why(a));
  }

  /** @param {Ticket} t */
  row(t) {
    const li = make("li", "ticket"), what = make("p", "what"), state = make("span"), is = make("span"), buttons = make("p", "does");
    what.append(make("span", "title", t.title), make("span", "small", [t.total.text, timeOfDay(t.at)].filter(Boolean).join(" · ")));
    for (const [word, name, does] of /** @type {[string, string, () => void][]} */ ([["Serve", `Serve ${t.ticket}`, () => this.serve(t.ticket)], ["Slip", `Slip of ${t.ticket}`, () => this.slip.open(t.ticket)]])) {
      const b = make("button", "", word);
      b.type = "button";
      b.setAttribute("aria-label", name);
      b.addEventListener("click", does);
      buttons.append(b);
    }
    const labels = make("p", "labels");
    labels.append(state, is);
    li.append(make("b", "number", t.ticket), what, buttons, labels);
    return { li, update: (/** @type {Ticket} */ now) => { label(state, slipLabel(now.state)); label(is, fulfilmentLabel(now.fulfilment)); } };
  }
}

/** The dialog with one slip. */
class Slip {
  /** @param {() => void} refused */
  constructor(refused) {
    this.refused = refused;
    this.ticket = "";
    this.dialog = /** @type {HTMLDialogElement} */ (el("slip"));
    this.picture = /** @type {HTMLImageElement} */ (el("slip-picture"));
    this.state = el("slip-state");
    el("slip-again").addEventListener("click", () => this.again());
    el("slip-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (e) => { if (e.target === this.dialog) this.dialog.close(); });
    this.picture.addEventListener("load", () => { this.picture.hidden = false; text(this.state, ""); });
    this.picture.addEventListener("error", () => text(this.state, "The picture could not be fetched. Close this and try again."));
  }

  async again() {
    const a = await wish(`/api/operator/tickets/${encodeURIComponent(this.ticket)}/print`, { id: fresh() });
    if (a.status === 401) this.refused();
    text(this.state, a.status === 204 ? "It is printed again, marked as a possible copy." : why(a));
  }

  open(/** @type {string} */ ticket) {
    this.ticket = ticket;
    text(el("slip-title"), `Slip of ${ticket}`);
    text(this.state, "Fetching the slip…");
    this.picture.hidden = true;
    this.picture.alt = `Slip of ${ticket}, as it is printed`;
    this.picture.removeAttribute("src"); // the same one again is fetched again
    this.picture.src = `/api/operator/tickets/${encodeURIComponent(ticket)}/slip.png`;
    this.dialog.showModal();
  }

  forget() {
    this.dialog.close();
    text(el("slip-title"), "");
    this.picture.alt = "";
    this.picture.removeAttribute("src");
  }
}
