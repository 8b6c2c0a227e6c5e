// The kit's log, as far as somebody wants to see it: fetched when it is opened, by level, with crashes and the disk's state.
import { ask, why } from "./api.js";
import { el, make, text } from "./dom.js";
import { diskText, logText, timeOfDay } from "./words.js";

/** @typedef {import("./words.js").LogRecord} LogRecord */

export class Logs {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("logs-open"));
    this.level = /** @type {HTMLSelectElement} */ (el("logs-level"));
    this.list = el("logs-list");
    this.crashes = el("logs-crashes");
    this.details.addEventListener("toggle", () => { if (this.details.open) this.load(); });
    this.level.addEventListener("change", () => this.load());
    el("logs-again").addEventListener("click", () => this.load());
  }

  async load() {
    const wanted = this.level.value;
    const a = await ask("GET", `/api/operator/logs?level=${wanted}`);
    if (wanted !== this.level.value || !this.details.open) return; // another level was chosen meanwhile
    el("logs-fault").textContent = a.status === 200 ? "" : why(a);
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return;
    text(el("logs-disk"), diskText(a.body.disk));
    this.list.replaceChildren(...a.body.records.reverse().map(row)); // the newest first, as sales and tickets
    text(el("logs-none"), a.body.records.length ? "" : "Nothing of that kind.");
    this.crashes.replaceChildren(...a.body.crashes.map((/** @type {import("./words.js").Crash} */ c) => {
      const d = make("details");
      d.append(make("summary", "", ["Crash of", c.program, timeOfDay(c.at)].join(" ").trim()), make("pre", "", c.text));
      return d;
    }));
  }

  forget() {
    this.details.open = false;
    this.list.replaceChildren();
    this.crashes.replaceChildren();
    for (const id of ["logs-disk", "logs-none", "logs-fault"]) text(el(id), "");
  }
}

/** @param {LogRecord} r */
function row(r) {
  const li = make("li", r.level === "ERROR" ? "bad" : r.level === "WARN" ? "warn" : "");
  li.append(make("span", "small", [timeOfDay(r.t), r.from, r.level === "INFO" ? "" : r.level.toLowerCase()].filter(Boolean).join(" · ")), make("span", "", logText(r)));
  return li;
}
