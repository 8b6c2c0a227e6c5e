// A tap's way from the finger to its outcome. The same tap keeps its id through every retry, on every way, so that the
// kit can tell a repeat from a wish for one more.
import { ask, pause } from "./api.js";
import { ulid } from "./ulid.js";

/** @typedef {{id: string, outcome: string, offer?: string, ticket?: string, title?: string, total?: {text: string}, left?: number, detail?: string, retry_ms?: number}} Outcome */

const patience = 30000;

export class Taps {
  /**
   * @param {(m: any) => boolean} send sends on the data channel, if it is open
   * @param {(o: Outcome) => void} decided called once a tap
   */
  constructor(send, decided) {
    this.send = send;
    this.decided = decided;
    /** @type {Map<string, (o: Outcome) => void>} */
    this.waiting = new Map();
    /** @type {Set<string>} */
    this.pending = new Set();
    /** @type {Set<string>} */
    this.known = new Set();
  }

  /**
   * @param {string} offer
   * @param {string} token
   * @param {number} frame RTP timestamp of the picture that was tapped
   * @param {string[]} [choice] SKUs, of an offer that leaves some to choose
   */
  async tap(offer, token, frame, choice) {
    if (this.pending.has(offer)) return; // a nervous finger is one wish
    this.pending.add(offer);
    const tap = { type: "tap", id: ulid(Date.now()), offer, token, frame, choice };
    const out = await this.until(tap);
    this.pending.delete(offer);
    this.finish(out);
  }

  /** An outcome came, as the answer or because this visitor's other page tapped. */
  arrived(/** @type {Outcome} */ o) {
    const waits = this.waiting.get(o.id);
    if (waits) waits(o);
    else if (o.outcome === "confirmed") this.finish(o);
  }

  finish(/** @type {Outcome} */ o) {
    if (this.known.has(o.id)) return;
    this.known.add(o.id);
    this.decided(o);
  }

  /**
   * Sends a tap, by either way and again, until it is decided.
   * @param {{type: string, id: string, offer: string, token: string, frame: number, choice?: string[]}} tap
   * @returns {Promise<Outcome>}
   */
  async until(tap) {
    const end = Date.now() + patience;
    let came = this.coming(tap.id);
    for (let wait = 250; Date.now() < end; wait = Math.min(wait * 2, 1000)) {
      // whichever way it was sent by, and whenever: what comes first is the outcome
      const out = (this.send(tap) && (await Promise.race([came, nothing(1000)]))) || (await Promise.race([came, byPost(tap)]));
      if (out && isFinal(out)) return this.end(out);
      if (out) came = this.coming(tap.id);
      const late = await Promise.race([came, nothing(Math.max(wait, (out && out.retry_ms) || 0))]);
      if (late && isFinal(late)) return this.end(late);
      if (late) {
        came = this.coming(tap.id);
        await nothing(late.retry_ms || wait);
      }
    }
    return this.end({ id: tap.id, offer: tap.offer, outcome: "unanswered", detail: "The kit did not answer. Nothing was charged; look at your tickets before you tap again." });
  }

  /** @returns {Promise<Outcome>} what arrives of a tap from now on */
  coming(/** @type {string} */ id) {
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }

  end(/** @type {Outcome} */ out) {
    this.waiting.delete(out.id);
    return out;
  }
}

/** Whether another try can change nothing. */
const isFinal = (/** @type {Outcome} */ o) => o.outcome !== "rate-limited" && o.outcome !== "unavailable";

/** @returns {Promise<null>} after so many ms */
const nothing = (/** @type {number} */ ms) => pause(ms).then(() => null);

/** @returns {Promise<Outcome | null>} null: nothing came back */
async function byPost(/** @type {any} */ tap) {
  const { status, body } = await ask("POST", "/api/taps", { id: tap.id, offer: tap.offer, token: tap.token, frame: tap.frame, choice: tap.choice }, 2000);
  if (status === 0 || !body) return null;
  if (status === 200) return body;
  return { id: tap.id, offer: tap.offer, outcome: body.reason || "malformed", detail: body.detail, retry_ms: body.retry_ms };
}

/**
 * What the page says of an outcome; the beginnings are what tests and screen readers wait for.
 * @param {Outcome} o
 * @returns {{text: string, kind: "good" | "bad"}}
 */
export function sentence(o) {
  switch (o.outcome) {
    case "confirmed":
      return { text: `Confirmed · ticket ${o.ticket} · ${o.title || ""} ${o.total ? o.total.text : ""}`.trim(), kind: "good" };
    case "sold-out":
      return { text: `Sold out · ${(o.detail || "").replace(/^Sold out[.:]?\s*/, "") || "somebody was a moment faster"}`, kind: "bad" };
    case "too-late":
      return { text: `Too late · ${o.detail || "this offer is over"}`, kind: "bad" };
  }
  return { text: `Try again · ${o.detail || "that did not work"}`, kind: "bad" };
}
