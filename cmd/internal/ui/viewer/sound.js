// Sound is off until somebody asks for it: browsers play none unasked, and a stall full of phones that talk is worse than none. Nothing of it is kept.

/** What the kit says of its microphone: "on", "muted" by the creator, or "none". */

export class Sound {
  /**
   * @param {HTMLElement} button
   * @param {HTMLElement} note
   * @param {(on: boolean) => void} turn
   */
  constructor(button, note, turn) {
    this.button = button;
    this.note = note;
    this.on = false;
    this.is = "none";
    button.addEventListener("click", () => {
      this.on = !this.on;
      turn(this.on);
      this.show();
    });
    this.show();
  }

  set(/** @type {string} */ is) {
    this.is = is;
    this.show();
  }

  show() {
    this.button.hidden = this.is === "none" && !this.on;
    this.button.textContent = this.on ? "Sound off" : "Sound on";
    let said = "";
    if (this.on && this.is === "muted") said = "The stall has muted its microphone.";
    else if (this.on && this.is === "none") said = "The stall's microphone is not there now.";
    if (this.note.textContent !== said) this.note.textContent = said;
  }
}
