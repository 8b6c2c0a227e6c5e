// The console's line to the kit: the whole state whenever it changed, for as long as this device is paired. It comes back
// by itself, after lost Wi-Fi as after a restart of the kit.
import { ask } from "./api.js";

/** The kit says something every 5 seconds; a line that is silent for longer is dead, whatever the browser believes. */
const silence = 12000;
const firstWait = 500;
const longestWait = 4000;

export class Link {
  /** @param {{state: (s: import("./words.js").State) => void, line: (is: "live" | "lost") => void}} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    /** @type {() => void} */
    this.again = () => {};
    /** @type {() => void} */
    this.end = () => {};
  }

  /** Follows the kit until this device is not paired, or not any more. */
  async run() {
    for (let wait = firstWait; ; wait = Math.min(wait * 2, longestWait)) {
      const { status, body } = await ask("GET", "/api/operator/state");
      if (status === 401) return;
      if (status === 200) {
        this.hooks.line("live");
        this.hooks.state(body);
        if (await this.listen()) wait = firstWait;
      }
      this.hooks.line("lost");
      await this.rest(wait);
    }
  }

  /** @returns {Promise<boolean>} whether anything was heard before the line broke */
  listen() {
    return new Promise((resolve) => {
      const source = new EventSource("/api/operator/events");
      let heard = false;
      this.end = () => {
        clearTimeout(timer);
        source.close();
        resolve(heard);
      };
      let timer = setTimeout(this.end, silence);
      source.addEventListener("state", (e) => {
        heard = true;
        clearTimeout(timer);
        timer = setTimeout(this.end, silence);
        this.hooks.state(JSON.parse(/** @type {MessageEvent} */ (e).data));
      });
      source.onerror = this.end;
    });
  }

  /** @param {number} ms */
  rest(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms * (0.7 + 0.6 * Math.random())); // many consoles do not knock at once
      this.again = () => { clearTimeout(timer); resolve(undefined); };
    });
  }

  /** Tries again now: the network is back, or the page is seen again. */
  nudge() {
    this.again();
  }

  /** Ends the line, and looks again whether this device is paired. */
  leave() {
    this.end();
    this.again();
  }
}
