// The kit's settings: the text of edgekit.toml, edited here and checked whole by the kit, and the set-up slip.
import { ask, why } from "./api.js";
import { el, make, text } from "./dom.js";
import { offsetOf, problemText } from "./words.js";

/** @typedef {import("./words.js").SettingsProblem} SettingsProblem */

export class Settings {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.area = /** @type {HTMLTextAreaElement} */ (el("settings-text"));
    this.details = /** @type {HTMLDetailsElement} */ (el("settings-edit"));
    this.note = el("settings-note");
    this.fault = el("settings-fault");
    this.list = el("settings-problems");
    this.save = /** @type {HTMLButtonElement} */ (el("settings-save"));
    this.restart = /** @type {HTMLButtonElement} */ (el("settings-restart"));
    this.wasRefused = false;
    this.details.addEventListener("toggle", () => { if (this.details.open) this.load(); });
    this.save.addEventListener("click", () => this.press(this.save, () => this.send()));
    this.restart.addEventListener("click", () => this.press(this.restart, () => this.again()));
    const slip = /** @type {HTMLButtonElement} */ (el("setup-slip"));
    slip.addEventListener("click", () => this.press(slip, () => this.print()));
    const test = /** @type {HTMLButtonElement} */ (el("test-slip"));
    test.addEventListener("click", () => this.press(test, () => this.test()));
  }

  /** @param {boolean} refused the kit has a file that it would not take */
  set(refused) {
    el("settings-refused").hidden = !refused;
    if (refused && !this.wasRefused && !this.details.open) this.load();
    this.wasRefused = refused;
  }

  async load() {
    this.area.readOnly = true; // what is typed now would be lost
    const a = await ask("GET", "/api/operator/settings");
    if (!this.ok(a, 200)) return;
    this.area.value = a.body.text;
    this.area.readOnly = false;
    this.restart.hidden = !a.body.pending;
    text(el("settings-refused"), a.body.refused ? `Not used: ${a.body.refused.from === "card" ? "the card's " : ""}${a.body.refused.file}. The kit goes on with its last good settings.` : "");
    this.problems(a.body.refused ? a.body.refused.problems : []);
  }

  async send() {
    const a = await ask("PUT", "/api/operator/settings", { text: this.area.value });
    if (a.status === 422) {
      text(this.note, "");
      this.fault.textContent = a.body.note;
      this.problems(a.body.problems);
      const first = a.body.problems[0];
      this.area.focus();
      if (first.line) this.area.setSelectionRange(offsetOf(this.area.value, first.line, first.column), offsetOf(this.area.value, first.line + 1, 1) - 1);
      return;
    }
    if (!this.ok(a, 200)) return;
    this.problems([]);
    this.note.textContent = a.body.note;
    this.restart.hidden = false;
  }

  async again() {
    if (!this.ok(await ask("POST", "/api/operator/restart"), 202)) return;
    this.note.textContent = "The kit starts again. This takes a few seconds.";
    this.restart.hidden = true;
  }

  async test() {
    if (this.ok(await ask("POST", "/api/operator/test-slip"), 204)) this.note.textContent = "The test page is printed. It says how to read it.";
  }

  async print() {
    if (this.ok(await ask("POST", "/api/operator/setup-slip"), 204)) this.note.textContent = "The set-up slip is printed. Its code pairs one more device: keep it from visitors.";
  }

  /**
   * @param {import("./api.js").Answer} a
   * @param {number} want
   */
  ok(a, want) {
    this.fault.textContent = "";
    if (a.status === want) return true;
    if (a.status === 401) this.refused();
    text(this.note, "");
    this.fault.textContent = why(a);
    return false;
  }

  /** @param {SettingsProblem[]} all */
  problems(all) {
    this.list.replaceChildren(...all.map((p) => make("li", "", problemText(p))));
  }

  /**
   * One press at a time.
   * @param {HTMLButtonElement} b
   * @param {() => Promise<void>} act
   */
  async press(b, act) {
    if (b.getAttribute("aria-disabled") === "true") return;
    b.setAttribute("aria-disabled", "true");
    await act();
    b.removeAttribute("aria-disabled");
  }

  forget() {
    this.details.open = false;
    this.area.value = "";
    this.problems([]);
    text(this.note, "");
    text(this.fault, "");
    this.set(false);
  }
}
