// A phone's place in the kit's own Wi-Fi, when the kit needs it for somebody else. What is said stays on the page when the network
// is gone: it is all that a phone has then.

/** How much later than it was announced, in ms, a place has gone of which nothing more was heard: the word of it may not have come through. */
const late = 3000;

/**
 * @param {HTMLDialogElement} dialog
 * @param {() => void} stay tells the kit that the place is wanted
 */
export function place(dialog, stay) {
  const text = /** @type {HTMLElement} */ (dialog.querySelector("p"));
  const code = /** @type {HTMLElement} */ (dialog.querySelector("output"));
  const button = /** @type {HTMLButtonElement} */ (dialog.querySelector("button"));
  let timer = 0;
  button.addEventListener("click", () => { clearTimeout(timer); dialog.close(); stay(); });
  const told = (/** @type {{is: string, in_ms?: number, code?: string}} */ m) => {
    clearTimeout(timer);
    if (m.is === "stays") return dialog.close();
    const gone = m.is === "gone";
    text.textContent = gone
      ? "The stall's Wi-Fi is full, and your place went to somebody else. Your tickets are good: show their numbers at the stall. You can buy there meanwhile, and join again in two minutes."
      : `The stall's Wi-Fi is full and others are waiting. You have only watched for a while: in ${Math.round((m.in_ms || 0) / 1000)} seconds your place goes to somebody else.`;
    code.textContent = gone && m.code ? `To go on as yourself in another browser, open ${location.host}/c/${m.code} there; in another network, the page's address there with /c/${m.code} behind it. It is good once, for half an hour.` : "";
    button.hidden = gone;
    if (!gone) timer = setTimeout(told, (m.in_ms || 0) + late, { ...m, is: "gone" });
    if (!dialog.open) dialog.show();
  };
  return told;
}
