// Plays a WHEP address with libdatachannel, as OBS's WHEP source does: no candidate is sent, nor fetched, and a key picture is asked for
// twice a second until there are pictures. Says how many FFmpeg decoded.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";

const [modules, address, wanted, size] = process.argv.slice(2);
const rtc = createRequire(`${modules}/`)("node-datachannel");
const [width, height] = size.split("x").map(Number);
const start = Buffer.from([0, 0, 0, 1]);

const ffmpeg = spawn("ffmpeg", ["-v", "error", "-probesize", "32", "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-"], { stdio: ["pipe", "pipe", "inherit"] });
ffmpeg.stdin.on("error", () => {}); // it ends before the stream does
const peer = new rtc.PeerConnection("player", { iceServers: [] });
let session = "";
let decoded = 0;
ffmpeg.stdout.on("data", (b) => {
  const before = decoded;
  decoded += b.length / (width * height);
  if (before < wanted && decoded >= wanted) end();
});

async function end() {
  console.log(`${wanted} pictures of ${size}`);
  clearInterval(asking);
  const gone = await fetch(session, { method: "DELETE" });
  if (gone.status !== 200) console.log(`DELETE: ${gone.status}`);
  peer.close();
  ffmpeg.kill();
  process.exit(); // the library's threads would go on
}

let unit = []; // of RFC 6184's fragments

/** @param {Buffer} packet RTP with a picture's NAL units, or a piece of one (RFC 6184 section 5.2). */
function take(packet) {
  if ((packet[1] & 0x7f) !== 96) return; // RTCP
  let at = 12 + 4 * (packet[0] & 15);
  if (packet[0] & 0x10) at += 4 + 4 * packet.readUInt16BE(at + 2);
  const end = packet[0] & 0x20 ? packet.length - packet[packet.length - 1] : packet.length;
  const p = packet.subarray(at, end);
  if (p.length < 2) return;
  const write = (/** @type {Buffer} */ nal) => ffmpeg.stdin.writable && ffmpeg.stdin.write(Buffer.concat([start, nal]));
  switch (p[0] & 31) {
    case 24: // STAP-A
      for (let i = 1; i + 2 <= p.length; i += 2 + p.readUInt16BE(i)) write(p.subarray(i + 2, i + 2 + p.readUInt16BE(i)));
      break;
    case 28: // FU-A
      if (p[1] & 0x80) unit = [Buffer.from([(p[0] & 0xe0) | (p[1] & 31)])];
      unit.push(p.subarray(2));
      if (p[1] & 0x40) write(Buffer.concat(unit));
      break;
    default:
      write(p);
  }
}

const sound = new rtc.Audio("0", "RecvOnly");
sound.addOpusCodec(111);
const picture = new rtc.Video("1", "RecvOnly");
picture.addH264Codec(96);
const tracks = [peer.addTrack(sound), peer.addTrack(picture)];
for (const t of tracks) t.setMediaHandler(new rtc.RtcpReceivingSession());
tracks[1].onMessage(take);
const asking = setInterval(() => decoded > 0 || tracks[1].requestKeyframe(), 500);

peer.onLocalDescription(async (sdp) => {
  const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/sdp", Authorization: "Bearer none" }, body: sdp });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`${answer.status} ${text}\n${sdp}`);
  session = new URL(String(answer.headers.get("Location")), address).href;
  peer.setRemoteDescription(text.slice(text.indexOf("v=0")), "answer");
});
peer.setLocalDescription();
