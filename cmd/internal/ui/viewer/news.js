// What the kit tells its pages, for those without a data channel: server-sent events, and a still picture every second.
import { ask, pause } from "./api.js";

export class News {
  /** @param {(m: any) => void} message */
  constructor(message) {
    this.message = message;
    this.on = false;
    /** @type {EventSource | null} */
    this.source = null;
    this.run = 0;
  }

  /** Starts or stops listening. */
  set(/** @type {boolean} */ on) {
    if (on === this.on) return;
    this.on = on;
    if (!on) {
      this.run++;
      if (this.source) this.source.close();
      this.source = null;
    } else if ("EventSource" in window) {
      const source = new EventSource("/api/events");
      this.source = source;
      for (const kind of ["offers", "areas", "outcome", "place", "ticket"])
        source.addEventListener(kind, (e) => this.message(JSON.parse(/** @type {MessageEvent} */ (e).data)));
      source.onerror = () => { // the browser tries again by itself, unless the kit refused
        if (source.readyState !== EventSource.CLOSED || this.source !== source) return;
        this.set(false);
        pause(2000).then(() => this.set(true));
      };
    } else {
      this.poll(++this.run);
    }
  }

  async poll(/** @type {number} */ run) {
    while (run === this.run) {
      const { status, body } = await ask("GET", "/api/offers");
      if (status === 200) this.message({ type: "offers", ...body });
      await pause(2000);
    }
  }
}

/** A picture a second into an img, while it is wanted. */
export class Stills {
  /**
   * @param {HTMLImageElement} img
   * @param {(shown: boolean) => void} state
   */
  constructor(img, state) {
    this.img = img;
    this.state = state;
    this.run = 0;
  }

  async start() {
    for (const run = ++this.run; run === this.run; await pause(1000)) {
      if (document.hidden) continue;
      try {
        const res = await fetch("/api/still", { cache: "no-store" });
        if (!res.ok || run !== this.run) continue;
        const url = URL.createObjectURL(await res.blob());
        this.img.onload = () => {
          URL.revokeObjectURL(url);
          if (run === this.run) this.img.hidden = false, this.state(true);
        };
        this.img.src = url;
      } catch (e) {
        // the next second tries again
      }
    }
  }

  stop() {
    this.run++;
    this.img.hidden = true;
    this.state(false);
  }
}
