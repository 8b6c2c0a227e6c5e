// Asks once, plainly, and refusing costs as little as agreeing. The picture plays behind the question.
import { ask } from "./api.js";

/** @typedef {{consent: string, notice: {version: number, text: string}}} Session */

/**
 * @param {Session} session
 * @param {HTMLElement} opener the button that opens the question again
 */
export function consent(session, opener) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("consent"));
  const now = /** @type {HTMLElement} */ (document.getElementById("consent-now"));
  const text = /** @type {HTMLElement} */ (document.getElementById("consent-text"));
  let choice = session.consent;

  const choose = async (/** @type {string} */ c) => {
    if (dialog.open) dialog.close();
    choice = c;
    const { status } = await ask("PUT", "/api/consent", { version: session.notice.version, choice: c });
    if (status !== 200) choice = "needed"; // asked again when the page is opened next
  };
  const open = () => {
    text.textContent = session.notice.text;
    now.textContent = choice === "agreed" ? "You agreed. You can change that here." : choice === "refused" ? "You continue without. You can change that here." : "";
    if (signal()) now.textContent += " Your browser asks sites not to share or profile (Global Privacy Control); that is honoured.";
    if (dialog.showModal) dialog.showModal();
    else dialog.setAttribute("open", "");
  };
  /** @type {HTMLElement} */ (document.getElementById("agree")).addEventListener("click", () => choose("agreed"));
  /** @type {HTMLElement} */ (document.getElementById("refuse")).addEventListener("click", () => choose("refused"));
  dialog.addEventListener("cancel", (e) => { e.preventDefault(); choose(choice === "agreed" ? "agreed" : "refused"); });
  opener.addEventListener("click", open);
  if (choice !== "needed") return;
  if (signal()) choose("refused");
  else open();
}

function signal() {
  return /** @type {any} */ (navigator).globalPrivacyControl === true;
}
