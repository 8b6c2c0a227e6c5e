// A phone's place in the kit's own Wi-Fi, when the kit needs it for somebody else. What is said stays on the page when the network
// is gone: it is all that a phone has then.

/**
 * @param {HTMLDialogElement} dialog
 * @param {() => void} stay tells the kit that the place is wanted
 */
export function place(dialog, stay) {
  const text = /** @type {HTMLElement} */ (dialog.querySelector("p"));
  const button = /** @type {HTMLButtonElement} */ (dialog.querySelector("button"));
  button.addEventListener("click", () => { dialog.close(); stay(); });
  return (/** @type {{is: string, in_ms?: number}} */ m) => {
    if (m.is === "stays") return dialog.close();
    const gone = m.is === "gone";
    text.textContent = gone
      ? "The stall's Wi-Fi is full, and your place went to somebody else. Your tickets are good: show their numbers at the stall. To buy meanwhile, ask there, or scan a code on display from another network. In two minutes you can join again."
      : `The stall's Wi-Fi is full and others are waiting. You have only watched for a while: in ${Math.round((m.in_ms || 0) / 1000)} seconds your place goes to somebody else.`;
    button.hidden = gone;
    if (!dialog.open) dialog.show();
  };
}
