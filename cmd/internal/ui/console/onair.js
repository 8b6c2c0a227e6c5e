// What the console says of picture and sound on their way to a recording, and to viewers elsewhere. Nothing here touches the page.
import { spell } from "./words.js";

/**
 * What becomes of the picture.
 * @param {import("./words.js").Recording} r
 */
export function recordingText(r) {
  if (r.why) return r.why;
  if (r.state === "recording") return "The picture is being recorded. Visitors' pages say so.";
  if (r.state === "waiting") return "Recording begins with the next picture.";
  return "Nothing is being recorded.";
}

/**
 * One recording.
 * @param {import("./words.js").RecordingFile} f
 */
export function recordingsText(f) {
  const size = `${(f.bytes / 1e6).toFixed(f.bytes < 1e7 ? 1 : 0)} MB`;
  if (f.broken) return `${size}. It cannot be played: ${f.broken}.`;
  const agreed = f.released_ms <= 0 ? "Nobody's release: it must not be published." : f.released_ms >= f.long_ms ? "Released." : `${clock(f.released_ms)} of it released.`;
  return `${f.live ? "Recording now, " : ""}${clock(f.long_ms)}, ${size}. ${agreed}`;
}

/**
 * What more can be recorded.
 * @param {{room: number}} all
 */
export function roomText(all) {
  return all.room > 0 ? `Room for ${Math.floor(all.room / 1e6)} MB more, some ${spell(all.room / 0.235e6 * 1000)} at the usual quality.` : "There is no room for more: the rest of the disk is for sales.";
}

/** Hours, minutes and seconds, as on a player. */
function clock(/** @type {number} */ ms) {
  const s = Math.round(ms / 1000), two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `${s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}` : Math.floor(s / 60)}:${two(s % 60)}`;
}

/**
 * How the stream to viewers elsewhere does, in a sentence.
 * @param {import("./words.js").Push} p
 */
export function pushText(p) {
  switch (p.state) {
    case "off":
      return `Off: viewers elsewhere see nothing (${p.server}).`;
    case "connecting":
      return `Connecting to ${p.server}…`;
    case "live": {
      const figures = [];
      if (p.kbps) figures.push(`${(p.kbps / 1000).toFixed(1)} Mbit/s`);
      if (p.lost) figures.push(`${p.lost} % lost on the way`);
      if (!p.sound) figures.push("without sound");
      return ["Live", ...figures].join(", ") + ` (${p.server}).`;
    }
  }
  return `Not sent (${p.server}): ${p.reason || p.state}. The kit tries again by itself.`;
}

/**
 * @typedef {{state: string, name?: string, format?: string, muted?: boolean, level?: number, lost?: number, reason?: string}} Microphone
 */

/**
 * What a microphone does, and what helps.
 * @param {Microphone} m
 */
export function microphoneText(m) {
  if (m.state === "") return "The camera program is starting.";
  if (m.state === "off") return "It is switched off in the settings.";
  if (m.state === "absent") return "There is none. Plug one in by USB, and visitors can hear you.";
  if (m.state === "opening") return `${m.name}: starting`;
  if (m.state === "failed") return `${m.name || "It"} does not work: ${m.reason}`;
  const level = m.level || 0;
  let loud = "good";
  if (level > -3) loud = "too loud: further away";
  else if (level < -50) loud = "quiet";
  return `${m.name}: ${m.muted ? "muted, visitors hear silence" : "visitors can hear it"} (${level} dB, ${loud})`;
}
