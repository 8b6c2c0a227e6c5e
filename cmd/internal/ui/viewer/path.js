// The way to the kit, asked with requests so small and short that they can be many: what hangs when a network is lost is
// given up soon, and the next one finds it again.
import { ask, pause } from "./api.js";

/** How long an answer may take, in ms, and how many questions may be without one. A phone far from the kit has its within 200. */
const patience = 1000, most = 3;

/** Pauses between questions, in ms, at least and at most: a hundredth of how long there was no answer, so that of an outage little is added. */
const often = 200, seldom = 1500;

/** @param {number} ms about so many: pages that lost the kit together do not all come back at once */
export const about = (ms) => pause(ms * (0.7 + 0.6 * Math.random()));

/** @typedef {{status: number, due?: number}} Answer status 0: nothing came back */

/**
 * Asks the kit something until it answers. The next question does not wait for the last: one that was lost hangs for longer than
 * the way is away.
 * @param {() => Promise<Answer>} question
 * @param {() => boolean} wanted whether an answer still is
 * @param {() => Promise<any>} nudged resolves when it is worth asking now
 * @returns {Promise<Answer>} the first; status 0: it is wanted no more
 */
export async function answered(question, wanted, nudged) {
  /** @type {Answer} */
  let first = { status: 0 };
  let open = 0, told = () => {};
  for (const began = performance.now(); !first.status && wanted(); ) {
    const some = new Promise((r) => { told = () => r(null); });
    if (open < most) {
      open++;
      question().then((a) => { open--; if (a.status && !first.status) first = a, told(); });
    }
    const wait = document.hidden ? seldom : Math.min(Math.max(often, (performance.now() - began) / 100), seldom);
    await Promise.race([about(wait), nudged(), some]);
  }
  return first;
}

/**
 * Waits until the kit answers.
 * @param {() => boolean} stopped
 * @param {() => Promise<any>} nudged
 */
export function reached(stopped, nudged) {
  return answered(() => ask("OPTIONS", "/whep", undefined, patience), () => !stopped(), nudged);
}

/**
 * Asks the kit of a connection: whether it knows it, and how long ago there was a picture for it, in ms (due).
 * @param {string} session its address
 * @returns {Promise<Answer>}
 */
export async function knows(session) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), patience);
  try {
    const res = await fetch(session, { method: "PATCH", headers: { "Content-Type": "application/trickle-ice-sdpfrag" }, body: "", signal: stop.signal });
    const due = /picture;dur=(\d+)/.exec(res.headers.get("Server-Timing") || "");
    return { status: res.status, due: due ? Number(due[1]) : 0 };
  } catch (e) {
    return { status: 0 };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * How long nothing has come for a connection's picture, in ms. What comes and is not shown is no matter of the network.
 * @param {RTCPeerConnection} pc
 * @returns {Promise<number>} Infinity: this browser does not say
 */
export async function silence(pc) {
  let ms = Infinity;
  (await pc.getStats()).forEach((s) => {
    if (s.type === "inbound-rtp" && s.kind === "video" && s.lastPacketReceivedTimestamp) ms = s.timestamp - s.lastPacketReceivedTimestamp;
  });
  return ms;
}
