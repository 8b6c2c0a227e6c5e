// Tickets with the state of their slips; a slip's picture is fetched when somebody wants to see it.
import { List, el, label, make, text } from "./dom.js";
import { slipLabel, timeOfDay } from "./words.js";

/** @typedef {import("./words.js").Ticket} Ticket */

/** So many are shown until all are asked for: what comes behind them on a phone must stay in reach. */
const few = 8;

export class Tickets {
  constructor() {
    this.slip = new Slip();
    this.all = false;
    /** @type {Ticket[]} */
    this.tickets = [];
    this.more = el("all-tickets");
    /** @type {List<Ticket, ReturnType<Tickets["row"]>>} */
    this.list = new List(el("tickets"), (t) => t.ticket, (t) => this.row(t));
    this.more.addEventListener("click", () => { this.all = !this.all; this.set(this.tickets); });
  }

  set(/** @type {Ticket[]} */ tickets) {
    this.tickets = tickets;
    el("no-tickets").hidden = tickets.length > 0;
    this.list.set(this.all ? tickets : tickets.slice(0, few));
    this.more.hidden = tickets.length <= few;
    text(this.more, this.all ? "Show fewer" : `Show the latest ${tickets.length}`);
    this.more.setAttribute("aria-expanded", String(this.all));
  }

  /** @param {Ticket} t */
  row(t) {
    const li = make("li", "ticket"), what = make("p", "what"), state = make("span"), show = make("button", "", "Slip");
    what.append(make("span", "title", t.title), make("span", "small", [t.total.text, timeOfDay(t.at)].filter(Boolean).join(" · ")));
    show.type = "button";
    show.setAttribute("aria-label", `Slip of ${t.ticket}`);
    show.addEventListener("click", () => this.slip.open(t.ticket));
    li.append(make("b", "number", t.ticket), what, state, show);
    return { li, update: (/** @type {Ticket} */ now) => label(state, slipLabel(now.state)) };
  }
}

/** The dialog with one slip. */
class Slip {
  constructor() {
    this.dialog = /** @type {HTMLDialogElement} */ (el("slip"));
    this.picture = /** @type {HTMLImageElement} */ (el("slip-picture"));
    this.state = el("slip-state");
    el("slip-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (e) => { if (e.target === this.dialog) this.dialog.close(); });
    this.picture.addEventListener("load", () => { this.picture.hidden = false; text(this.state, ""); });
    this.picture.addEventListener("error", () => text(this.state, "The picture could not be fetched. Close this and try again."));
  }

  open(/** @type {string} */ ticket) {
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
