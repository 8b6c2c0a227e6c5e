// The picture as the camera gives it, for who arranges it: where a face and goods belong, and how both come out. Looked at for as long as it
// is open.
import { ask, why } from "./api.js";
import { el, List, make, text } from "./dom.js";
import { zoneText } from "./words.js";

/** @typedef {import("./words.js").Zone} Zone */

const every = 1000; // ms

export class Camera {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("camera-open"));
    this.still = /** @type {HTMLImageElement} */ (el("camera-still"));
    this.zones = new List(el("camera-zones"), (/** @type {Zone} */ z) => z.name, zone);
    this.guides = new List(el("camera-guides"), (/** @type {Zone} */ z) => z.name, guide);
    this.timer = 0;
    this.details.addEventListener("toggle", () => this.look());
    el("camera-next").addEventListener("click", () => this.wish("next"));
    el("camera-focus").addEventListener("click", () => this.wish("refocus"));
  }

  async look() {
    clearTimeout(this.timer);
    if (!this.details.open) return;
    this.still.src = `/api/operator/camera/still?${Date.now()}`;
    const a = await ask("GET", "/api/operator/camera");
    if (!this.details.open) return;
    text(el("camera-fault"), a.status === 200 ? "" : why(a));
    if (a.status === 401) return this.refused();
    if (a.status === 200) {
      for (const list of [this.zones, this.guides]) list.set(a.body.zones || []);
      el("camera-none").hidden = !!a.body.zones;
      el("camera-next").hidden = a.body.of < 2;
      el("camera-focus").hidden = !a.body.held;
    }
    this.timer = setTimeout(() => this.look(), every);
  }

  /** @param {"next" | "refocus"} what */
  async wish(what) {
    const a = await ask("POST", `/api/operator/camera/${what}`);
    text(el("camera-fault"), a.status === 204 ? "" : why(a));
    if (a.status === 401) this.refused();
  }

  forget() {
    this.details.open = false;
    this.still.removeAttribute("src");
    for (const list of [this.zones, this.guides]) list.set([]);
  }
}

/** @param {Zone} z */
function zone(z) {
  const li = make("li"), says = make("span");
  li.append(make("b", "", z.name === "face" ? "Face: " : "Goods: "), says);
  return { li, update: (/** @type {Zone} */ now) => text(says, zoneText(now)) };
}

/** @param {Zone} z */
function guide(z) {
  const li = make("li", "", z.name);
  Object.assign(li.style, { left: `${100 * z.x}%`, top: `${100 * z.y}%`, width: `${100 * z.w}%`, height: `${100 * z.h}%` });
  return { li, update: () => {} };
}
