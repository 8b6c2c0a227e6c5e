// The kit's own Wi-Fi and the phones in it, and the venue's. Looked at for as long as it is open.
import { ask, why } from "./api.js";
import { el, List, make, text } from "./dom.js";
import { internetText, phoneText, venueText, wifiText } from "./words.js";

/** @typedef {import("./words.js").Phone} Phone */

const path = "/api/operator/control/wifi";
const every = 2000; // ms

export class Wifi {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("wifi-open"));
    this.phones = new List(el("wifi-phones"), (/** @type {Phone} */ p) => p.mac, (p) => this.row(p.mac, { "Send away": "kick", "Keep out": "block" }));
    this.blocked = new List(el("wifi-blocked"), (/** @type {Phone} */ p) => p.mac, (p) => this.row(p.mac, { "Let in again": "unblock" }));
    this.timer = 0;
    this.details.addEventListener("toggle", () => this.look());
  }

  async look() {
    clearTimeout(this.timer);
    if (!this.details.open) return;
    const a = await ask("GET", `${path}/status`);
    if (!this.details.open) return;
    text(el("wifi-fault"), a.status === 200 ? "" : why(a));
    if (a.status === 401) return this.refused();
    if (a.status === 200) this.show(a.body);
    this.timer = setTimeout(() => this.look(), every);
  }

  /** @param {import("./words.js").Wifi} w */
  show(w) {
    text(el("wifi-is"), wifiText(w));
    text(el("wifi-internet"), internetText(w));
    text(el("wifi-venue"), venueText(w));
    this.phones.set(w.stations);
    this.blocked.set(w.blocked.map((mac) => ({ mac })));
  }

  /**
   * @param {string} mac
   * @param {Record<string, string>} verbs what its buttons do
   */
  row(mac, verbs) {
    const li = make("li", "device");
    const says = make("span", "small");
    li.append(make("b", "", mac), " ", says);
    for (const [words, verb] of Object.entries(verbs)) {
      const b = make("button", "", words);
      b.type = "button";
      b.setAttribute("aria-label", `${words}: ${mac}`);
      b.addEventListener("click", () => this.do(mac, verb));
      li.append(b);
    }
    return { li, update: (/** @type {Phone} */ p) => text(says, p.connected_ms === undefined ? "kept out until the kit is switched off" : phoneText(p)) };
  }

  /**
   * @param {string} mac
   * @param {string} verb
   */
  async do(mac, verb) {
    const a = await ask("POST", `${path}/stations/${mac}/${verb}`);
    if (a.status === 401) return this.refused();
    if (a.status !== 204) text(el("wifi-fault"), why(a));
    else this.look();
  }

  forget() {
    clearTimeout(this.timer);
    this.details.open = false;
    this.phones.set([]);
    this.blocked.set([]);
    for (const id of ["wifi-is", "wifi-internet", "wifi-venue", "wifi-fault"]) text(el(id), "");
  }
}
