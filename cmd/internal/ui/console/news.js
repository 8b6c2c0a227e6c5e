// What is worth saying aloud: the difference between the state last spoken of and the one now, in a few words. However
// many sales came in between, they are one sentence.
import { capital, deviceLabel, named } from "./words.js";

/** @typedef {import("./words.js").State} State */

/**
 * @param {State} before
 * @param {State} now
 * @returns {string} empty: nothing
 */
export function news(before, now) {
  return [...helpNews(before, now), ...deviceNews(before, now), ...offerNews(before, now), ...saleNews(before, now)].join(" ");
}

/**
 * @param {State} before
 * @param {State} now
 */
function helpNews(before, now) {
  if (now.buttons.help === before.buttons.help) return [];
  return [now.buttons.help ? "Help is called." : "Help is not called any more."];
}

/**
 * @param {State} before
 * @param {State} now
 */
function deviceNews(before, now) {
  const was = new Map(named(before.devices).map((d) => [d.called, d]));
  return named(now.devices).filter((d) => (was.get(d.called) || { state: "" }).state !== d.state)
    .map((d) => `${capital(d.called)}: ${deviceLabel(d.state).word.toLowerCase()}.`);
}

/**
 * @param {State} before
 * @param {State} now
 */
function offerNews(before, now) {
  const was = new Map(before.offers.map((o) => [o.id, o]));
  return now.offers.flatMap((o) => {
    const old = was.get(o.id);
    if (!old) return [];
    if (o.state === "live" && o.left === 0 && (old.left > 0 || old.state !== "live")) return [`${o.title} is sold out.`];
    if (o.state !== old.state) return [`${o.title} is ${o.state === "soon" ? "announced" : o.state.replace("-", " ")}.`];
    return [];
  });
}

/**
 * @param {State} before
 * @param {State} now
 */
function saleNews(before, now) {
  const known = new Set(before.tickets.map((t) => t.ticket));
  const fresh = now.tickets.filter((t) => !known.has(t.ticket));
  if (fresh.length === 0) return [];
  return [fresh.length === 1 ? `Sold: ${fresh[0].title}, ticket ${fresh[0].ticket}.` : `${fresh.length} sales, the latest ${fresh[0].ticket}.`];
}
