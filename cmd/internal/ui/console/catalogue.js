// The catalogue: a file is looked at first, what it would change is shown, and only then it is imported.
import { why } from "./api.js";
import { el, make, text } from "./dom.js";
import { smaller } from "./photo.js";

/** @typedef {{of: string, id: string, title: string, what: string, how: string[] | null}} Change */
/** @typedef {{skus: number, offers: number, changed: boolean, form: string, encoding: string, passed: string[] | null, changes: Change[] | null, count: string}} Imported */

/** How long the kit may take for the largest catalogue on a slow card, in milliseconds. */
const patience = 60000;

export class Catalogue {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.file = /** @type {HTMLInputElement} */ (el("catalogue-file"));
    this.go = /** @type {HTMLButtonElement} */ (el("catalogue-import"));
    this.asked = 0; // counts what was asked: an answer to what was asked before is not shown
    this.file.addEventListener("change", () => this.send(true));
    this.go.addEventListener("click", () => this.send(false));
    this.pictures = /** @type {HTMLInputElement} */ (el("catalogue-pictures"));
    this.pictures.addEventListener("change", () => this.sendPictures());
  }

  /** One after the other: each is made small on the way, and smaller by the kit. */
  async sendPictures() {
    const files = [...(this.pictures.files || [])], n = ++this.asked;
    this.pictures.value = "";
    el("catalogue-pictures-bad").replaceChildren();
    let taken = 0;
    for (const file of files) {
      text(el("catalogue-pictures-note"), `Sending ${file.name}…`);
      const a = await post(`/api/operator/control/pictures?name=${encodeURIComponent(file.name)}`, await smaller(file));
      if (n !== this.asked) return;
      if (a.status === 401) return this.refused();
      if (a.status === 200) taken++;
      else el("catalogue-pictures-bad").append(make("li", "warn", a.status === 404 ? why(a) : `${file.name}: ${why(a)}`));
    }
    text(el("catalogue-pictures-note"), `${taken} of ${files.length} pictures are taken.`);
  }

  /** @param {boolean} look only look at it */
  async send(look) {
    const file = this.file.files && this.file.files[0];
    const n = ++this.asked;
    this.clear();
    if (!file) return;
    text(el("catalogue-note"), look ? "Looking at it…" : "Importing…");
    const a = await post(`/api/operator/control/catalog?name=${encodeURIComponent(file.name)}${look ? "&dry-run" : ""}`, file);
    if (n !== this.asked) return;
    text(el("catalogue-note"), "");
    if (a.status === 401) return this.refused();
    if (a.status !== 200) return this.wrong(a.status === 400 ? a.body.detail.split("\n") : [why(a)]);
    this.show(a.body, look);
  }

  /** @param {string[]} problems */
  wrong(problems) {
    text(el("catalogue-fault"), problems.length > 1 ? `Nothing was imported. ${problems.length} things are wrong with the file:` : problems[0]);
    if (problems.length > 1) el("catalogue-changes").replaceChildren(...problems.map((p) => make("li", "warn", p)));
  }

  /**
   * @param {Imported} is
   * @param {boolean} look
   */
  show(is, look) {
    const all = is.changes || [];
    const from = `${is.form}, ${is.encoding}: ${is.skus} things for sale${is.passed ? `; left out: ${is.passed.join(", ")}` : ""}.`;
    text(el("catalogue-note"), look ? `${from} It would be: ${is.count}.` : `${is.changed ? "Imported." : "That is in use already."} ${from}`);
    el("catalogue-changes").replaceChildren(...(look ? all : []).map((c) => make("li", c.what === "gone" ? "warn" : "", `${c.id ? `${c.title}, ${c.of} ${c.id}` : c.title}: ${[c.what, ...(c.how || [])].join(", ")}`)));
    this.go.hidden = !look || all.length === 0;
  }

  clear() {
    this.go.hidden = true;
    el("catalogue-changes").replaceChildren();
    for (const id of ["catalogue-note", "catalogue-fault"]) text(el(id), "");
  }

  forget() {
    this.asked++;
    this.file.value = "";
    this.clear();
    text(el("catalogue-pictures-note"), "");
    el("catalogue-pictures-bad").replaceChildren();
  }
}

/**
 * @param {string} path
 * @param {Blob} file
 * @returns {Promise<import("./api.js").Answer>}
 */
async function post(path, file) {
  try {
    const res = await fetch(path, { method: "POST", cache: "no-store", body: file, signal: AbortSignal.timeout(patience) });
    const body = await res.text();
    return { status: res.status, body: body ? JSON.parse(body) : null, retry: 0 };
  } catch {
    return { status: 0, body: null, retry: 0 };
  }
}
