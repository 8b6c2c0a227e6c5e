// What is plugged in: its state in a word and a colour, and in a sentence when it needs somebody.
import { List, label, make, text } from "./dom.js";
import { brief, capital, deviceLabel, named } from "./words.js";

/** @typedef {import("./words.js").Device} Device */
/** @typedef {Device & {called: string}} Named */

export class Devices {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} trouble what is not ready, again, where it is seen first
   */
  constructor(list, trouble) {
    /** @type {List<Named, ReturnType<typeof row>>} */
    this.list = new List(list, (d) => d.called, row);
    /** @type {List<Named, ReturnType<typeof warning>>} */
    this.trouble = new List(trouble, (d) => d.called, warning);
  }

  set(/** @type {Device[]} */ devices) {
    const all = named(devices);
    this.list.set(all);
    this.trouble.set(all.filter((d) => deviceLabel(d.state).mood === "bad"));
  }
}

/** @param {Named} d */
function row(d) {
  const li = make("li", "device"), head = make("div", "head"), state = make("span"), name = make("p", "small"), reason = make("p");
  head.append(make("h3", "", capital(d.called)), state);
  li.append(head, name, reason);
  return {
    li,
    update: (/** @type {Named} */ now) => {
      label(state, deviceLabel(now.state));
      text(name, now.name);
      text(reason, now.reason || "");
    },
  };
}

/** @param {Named} d */
function warning(d) {
  const li = make("li"), name = make("b", "", `${capital(d.called)}:`), state = make("span");
  li.append(name, " ", state);
  return { li, update: (/** @type {Named} */ now) => text(state, brief(now.reason || "") || deviceLabel(now.state).word) };
}
