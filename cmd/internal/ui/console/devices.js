// What is plugged in: its state in a word and a colour, and in a sentence when it needs somebody.
import { List, label, make, text } from "./dom.js";
import { brief, capital, deviceLabel } from "./words.js";

/** @typedef {import("./words.js").Device} Device */

export class Devices {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} trouble what is not ready, again, where it is seen first
   */
  constructor(list, trouble) {
    /** @type {List<Device, ReturnType<typeof row>>} */
    this.list = new List(list, (d) => d.device, row);
    /** @type {List<Device, ReturnType<typeof warning>>} */
    this.trouble = new List(trouble, (d) => d.device, warning);
  }

  set(/** @type {Device[]} */ devices) {
    this.list.set(devices);
    this.trouble.set(devices.filter((d) => deviceLabel(d.state).mood === "bad"));
  }
}

/** @param {Device} d */
function row(d) {
  const li = make("li", "device"), head = make("div", "head"), state = make("span"), name = make("p", "small"), reason = make("p");
  head.append(make("h3", "", capital(d.device)), state);
  li.append(head, name, reason);
  return {
    li,
    update: (/** @type {Device} */ now) => {
      label(state, deviceLabel(now.state));
      text(name, now.name);
      text(reason, now.reason || "");
    },
  };
}

/** @param {Device} d */
function warning(d) {
  const li = make("li"), name = make("b", "", `${capital(d.device)}:`), state = make("span");
  li.append(name, " ", state);
  return { li, update: (/** @type {Device} */ now) => text(state, brief(now.reason || "") || deviceLabel(now.state).word) };
}
