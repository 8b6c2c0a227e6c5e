// The latest sales as they come, and how long each took from the tap to being true, and to paper.
import { List, make, text } from "./dom.js";
import { isOut, timeOfDay, took, way } from "./words.js";

/** @typedef {import("./words.js").Ticket} Ticket */

const shown = 6;
/** What the kit promises: a tap is acted on in less. Slower ones are marked. */
const promise = 500;

export class Sales {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} none
   */
  constructor(list, none) {
    this.none = none;
    /** @type {List<Ticket, ReturnType<typeof row>>} */
    this.list = new List(list, (t) => t.ticket, row);
  }

  set(/** @type {Ticket[]} */ tickets) {
    this.none.hidden = tickets.length > 0;
    this.list.set(tickets.slice(0, shown));
  }
}

/** @param {Ticket} t */
function row(t) {
  const li = make("li", "sale"), line = make("p"), times = make("p", "times"), sold = make("span"), paper = make("span");
  line.append(make("span", "title", t.title), make("span", "price", t.total.text));
  times.append(make("span", "", [t.ticket, timeOfDay(t.at)].filter(Boolean).join(" · ")), sold, paper);
  li.append(line, times);
  return {
    li,
    update: (/** @type {Ticket} */ now) => {
      const w = way(now.trace);
      text(sold, w.sold === undefined ? "" : `sold in ${took(w.sold)}${w.sold > promise ? ", slow" : ""}`);
      sold.className = w.sold !== undefined && w.sold > promise ? "warn" : "";
      text(paper, w.paper !== undefined ? `on paper in ${took(w.paper)}` : isOut(now.state) ? "on paper" : "not on paper yet");
      paper.className = isOut(now.state) ? "" : "warn";
    },
  };
}
