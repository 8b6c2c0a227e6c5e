// A code that sells an offer, for who stands at the counter: on this screen, another every 15 seconds, or on paper.
import { ask, why } from "./api.js";
import { el, text } from "./dom.js";

/** How long one is shown. */
const shown = 15_000;

export class Code {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.dialog = /** @type {HTMLDialogElement} */ (el("code-of"));
    this.picture = /** @type {HTMLImageElement} */ (el("code-picture"));
    this.offer = "";
    this.timer = 0;
    el("code-print").addEventListener("click", () => this.print());
    el("code-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => { clearInterval(this.timer); this.picture.removeAttribute("src"); });
    this.dialog.addEventListener("click", (e) => { if (e.target === this.dialog) this.dialog.close(); });
    this.picture.addEventListener("load", () => { this.picture.hidden = false; text(el("code-fault"), ""); });
    this.picture.addEventListener("error", () => this.look());
  }

  /**
   * @param {string} offer
   * @param {string} title
   */
  open(offer, title) {
    this.offer = offer;
    text(el("code-title"), title);
    text(el("code-note"), "");
    text(el("code-fault"), "");
    this.picture.hidden = true;
    this.picture.alt = `Code that sells ${title}`;
    this.dialog.showModal();
    this.next();
    clearInterval(this.timer);
    this.timer = window.setInterval(() => this.next(), shown);
  }

  /** Each is another: none is kept. */
  next() {
    this.picture.src = `/api/operator/control/code.png?offer=${encodeURIComponent(this.offer)}&n=${Date.now()}`;
  }

  /** Says why there is none. */
  async look() {
    if (!this.dialog.open) return;
    this.picture.hidden = true;
    const a = await ask("GET", this.picture.src);
    if (a.status === 401) return this.refused();
    text(el("code-fault"), a.status === 0 ? "The code could not be fetched. It is tried again." : why(a));
  }

  async print() {
    const a = await ask("POST", "/api/operator/control/code/print", { offer: this.offer });
    if (a.status === 401) return this.refused();
    text(el("code-fault"), a.status === 200 ? "" : why(a));
    text(el("code-note"), a.status === 200 ? "It is printed: good once, for half an hour." : "");
  }

  forget() {
    this.dialog.close();
    text(el("code-title"), "");
    this.picture.alt = "";
  }
}
