// The offers as buttons: over their cards in the picture where it is live, and as a list where it is not.
import { Timeline, fitted } from "./areas.js";

/**
 * @typedef {import("./areas.js").Area} Area
 * @typedef {{id: string, title: string, price: {text: string}, left: number, state: string, token?: string, starts_ms?: number, ends_ms?: number, area?: Area, lang?: string, picture?: string,
 *   choices?: {n: number, of: import("./choose.js").Option[]}[], from?: boolean, waiting?: number, line?: {ahead: number, called_ms?: number}}} Offer
 */

export class Prompts {
  /**
   * @param {{over: HTMLElement, list: HTMLElement, news: HTMLElement, picture: () => {w: number, h: number}}} on
   * @param {(offer: Offer, frame: number) => void} tapped
   * @param {() => void} late told when an offer should have started and nobody has said so
   */
  constructor(on, tapped, late) {
    this.on = on;
    this.tapped = tapped;
    this.late = late;
    this.timeline = new Timeline();
    /** @type {Offer[]} */
    this.offers = [];
    this.at = 0; // when they were as they are
    /** @type {number | undefined} */
    this.frame = undefined;
    this.live = false;
    /** @type {Map<string, HTMLButtonElement>} */
    this.overs = new Map();
    /** @type {Map<string, HTMLButtonElement>} */
    this.listed = new Map();
    this.shown = "";
    /** @type {{id: string, frame: number | undefined} | null} what the finger that is down came down on */
    this.under = null;
    on.over.addEventListener("pointerdown", (e) => { this.under = { id: offerOf(e.target), frame: this.frame }; });
    on.over.addEventListener("click", (e) => {
      const under = e.detail > 0 && this.under ? this.under : { id: offerOf(e.target), frame: this.frame }; // a key or a screen reader has no finger
      this.under = null;
      this.click(under.id, under.frame);
    });
    new ResizeObserver(() => { this.shown = ""; this.place(); }).observe(on.over);
  }

  set(/** @type {Offer[]} */ offers) {
    this.announce(offers);
    this.offers = offers;
    this.at = performance.now();
    const known = new Set(offers.map((o) => o.id));
    for (const map of [this.overs, this.listed])
      for (const [id, b] of map)
        if (!known.has(id)) { b.remove(); map.delete(id); }
    for (const o of offers) {
      this.dress(this.overs, this.on.over, o);
      this.dress(this.listed, this.on.list, o);
    }
    this.shown = "";
    this.place();
  }

  /** Says what is new to those who cannot see it, and nothing twice. */
  announce(/** @type {Offer[]} */ offers) {
    const before = new Map(this.offers.map((o) => [o.id, o.state]));
    const news = offers.filter((o) => before.get(o.id) !== o.state).map((o) => {
      if (o.state === "live") return `${o.title} ${o.from ? "from" : "for"} ${o.price.text}`;
      return o.state === "sold-out" ? `${o.title} sold out` : "";
    }).filter(Boolean);
    if (news.length) this.on.news.textContent = news.join(". ");
  }

  dress(/** @type {Map<string, HTMLButtonElement>} */ map, /** @type {HTMLElement} */ parent, /** @type {Offer} */ o) {
    let b = map.get(o.id);
    if (!b) {
      b = document.createElement("button");
      b.type = "button";
      const id = o.id;
      if (parent === this.on.list) {
        b.addEventListener("click", () => this.click(id, this.frame));
        b.append(span("title"), span("price"), span("left"), document.createElement("img"));
      }
      b.dataset.offer = id;
      map.set(id, b);
      parent.append(b);
    }
    b.setAttribute("aria-label", o.state === "sold-out" && o.waiting !== undefined ? `Wait in line for ${o.title}` : `Buy ${o.title} ${o.from ? "from" : "for"} ${o.price.text}`);
    b.setAttribute("aria-disabled", String(o.state !== "live" && o.waiting === undefined));
    if (parent === this.on.list) {
      b.children[0].textContent = o.title;
      /** @type {HTMLElement} */ (b.children[0]).lang = o.lang || "";
      shown(/** @type {HTMLImageElement} */ (b.children[3]), o.picture);
      b.children[1].textContent = o.from ? `from ${o.price.text}` : o.price.text;
      this.tell(b, o);
    }
    return b;
  }

