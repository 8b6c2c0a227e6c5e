// The door of a ticketed event: its list of guests, who is in, and who came without being on it.
import { ask, fresh, why, wish } from "./api.js";
import { el, make, text } from "./dom.js";
import { guestText } from "./words.js";

/** @typedef {import("./words.js").Guest} Guest */

/** How long the kit may take for the longest list on a slow card, in milliseconds. */
const patience = 60000;

export class Door {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("door"));
    this.find = /** @type {HTMLInputElement} */ (el("door-find"));
    this.file = /** @type {HTMLInputElement} */ (el("door-file"));
    this.walkin = /** @type {HTMLFormElement} */ (el("door-walkin"));
    this.name = /** @type {HTMLInputElement} */ (el("door-name"));
    this.asked = 0; // counts what was asked: an answer to what was asked before is not shown
    this.seen = "";
    this.details.addEventListener("toggle", () => { if (this.details.open) this.load(); });
    this.find.addEventListener("input", () => this.load());
    this.file.addEventListener("change", () => this.send());
    this.walkin.addEventListener("submit", (e) => { e.preventDefault(); this.act({ do: "walk-in", name: this.name.value.trim() }); this.name.value = ""; });
    el("door-forget").addEventListener("click", () => { el("door-sure").hidden = false; });
    el("door-no").addEventListener("click", () => { el("door-sure").hidden = true; });
    el("door-yes").addEventListener("click", () => this.forgetList());
  }

  /** Who is let in by the scanner is in the list too. */
  scanned(/** @type {import("./words.js").Scan[]} */ scans) {
    const last = scans.find((s) => s.door), key = last ? last.at : "";
    if (key === this.seen) return;
    this.seen = key;
    if (this.details.open) this.load();
  }

  async load() {
    const n = ++this.asked;
    const a = await ask("GET", `/api/operator/control/guests?${new URLSearchParams({ find: this.find.value.trim() })}`);
    if (n !== this.asked) return;
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return text(el("door-fault"), why(a));
    const { listed, in: inside, walk_ins: walk, guests } = a.body;
    text(el("door-are"), listed || walk ? `${inside} of ${listed} are in${walk ? `, and ${walk} who ${walk === 1 ? "was" : "were"} not on the list` : ""}.` : "There is no list yet. Import one, or count who comes in.");
    el("door-some").hidden = !listed && !walk;
    el("door-list").replaceChildren(...guests.map((/** @type {Guest} */ g) => this.row(g)));
    text(el("door-more"), guests.length === 50 ? "More are found by more of a name." : guests.length || !this.find.value ? "" : "There is nobody of that name.");
  }

  row(/** @type {Guest} */ g) {
    const li = make("li"), b = /** @type {HTMLButtonElement} */ (make("button", g.in ? "" : "go", g.in ? "Out" : "In"));
    b.type = "button";
    b.setAttribute("aria-label", `${g.in ? "Out" : "In"}: ${g.name || `guest ${g.guest}`}`);
    b.addEventListener("click", () => { b.disabled = true; this.act({ do: g.in ? "out" : "in", guest: g.guest }); });
    li.append(make("span", g.in ? "small" : "", guestText(g)), b);
    return li;
  }

  /** @param {{do: string, guest?: number, name?: string}} what */
  async act(what) {
    const a = await wish("/api/operator/control/door", { id: fresh(), ...what });
    if (a.status === 401) return this.refused();
    const done = a.status === 200 && a.body.ok;
    text(el("door-note"), done ? a.body.detail : "");
    text(el("door-fault"), done ? "" : a.status === 200 ? a.body.detail : why(a));
    this.load();
  }

  async send() {
    const file = this.file.files && this.file.files[0];
    this.file.value = "";
    if (!file) return;
    text(el("door-note"), "Importing…");
    text(el("door-fault"), "");
    el("door-problems").replaceChildren();
    /** @type {import("./api.js").Answer} */
    let a = { status: 0, body: null, retry: 0 };
    try {
      const res = await fetch(`/api/operator/control/guests?name=${encodeURIComponent(file.name)}`, { method: "POST", cache: "no-store", body: file, signal: AbortSignal.timeout(patience) });
      a = { status: res.status, body: await res.json(), retry: 0 };
    } catch {
      // nothing came back
    }
    text(el("door-note"), "");
    if (a.status === 401) return this.refused();
    if (a.status === 400) {
      const problems = a.body.detail.split("\n");
      text(el("door-fault"), `Nothing was imported. ${problems.length > 1 ? `${problems.length} things are wrong with the file:` : problems[0]}`);
      if (problems.length > 1) el("door-problems").replaceChildren(...problems.map((/** @type {string} */ p) => make("li", "warn", p)));
      return;
    }
    if (a.status !== 200) return text(el("door-fault"), why(a));
    text(el("door-note"), `Imported (${a.body.form}): ${a.body.guests} guests; ${a.body.new} new, ${a.body.changed} changed, ${a.body.gone} gone.`);
    this.load();
  }

  async forgetList() {
    el("door-sure").hidden = true;
    const a = await ask("DELETE", "/api/operator/control/guests");
    if (a.status === 401) return this.refused();
    text(el("door-fault"), a.status === 200 ? "" : why(a));
    text(el("door-note"), a.status === 200 ? "The list is gone, and all names with it." : "");
    this.load();
  }

  forget() {
    this.details.open = false;
    this.asked++;
    el("door-sure").hidden = true;
    for (const id of ["door-list", "door-problems"]) el(id).replaceChildren();
    for (const id of ["door-are", "door-more", "door-note", "door-fault"]) text(el(id), "");
  }
}
