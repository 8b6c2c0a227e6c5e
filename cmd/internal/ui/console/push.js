// The stream to viewers elsewhere: how it does, and the button that takes it off the air and back.
import { ask, why } from "./api.js";
import { el, text } from "./dom.js";
import { pushText } from "./onair.js";

/** @typedef {import("./words.js").Push} State */

export class Push {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.on = false;
    this.button = /** @type {HTMLButtonElement} */ (el("push-switch"));
    this.button.addEventListener("click", () => this.turn());
  }

  /** @param {State | undefined} p undefined: there is no server to send to */
  set(p) {
    el("push").hidden = !p;
    this.on = !!p && p.state !== "off";
    text(el("push-is"), p ? pushText(p) : "");
    text(this.button, this.on ? "Stop the remote stream" : "Start the remote stream");
    this.button.className = this.on ? "stop" : "go";
  }

  async turn() {
    this.button.disabled = true;
    text(el("push-fault"), "");
    const a = await ask("POST", "/api/operator/push", { on: !this.on });
    this.button.disabled = false;
    if (a.status === 401) return this.refused();
    if (a.status !== 204) text(el("push-fault"), why(a));
  }
}
