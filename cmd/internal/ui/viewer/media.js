// The live picture and the data channel beside it: WHEP (draft-ietf-wish-whep) with one request, and again by itself
// whenever the connection dies, for as long as the page is open.
import { pause } from "./api.js";

const protocol = "edgekit.signals.v1";

/**
 * @typedef {{
 *   message: (m: any) => void,
 *   frame: (rtp: number | undefined) => void,
 *   state: (s: "live" | "none") => void,
 * }} Hooks
 */

export class Media {
  /**
   * @param {HTMLVideoElement} video
   * @param {Hooks} hooks
   */
  constructor(video, hooks) {
    this.video = video;
    this.hooks = hooks;
    /** @type {RTCPeerConnection | null} */
    this.pc = null;
    /** @type {RTCDataChannel | null} */
    this.channel = null;
    this.location = "";
    this.lastFrame = 0;
    this.stopped = false;
    /** @type {() => void} */
    this.again = () => {};
    /** @type {(reason: string) => void} */
    this.drop = () => {};
    this.watchFrames();
  }

  /** @returns {boolean} whether the message went out */
  send(/** @type {any} */ m) {
    if (!this.channel || this.channel.readyState !== "open") return false;
    try {
      this.channel.send(JSON.stringify(m));
      return true;
    } catch (e) {
      return false;
    }
  }

  /** Connects, and connects again, until the page is left. */
  async run() {
    for (let wait = 250; !this.stopped; ) {
      const began = performance.now();
      const reason = await this.once();
      this.hooks.state("none");
      if (reason === "left") return;
      if (performance.now() - began > 10000) wait = 250;
      await Promise.race([pause(wait * (0.7 + 0.6 * Math.random())), new Promise((r) => { this.again = () => r(null); })]);
      wait = Math.min(wait * 2, 4000);
    }
  }

  /** One connection, from its offer to its end. */
  async once() {
    const pc = new RTCPeerConnection();
    this.pc = pc;
    const ended = new Promise((resolve) => {
      pc.onconnectionstatechange = () => {
        if (["disconnected", "failed", "closed"].includes(pc.connectionState)) resolve(pc.connectionState);
      };
      this.drop = resolve;
    });
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 5000);
    try {
      pc.addTransceiver("video", { direction: "recvonly" });
      pc.ontrack = (e) => {
        const receiver = /** @type {any} */ (e.receiver);
        if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
        else if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
        this.video.srcObject = e.streams[0] || new MediaStream([e.track]);
        this.video.play().catch(() => {}); // a muted video may always play; a hidden page tries again when it is seen
      };
      const channel = pc.createDataChannel("signals", { protocol });
      channel.onopen = () => { this.channel = channel; };
      channel.onclose = () => { if (this.channel === channel) this.channel = null; };
      channel.onmessage = (e) => {
        try {
          this.hooks.message(JSON.parse(e.data));
        } catch (err) {
          console.warn("signal not understood", err);
        }
      };
      await pc.setLocalDescription(await pc.createOffer());
      const res = await fetch("/whep", { method: "POST", headers: { "Content-Type": "application/sdp" }, body: pc.localDescription ? pc.localDescription.sdp : "", signal: stop.signal });
      if (res.status !== 201) return "refused";
      this.location = res.headers.get("Location") || "";
      await pc.setRemoteDescription({ type: "answer", sdp: await res.text() });
      this.lastFrame = performance.now() + 3000; // time for the first one to come
      const watch = setInterval(() => { if (!document.hidden && performance.now() - this.lastFrame > 2000) this.drop("frozen"); }, 250);
      const reason = await ended;
      clearInterval(watch);
      return reason;
    } catch (e) {
      return "failed";
    } finally {
      clearTimeout(timer);
      this.channel = null;
      this.hangUp();
      pc.close();
    }
  }

  /** Tells the kit that this connection is not used any more. */
  hangUp() {
    if (this.location) fetch(this.location, { method: "DELETE", keepalive: true }).catch(() => {});
    this.location = "";
  }

  /** Tries again now: the network is back, or the page is seen again. */
  nudge() {
    this.lastFrame = Math.max(this.lastFrame, performance.now() - 1000);
    this.again();
  }

  leave() {
    this.stopped = true;
    this.hangUp();
    this.drop("left");
  }

  /** Follows the pictures that are really shown, and the RTP timestamps they carry. */
  watchFrames() {
    const video = /** @type {any} */ (this.video);
    let frames = 0;
    const shown = (/** @type {number | undefined} */ rtp) => {
      this.lastFrame = Math.max(this.lastFrame, performance.now());
      if (frames++ % 8 === 0) document.documentElement.dataset.frames = String(frames);
      this.hooks.state("live");
      this.hooks.frame(rtp);
    };
    if (video.requestVideoFrameCallback) {
      const next = (/** @type {number} */ _now, /** @type {any} */ meta) => {
        shown(meta.rtpTimestamp);
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
    } else {
      video.addEventListener("timeupdate", () => shown(undefined));
    }
  }
}
