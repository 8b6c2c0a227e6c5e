// The kit's own system: what runs, what became of updates, and a way to give it one.
import { ask, why } from "./api.js";
import { el, make, text } from "./dom.js";
import { verdictText } from "./words.js";

export class System {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("system-open"));
    this.file = /** @type {HTMLInputElement} */ (el("system-file"));
    this.allow = /** @type {HTMLInputElement} */ (el("system-allow"));
    this.bar = /** @type {HTMLProgressElement} */ (el("system-progress"));
    this.install = /** @type {HTMLButtonElement} */ (el("system-install"));
    this.busy = false;
    this.details.addEventListener("toggle", () => { if (this.details.open) this.load(); });
    this.install.addEventListener("click", () => this.send());
  }

  async load() {
    const a = await ask("GET", "/api/operator/update");
    text(el("system-fault"), a.status === 200 ? "" : why(a));
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return;
    /** @type {import("./words.js").System} */
    const s = a.body;
    text(el("system-runs"), s.appliance ? `Runs ${s.version}${s.trial ? ", on trial: it is kept if it is healthy for a while" : ""}.` : "This kit does not run from an SD card, and takes no updates.");
    el("system-updates").replaceChildren(...(s.updates || []).slice().reverse().map((u) => make("li", u.outcome === "kept" ? "" : "warn", verdictText(u))));
  }

  /** Sends the file. What is slow is the card, so what is sent is nearly what is done. */
  send() {
    const file = this.file.files && this.file.files[0];
    if (this.busy) return;
    if (!file) {
      el("system-fault").textContent = "Choose the file first: edgekit.update.";
      return;
    }
    this.going(true);
    const to = new XMLHttpRequest(); // fetch does not say how much is sent
    to.upload.addEventListener("progress", (e) => { if (e.lengthComputable) this.bar.value = e.loaded / e.total; });
    to.addEventListener("loadend", () => this.sent(to));
    to.open("PUT", `/api/operator/update${this.allow.checked ? "?allow" : ""}`);
    to.send(file);
  }

  /** @param {XMLHttpRequest} to */
  sent(to) {
    this.going(false);
    if (to.status === 202) {
      el("system-note").textContent = "Installed. The kit starts again with it now, and keeps it if it is healthy. Look here again in two minutes.";
      return;
    }
    if (to.status === 401) return this.refused();
    let body = null;
    try {
      body = JSON.parse(to.responseText);
    } catch {
      // no answer of the kit's
    }
    el("system-fault").textContent = to.status === 0 ? "The connection broke off. Nothing was changed; send it again." : why({ status: to.status, body, retry: 0 });
  }

  /** @param {boolean} is */
  going(is) {
    this.busy = is;
    this.bar.hidden = !is;
    this.bar.value = 0;
    this.install.setAttribute("aria-disabled", String(is));
    text(el("system-fault"), "");
    text(el("system-note"), is ? "Installing. Leave this page open, and go on selling." : "");
  }

  forget() {
    this.details.open = false;
    el("system-updates").replaceChildren();
    for (const id of ["system-runs", "system-note", "system-fault"]) text(el(id), "");
  }
}
