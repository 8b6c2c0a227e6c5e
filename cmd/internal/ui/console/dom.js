// Elements, and lists of them that change while a finger or the focus is on them: what stays is kept, never rebuilt.

/** @param {string} id */
export function el(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [name] its class
 * @param {string} [content]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, name = "", content = "") {
  const e = document.createElement(tag);
  if (name) e.className = name;
  if (content) e.textContent = content;
  return e;
}

/** Writes only what changed: a text that is written anew is read aloud anew, and loses its selection. */
export function text(/** @type {Element} */ e, /** @type {string} */ to) {
  if (e.textContent !== to) e.textContent = to;
}

/**
 * A word with the colour of its mood.
 * @param {HTMLElement} e
 * @param {import("./words.js").Label} label
 */
export function label(e, label) {
  text(e, label.word);
  const name = `label ${label.mood}`;
  if (e.className !== name) e.className = name;
}

/**
 * A list's items by key, with what is needed to bring each up to date.
 * @template T
 * @template {{li: HTMLElement, update: (item: T) => void}} R
 */
export class List {
  /**
   * @param {HTMLElement} parent
   * @param {(item: T) => string} key
   * @param {(item: T) => R} row makes an item's row
   */
  constructor(parent, key, row) {
    this.parent = parent;
    this.key = key;
    this.row = row;
    /** @type {Map<string, R>} */
    this.rows = new Map();
  }

  /** @param {T[]} items in the order they are shown */
  set(items) {
    const keep = new Set(items.map(this.key));
    for (const [k, r] of this.rows)
      if (!keep.has(k)) {
        r.li.remove();
        this.rows.delete(k);
      }
    /** @type {Element | null} */
    let at = this.parent.firstElementChild;
    for (const item of items) {
      const k = this.key(item);
      let r = this.rows.get(k);
      if (!r) {
        r = this.row(item);
        this.rows.set(k, r);
      }
      r.update(item);
      if (r.li === at) at = at.nextElementSibling;
      else this.parent.insertBefore(r.li, at);
    }
  }
}
