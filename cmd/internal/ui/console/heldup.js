// The product that is held up to the camera, and the button that shows its offer where the operator is to be asked.
import { fresh, why, wish } from "./api.js";
import { el, text } from "./dom.js";
import { heldUpText } from "./words.js";

/** @typedef {import("./words.js").HeldUp} State */

/** How long a button does nothing that has just come to say something else. */
const settling = 600;

export class HeldUp {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.offer = "";
    this.settled = 0;
    this.show = /** @type {HTMLButtonElement} */ (el("held-up-show"));
    this.show.addEventListener("click", () => this.shows());
  }

  /** @param {State | undefined} h undefined: the camera does not look */
  set(h) {
    el("held-up").hidden = !h;
    text(el("held-up-is"), h ? heldUpText(h) : "");
    const offer = (h && h.offer) || "";
    if (offer !== this.offer) this.settle();
    this.offer = offer;
    this.show.classList.toggle("away", !this.offer); // its place is kept: what is below must not move from under a finger
    text(this.show, this.offer && h ? `Show ${h.title}` : "");
  }

  /** Has the button wait: a finger on its way meant what it said before. */
  settle() {
    this.show.setAttribute("aria-disabled", "true");
    clearTimeout(this.settled);
    this.settled = setTimeout(() => this.show.removeAttribute("aria-disabled"), settling);
  }

  async shows() {
    if (this.show.hasAttribute("aria-disabled") || !this.offer) return;
    this.show.setAttribute("aria-disabled", "true");
    text(el("held-up-fault"), "");
    const a = await wish("/api/operator/press", /** @type {any} */ ({ id: fresh(), action: "show-offer", offer: this.offer }));
    this.show.removeAttribute("aria-disabled");
    if (a.status === 401) return this.refused();
    if (a.status !== 200) text(el("held-up-fault"), `Not known whether that was done. ${why(a)}`);
    else if (!a.body.ok) text(el("held-up-fault"), a.body.detail);
  }
}
