// Pairing: one code, typed once, makes this device an operator's.
import { ask, why } from "./api.js";
import { el, text } from "./dom.js";
import { code } from "./words.js";

/**
 * Asks for the code until one is right.
 * @param {string} note why it is asked for, if that needs saying
 * @returns {Promise<void>}
 */
export function pair(note) {
  const form = /** @type {HTMLFormElement} */ (el("pairing"));
  const input = /** @type {HTMLInputElement} */ (el("code"));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  text(el("pairing-note"), note);
  el("pairing-note").hidden = !note;
  input.value = "";
  fault("");
  input.oninput = () => {
    const at = input.selectionEnd === input.value.length;
    if (at) input.value = code(input.value); // in the middle of it, the cursor is left alone
  };
  return new Promise((resolve) => {
    form.onsubmit = async (e) => {
      e.preventDefault();
      if (button.getAttribute("aria-disabled") === "true") return;
      const typed = code(input.value);
      if (typed.length !== 7) return wrong("The code has six digits.");
      button.setAttribute("aria-disabled", "true");
      const answer = await ask("POST", "/api/operator/pair", { code: typed, now: Date.now() }); // the kit may not know the time
      button.setAttribute("aria-disabled", "false");
      if (answer.status === 204) return resolve();
      if (answer.status === 403) return wrong("That is not the code. It changes each time it is used: look for the newest one.");
      if (answer.status === 429) return fault(`Too many tries. Wait ${seconds(answer.retry)}, then try again.`);
      fault(`${why(answer)} Try again.`);
    };
  });

  function wrong(/** @type {string} */ what) {
    fault(what);
    input.setAttribute("aria-invalid", "true");
    input.focus();
    input.select();
  }

  function fault(/** @type {string} */ what) {
    el("pairing-fault").textContent = what; // also when it is the same: it is said again
    input.removeAttribute("aria-invalid");
  }
}

/** @param {number} n */
function seconds(n) {
  return n > 1 ? `${n} seconds` : "a second";
}
