// What is recorded: begun and ended here, said to be agreed to or not, and what was recorded before, to be played, taken away and deleted.
import { ask, why } from "./api.js";
import { List, el, make, text } from "./dom.js";
import { recordingText, recordingsText, roomText } from "./onair.js";

/**
 * @typedef {import("./words.js").Recording} State
 * @typedef {import("./words.js").RecordingFile} File
 */

const every = 2000; // ms
/** How long a second press deletes. */
const sure = 5000;
const path = "/api/operator/recordings";

export class Recordings {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.details = /** @type {HTMLDetailsElement} */ (el("recordings-open"));
    this.player = /** @type {HTMLVideoElement} */ (el("recordings-player"));
    this.note = /** @type {HTMLInputElement} */ (el("recording-note"));
    this.timer = 0;
    /** @type {List<File, ReturnType<Recordings["row"]>>} */
    this.list = new List(el("recordings"), (f) => f.name, (f) => this.row(f));
    this.details.addEventListener("toggle", () => this.load());
    for (const [id, on] of /** @type {[string, boolean][]} */ ([["recording-start", true], ["recording-stop", false]]))
      el(id).addEventListener("click", () => this.wish("PUT", path, { on }));
    for (const [id, released] of /** @type {[string, boolean][]} */ ([["recording-agreed", true], ["recording-not", false]]))
      el(id).addEventListener("click", () => this.wish("PUT", `${path}/release`, { released, note: this.note.value }));
  }

  set(/** @type {State} */ s) {
    const wanted = s.state !== "idle" && s.state !== "off";
    text(el("recording-is"), recordingText(s));
    el("recording-is").classList.toggle("fault", s.state === "full" || s.state === "failed");
    el("recording-start").hidden = wanted || s.state === "off";
    el("recording-stop").hidden = el("recording-release").hidden = !wanted;
    text(el("recording-held"), s.released ? `Everybody agreed${s.note ? `: ${s.note}` : ""}.` : "Not said yet, or no: what is recorded now is kept back.");
    el("recording-agreed").hidden = s.released;
    el("recording-not").hidden = !s.released;
  }

  /**
   * @param {string} method
   * @param {string} to
   * @param {any} [body]
   */
  async wish(method, to, body) {
    text(el("recording-fault"), "");
    const a = await ask(method, to, body);
    if (a.status === 401) return this.refused();
    if (a.status !== 200) text(el("recording-fault"), a.status === 0 ? `Not known whether that was done. ${why(a)}` : why(a));
    else if (to.endsWith("/release")) this.note.value = "";
    this.load();
  }

  async load() {
    clearTimeout(this.timer);
    if (!this.details.open) return this.stop();
    const a = await ask("GET", path);
    if (!this.details.open) return;
    if (a.status === 401) return this.refused();
    text(el("recordings-fault"), a.status === 200 ? "" : why(a));
    if (a.status === 200) {
      text(el("recordings-room"), roomText(a.body));
      this.list.set(a.body.files);
      el("recordings-none").hidden = a.body.files.length > 0;
    }
    this.timer = setTimeout(() => this.load(), every);
  }

  stop() {
    this.player.hidden = true;
    this.player.removeAttribute("src");
    this.player.load(); // which lets go of the line
  }

  forget() {
    this.details.open = false;
    this.stop();
    this.list.set([]);
    this.note.value = "";
    for (const id of ["recording-fault", "recordings-fault", "recordings-room"]) text(el(id), "");
  }

  /** @param {File} f */
  row(f) {
    const li = make("li"), says = make("p"), what = make("div", "buttons");
    const play = button("Play", f.name), remove = button("Delete", f.name), load = make("a", "", "Download");
    load.href = `${path}/${f.name}.mp4?download`;
    load.setAttribute("aria-label", `Download ${f.name}`);
    what.append(play, load, remove);
    li.append(make("b", "", f.name), says, what);
    play.addEventListener("click", () => {
      this.player.hidden = false;
      this.player.src = `${path}/${f.name}.mp4`;
      this.player.setAttribute("aria-label", `Recording ${f.name}`);
      this.player.play().catch(() => {}); // its own controls are there
    });
    let until = 0;
    const sureOf = (/** @type {boolean} */ second) => {
      until = second ? Date.now() + sure : 0;
      text(remove, second ? "Sure? Delete" : "Delete");
      remove.setAttribute("aria-label", `${remove.textContent} ${f.name}`);
    };
    remove.addEventListener("click", () => {
      if (Date.now() < until) {
        if (this.player.src.includes(`/${f.name}.mp4`)) this.stop();
        this.wish("DELETE", `${path}/${f.name}`);
      } else {
        sureOf(true);
      }
    });
    return {
      li,
      update: (/** @type {File} */ now) => {
        text(says, recordingsText(now));
        what.hidden = !!now.live;
        play.hidden = load.hidden = !!now.broken;
        if (until && Date.now() >= until) sureOf(false);
      },
    };
  }
}

/**
 * @param {string} verb
 * @param {string} name
 */
function button(verb, name) {
  const b = make("button", "", verb);
  b.type = "button";
  b.setAttribute("aria-label", `${verb} ${name}`);
  return b;
}
