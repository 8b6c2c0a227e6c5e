// The kit's buttons, pressed from here, what was pressed last, and the call for help. A press that is sent again, because nobody
// answered, is the same press: the kit does it once.
import { fresh, why, wish } from "./api.js";
import { List, el, make, text } from "./dom.js";
import { pressText, timeOfDay } from "./words.js";

/**
 * @typedef {import("./words.js").Buttons} State
 * @typedef {import("./words.js").Press} Press
 */

export class Buttons {
  /** @param {() => void} refused called when this device turns out not to be paired any more */
  constructor(refused) {
    this.refused = refused;
    this.note = el("press-note");
    this.fault = el("press-fault");
    /** @type {List<Press, ReturnType<typeof row>>} */
    this.list = new List(el("presses"), (p) => p.id, row);
    for (const id of ["press-drop", "press-reprint", "press-help", "help-clear"]) {
      const b = /** @type {HTMLButtonElement} */ (el(id));
      b.addEventListener("click", () => this.press(b));
    }
  }

  set(/** @type {State} */ s) {
    this.list.set(s.presses);
    el("help").hidden = !s.help;
    el("press-help").hidden = s.help;
    el("no-presses").hidden = s.presses.length > 0;
  }

  forget() {
    for (const e of [this.note, this.fault]) text(e, "");
  }

  async press(/** @type {HTMLButtonElement} */ b) {
    if (b.hasAttribute("aria-disabled")) return;
    b.setAttribute("aria-disabled", "true");
    this.forget();
    const a = await wish("/api/operator/press", /** @type {any} */ ({ id: fresh(), action: b.value }));
    b.removeAttribute("aria-disabled");
    if (a.status === 401) return this.refused();
    if (a.status === 200) text(a.body.ok ? this.note : this.fault, a.body.detail);
    else text(this.fault, `Not known whether that was done. ${why(a)}`);
  }
}

/** @param {Press} p */
function row(p) {
  const li = make("li", "press"), what = make("b"), at = make("span", "small"), detail = make("p", "small");
  const head = make("div", "head");
  head.append(what, at);
  li.append(head, detail);
  return {
    li,
    update: (/** @type {Press} */ now) => {
      text(what, pressText(now));
      text(at, timeOfDay(now.at));
      text(detail, now.detail);
      detail.classList.toggle("fault", !now.ok);
    },
  };
}
