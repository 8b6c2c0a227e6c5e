// The screen that faces customers: which tickets can be fetched, and which are still to come.
import { ask, pause } from "./api.js";

/** How long the kit may be silent before the screen says that what it shows may not be so any more. */
const stale = 10_000;

const el = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * Keeps what stays where it is: who looks for a number finds it where it was.
 * @param {HTMLElement} list
 * @param {string[]} numbers
 */
export function set(list, numbers) {
  const keep = new Set(numbers);
  for (const li of [...list.children]) if (!keep.delete(li.textContent || "")) li.remove();
  for (const n of keep) {
    const li = document.createElement("li");
    li.className = "new";
    li.textContent = n;
    list.append(li);
  }
}

async function main() {
  for (let heard = Date.now(); ; await pause(1500)) {
    const { status, body } = await ask("GET", "/api/board");
    if (status === 200) {
      heard = Date.now();
      set(el("ready"), body.ready);
      set(el("waiting"), body.waiting);
    }
    const line = Date.now() - heard > stale ? "The kit does not answer: ask at the counter." : "";
    if (el("line").textContent !== line) el("line").textContent = line;
  }
}

main();
