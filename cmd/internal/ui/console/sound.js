// The microphone, for who speaks: whether it hears, how loud, and that visitors hear it or not. Looked at for as long as it is open.
import { ask, why } from "./api.js";
import { el, text } from "./dom.js";
import { microphoneText } from "./onair.js";

const every = 500; // ms: levels come twice a second
const quiet = -60; // dB: the left end of the meter

export class Sound {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("sound-open"));
    this.level = /** @type {HTMLMeterElement} */ (el("sound-level"));
    this.muted = false;
    this.timer = 0;
    this.details.addEventListener("toggle", () => this.look());
    el("sound-mute").addEventListener("click", () => this.mute());
  }

  async look() {
    clearTimeout(this.timer);
    if (!this.details.open) return;
    const a = await ask("GET", "/api/operator/camera");
    if (!this.details.open) return;
    text(el("sound-fault"), a.status === 200 ? "" : why(a));
    if (a.status === 401) return this.refused();
    if (a.status === 200) this.show(a.body.microphone);
    this.timer = setTimeout(() => this.look(), every);
  }

  show(/** @type {import("./onair.js").Microphone} */ m) {
    this.muted = !!m.muted;
    text(el("sound-text"), microphoneText(m));
    text(el("sound-mute"), this.muted ? "Unmute" : "Mute");
    el("sound-mute").hidden = m.state === "" || m.state === "off";
    this.level.hidden = m.state !== "ready";
    this.level.value = Math.max(0, (m.level || 0) - quiet);
  }

  async mute() {
    const a = await ask("POST", `/api/operator/microphone/${this.muted ? "unmute" : "mute"}`);
    text(el("sound-fault"), a.status === 204 ? "" : why(a));
    if (a.status === 401) return this.refused();
    this.look();
  }

  forget() {
    this.details.open = false;
    text(el("sound-text"), "");
  }
}
