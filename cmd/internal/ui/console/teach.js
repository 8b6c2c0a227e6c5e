// The sheet that teaches the kit a scanner's keys: shown here or printed, then read by the scanner.
import { ask, why } from "./api.js";
import { el, text } from "./dom.js";

/** @typedef {import("./words.js").Scan} Scan */

export class Teach {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("teach"));
    this.picture = /** @type {HTMLImageElement} */ (el("teach-sheet"));
    this.note = el("teach-note");
    this.fault = el("teach-fault");
    /** @type {string | undefined} the newest scan when the sheet was asked for */
    this.since = undefined;
    /** @type {Scan[]} */
    this.scans = [];
    for (const [id, print] of /** @type {[string, boolean][]} */ ([["teach-show", false], ["teach-print", true]])) {
      const b = el(id);
      b.addEventListener("click", async () => {
        if (b.getAttribute("aria-disabled") === "true") return;
        b.setAttribute("aria-disabled", "true");
        await this.begin(print);
        b.removeAttribute("aria-disabled");
      });
    }
  }

  /** @param {boolean} print on paper, rather than here */
  async begin(print) {
    text(this.fault, "");
    text(this.note, "");
    this.picture.hidden = true;
    const a = await ask("POST", "/api/operator/scanner-sheet", { print });
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return text(this.fault, why(a));
    this.since = this.scans[0] && this.scans[0].at;
    if (!print) this.picture.src = `data:image/png;base64,${a.body.png}`;
    this.picture.hidden = print;
    text(this.note, `${print ? "The sheet is printed. " : ""}Have the scanner read it within ${a.body.minutes} minutes.`);
  }

  /** @param {Scan[]} scans the latest, newest first */
  set(scans) {
    this.scans = scans;
    const s = scans[0];
    if (!s || !s.lesson || s.at === this.since || !this.note.textContent) return;
    text(this.note, s.detail);
    if (s.lesson === "learned") this.picture.hidden = true;
  }

  forget() {
    this.details.open = false;
    this.picture.hidden = true;
    this.picture.removeAttribute("src");
    this.since = undefined;
    this.scans = [];
    text(this.fault, "");
    text(this.note, "");
  }
}