  /** Says in the list how an offer is. */
  tell(/** @type {Element} */ b, /** @type {Offer} */ o) {
    const words = standing(o, performance.now() - this.at), s = b.children[2];
    if (s.textContent !== words) s.textContent = words;
  }

  /** Has clocks go on. An offer that should have started is asked for: the news of it may be lost, or a second late. */
  tick() {
    for (const o of this.offers) {
      if (!o.starts_ms && !o.ends_ms) continue;
      const b = this.listed.get(o.id);
      if (b) this.tell(b, o);
      if (!o.starts_ms || performance.now() - this.at < o.starts_ms + 1500) continue;
      o.starts_ms += 5000;
      this.late();
    }
  }

  /**
   * @param {string} id of the offer
   * @param {number | undefined} frame that was seen; undefined: not known
   */
  click(id, frame) {
    const o = this.offers.find((x) => x.id === id);
    if (o) this.tapped(o, this.live && frame !== undefined ? frame : 0);
  }

  pending(/** @type {string} */ id, /** @type {boolean} */ is) {
    for (const map of [this.overs, this.listed]) {
      const b = map.get(id);
      if (b) { b.classList.toggle("pending", is); b.setAttribute("aria-busy", String(is)); }
    }
  }

  /** A picture was shown: the areas that hold from it on are now under the finger. */
  frameShown(/** @type {number | undefined} */ rtp) {
    this.frame = rtp;
    this.place();
  }

  setLive(/** @type {boolean} */ live) {
    this.live = live;
    this.place();
  }

  place() {
    const areas = this.live ? this.timeline.at(this.frame) : [];
    const placed = new Set(areas.map((a) => a.offer));
    this.on.list.hidden = this.offers.every((o) => placed.has(o.id));
    const key = JSON.stringify(areas);
    if (key !== this.shown) {
      this.shown = key;
      const { w, h } = this.on.picture();
      const box = fitted(this.on.over.clientWidth, this.on.over.clientHeight, w, h);
      for (const [id, b] of this.overs) {
        const a = areas.find((x) => x.offer === id);
        b.hidden = !a;
        if (!a) continue;
        b.style.left = `${box.x + a.x * box.w}px`;
        b.style.top = `${box.y + a.y * box.h}px`;
        b.style.width = `${a.w * box.w}px`;
        b.style.height = `${a.h * box.h}px`;
      }
    }
    for (const [id, b] of this.listed) b.hidden = placed.has(id);
  }
}

/**
 * How an offer stands, some time after the kit said how it is.
 * @param {Offer} o
 * @param {number} passed ms
 */
export function standing(o, passed) {
  if (o.state === "soon") return o.starts_ms ? `Starts in ${clock(o.starts_ms - passed)}` : "Starts soon";
  if (o.state === "sold-out" && o.waiting !== undefined) return o.line ? "Sold out · you are in line" : `Sold out · tap to wait in line${o.waiting ? `, ${o.waiting} before you` : ""}`;
  if (o.state !== "live") return { "sold-out": "Sold out", over: "Over" }[o.state] || "";
  return [o.left < 0 ? "" : `${o.left} left`, o.ends_ms ? clock(o.ends_ms - passed) : ""].filter(Boolean).join(" · ");
}

/** A time that is left, such as 4:59; 0:00 only when none is. */
export function clock(/** @type {number} */ ms) {
  const s = Math.max(0, Math.ceil(ms / 1000)), two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/** The offer whose card something is in; "": none's. */
function offerOf(/** @type {EventTarget | null} */ target) {
  const b = target instanceof Element ? target.closest("button") : null;
  return (b && b.dataset.offer) || "";
}

/**
 * Shows a picture where there is one. What it is of is said beside it.
 * @param {HTMLImageElement} img
 * @param {string | undefined} picture
 */
export function shown(img, picture) {
  img.alt = "";
  img.loading = "lazy";
  img.hidden = !picture;
  if (picture && !img.src.endsWith(picture)) img.src = picture;
}

function span(/** @type {string} */ name) {
  const s = document.createElement("span");
  s.className = name;
  return s;
}
