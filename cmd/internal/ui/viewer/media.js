// The live picture and the data channel beside it: WHEP (draft-ietf-wish-whep) with one request, and again by itself
// whenever the connection dies, for as long as the page is open.
import { pause } from "./api.js";
import { about, answered, knows, reached, silence } from "./path.js";

const protocol = "edgekit.signals.v1";

/**
 * In ms: for how long nothing may come, at least, until that is a matter of the way; how soon the kit answers where there is one; how
 * soon a picture comes when ICE has found it; how often ICE starts anew while it has not; for how long the last picture is shown for a
 * live one; and how long a connection has to last for the next to be made at once.
 */
const still = 300, hopeful = 150, soon = 300, anew = 8000, old = 3000, lasting = 1000;

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
    this.answer = "";
    this.lastFrame = 0;
    /** @type {number[]} */
    this.gaps = []; // ms between the latest pictures
    this.torn = false; // this connection's channel has ended
    this.lived = false; // this connection has shown a picture
    this.stopped = false;
    this.sound = false;
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

  /** Has sound sent and played, or no more. To be called from a tap: browsers allow it only then. */
  listen(/** @type {boolean} */ on) {
    this.sound = on;
    this.video.muted = !on;
    this.send({ type: "sound", on });
    this.hold();
    this.video.play().catch(() => {});
  }

  /** Has everything shown and played at once; but the picture beside sound, which a browser holds for about so long, when that is played. */
  hold() {
    for (const r of this.pc ? this.pc.getReceivers() : []) {
      const receiver = /** @type {any} */ (r), ms = this.sound && r.track.kind === "video" ? 60 : 0;
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = ms;
      else if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = ms / 1000;
    }
  }

  /** Connects, and connects again as soon as the kit answers, until the page is left. */
  async run() {
    for (let wait = 0; !this.stopped; ) {
      const began = performance.now(), reason = await this.once();
      this.hooks.state("none");
      if (reason === "left") return;
      if (this.lived && performance.now() - began > lasting) wait = 0;
      else { // it is not the way alone, or the kit has no room
        await Promise.race([about(reason === "refused" ? Math.max(wait, 2000) : wait), this.nudged()]);
        wait = Math.min(Math.max(wait * 2, 250), this.lived ? 500 : 4000);
      }
      if (reason !== "answered") await reached(() => this.stopped, this.nudged);
    }
  }

  nudged = () => new Promise((r) => { this.again = () => r(null); });

  /** One connection, from its offer to its end. */
  async once() {
    const pc = new RTCPeerConnection();
    this.pc = pc;
    const ended = new Promise((resolve) => {
      pc.onconnectionstatechange = () => { // one that has lived and failed may live again
        if (pc.connectionState === "closed" || pc.connectionState === "failed" && !this.lived) resolve(pc.connectionState);
      };
      this.drop = resolve;
    });
    this.lived = this.torn = false;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 5000);
    try {
      pc.addTransceiver("video", { direction: "recvonly" });
      pc.addTransceiver("audio", { direction: "recvonly" });
      pc.ontrack = (e) => {
        this.hold();
        const stream = e.streams[0] || new MediaStream([e.track]); // picture and sound are one, and so in step
        if (this.video.srcObject !== stream) this.video.srcObject = stream;
        this.video.play().catch(() => {}); // a muted video may always play; a hidden page tries again when it is seen
      };
      const channel = pc.createDataChannel("signals", { protocol });
      channel.onopen = () => {
        this.channel = channel;
        if (this.sound) this.send({ type: "sound", on: true });
      };
      channel.onclose = () => { if (this.channel === channel) this.channel = null, this.torn = true; };
      channel.onmessage = (e) => {
        try {
          this.hooks.message(JSON.parse(e.data));
        } catch (err) {
          console.warn("signal not understood", err);
        }
      };
      await pc.setLocalDescription(await pc.createOffer());
      const res = await fetch("/whep?sound=ask", { method: "POST", headers: { "Content-Type": "application/sdp" }, body: pc.localDescription ? pc.localDescription.sdp : "", signal: stop.signal });
      if (res.status !== 201) return "refused";
      this.location = res.headers.get("Location") || "";
      this.answer = await res.text();
      await pc.setRemoteDescription({ type: "answer", sdp: this.answer });
      this.lastFrame = performance.now() + 3000; // time for the first one to come
      this.watch(pc);
      return await ended;
    } catch (e) {
      return "failed";
    } finally {
      clearTimeout(timer);
      this.channel = null;
      this.hangUp();
      pc.close();
    }
  }

  /**
   * Follows a connection, and mends it when its picture stands still and nothing comes for it.
   * @param {RTCPeerConnection} pc
   */
  async watch(pc) {
    const on = () => this.pc === pc && pc.signalingState !== "closed";
    for (; on(); await pause(50)) {
      if (await this.stands(pc)) await this.mend(pc, on);
      else if (this.torn && this.moves(still)) { // its channel did not outlast an outage: there is to be a way for requests too
        if ((await knows(this.location)).status) return this.drop("answered");
        await pause(1000);
      }
    }
  }

  /** Whether a picture was shown within so many ms, or nobody looks. */
  moves(/** @type {number} */ ms) {
    return document.hidden || performance.now() - this.lastFrame < ms;
  }

  /** @param {RTCPeerConnection} pc */
  async stands(pc) {
    const usual = [...this.gaps].sort((a, b) => b - a)[this.gaps.length >> 2] || 0; // a quarter may be what outages were
    const limit = Math.min(Math.max(still, 3 * usual), old);
    if (this.moves(limit)) return false;
    return !this.moves(old + 1000) || (await silence(pc)) >= limit;
  }

  /**
   * The kit is asked of the connection. One that has started anew does not know it; and where it had pictures that did not come, this
   * phone is elsewhere, for which a browser's ICE takes seconds to give up what was: a new connection is made at once. Where it had
   * none there is nothing to mend. And while it does not answer, ICE looks for it from wherever this phone is, without a word to it:
   * what the two know of one another holds, and the picture comes with the first packet that gets through.
   * @param {RTCPeerConnection} pc
   * @param {() => boolean} on
   */
  async mend(pc, on) {
    const last = this.lastFrame, wanted = () => on() && this.lastFrame === last && !document.hidden;
    const within = async (/** @type {number} */ ms) => { for (const end = performance.now() + ms; wanted() && performance.now() < end; ) await pause(20); };
    let restarted = 0, away = true;
    (async () => {
      for (await pause(hopeful); wanted(); await pause(100)) {
        const now = performance.now();
        if (now - last > old) this.hooks.state("none");
        if (away && (!restarted || now - restarted > anew)) restarted = now, await restart(pc, this.answer);
      }
    })();
    const { status, due = 0 } = await answered(() => knows(this.location), wanted, this.nudged);
    away = false;
    if (restarted && status < 300) await within(soon);
    if (!wanted()) return;
    if (status === 404) this.location = ""; // there is nothing to hang up
    if (status >= 300) return this.drop("answered");
    if (due + hopeful < (await silence(pc))) { // the next picture may be on its way already, with what held up both: a fade, a kit that was busy
      await within(hopeful);
      if (wanted() && hopeful < (await silence(pc))) return this.drop("answered");
    }
    await within(1000);
  }

  /** Tells the kit that this connection is not used any more. */
  hangUp() {
    if (this.location) fetch(this.location, { method: "DELETE", keepalive: true }).catch(() => {});
    this.location = "";
  }

  /** Tries again now: the network is back, or the page is seen again, and may have its picture at once. */
  nudge(/** @type {boolean} */ seen) {
    if (seen) this.lastFrame = Math.max(this.lastFrame, performance.now() - still);
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
      const now = performance.now();
      this.gaps = [...this.gaps, now - this.lastFrame].slice(-24);
      this.lastFrame = now;
      this.lived = true;
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

/**
 * Restarts ICE on this side alone: the kit takes a check from whoever has its password.
 * @param {RTCPeerConnection} pc
 * @param {string} answer the kit's
 */
async function restart(pc, answer) {
  try {
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
  } catch (e) {
    // a browser that does not have it so goes on by the kit's answer
  }
}
