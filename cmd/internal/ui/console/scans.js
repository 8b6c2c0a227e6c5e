// What the scanner at the counter read last, and which ticket it is.
import { List, label, make, text } from "./dom.js";
import { brief, scanLabel, slipLabel, timeOfDay } from "./words.js";

/** @typedef {import("./words.js").Scan} Scan */

export class Scans {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} section shown once something was scanned
   * @param {(ticket: string) => void} serve
   */
  constructor(list, section, serve) {
    this.section = section;
    /** @type {List<Scan, ReturnType<typeof row>>} */
    this.list = new List(list, (s) => s.at + s.text, (s) => row(s, serve));
  }

  set(/** @type {Scan[]} */ scans) {
    this.list.set(scans);
    this.section.hidden = scans.length === 0;
  }
}

/**
 * @param {Scan} s
 * @param {(ticket: string) => void} serve
 */
function row(s, serve) {
  const li = make("li", "scan"), head = make("div", "head"), state = make("span"), more = make("p", "small");
  head.append(make("b", "", s.ticket || (s.door ? "A guest's ticket" : s.lesson ? "The scanner's sheet" : "Not a ticket")), state);
  li.append(head, make("p", "", brief(s.detail)), more);
  label(state, scanLabel(s));
  text(more, [timeOfDay(s.at), s.print ? `slip: ${slipLabel(s.print).word.toLowerCase()}` : s.lesson ? "" : s.text].filter(Boolean).join(", "));
  const { ticket } = s;
  if (ticket) {
    const b = make("button", "", "Serve");
    b.type = "button";
    b.setAttribute("aria-label", `Serve ${ticket}, scanned`);
    b.addEventListener("click", () => serve(ticket));
    li.append(b);
  }
  return { li, update: () => {} }; // a scan never changes
}
