import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pages.mjs";

const { actions, brief, code, countdown, deviceLabel, diskText, heldUpText, internetText, logText, offerLabel, offsetOf, phoneText, pressText, problemText, scanLabel, slipLabel, timeOfDay, took, venueText, way, wifiText, zoneText } = await load("console/words.js");
const { microphoneText, pushText, recordingText, recordingsText, roomText } = await load("console/onair.js");

test("a press says what it did and where it was", () => {
  const press = { button: "sold-out", gesture: "long", action: "sold-out", via: "button" };
  assert.equal(pressText(press), "Sold out (sold-out, long)");
  assert.equal(pressText({ ...press, via: "console" }), "Sold out (sold-out, long, from a console)");
  assert.equal(pressText({ ...press, gesture: "short", action: "" }), "Nothing (sold-out, short)");
  assert.equal(pressText({ action: "clear-help", via: "console" }), "Help, taken back (from a console)");
  assert.equal(pressText({ action: "new", via: "console" }), "new (from a console)");
});

test("what is held up is told as it comes", () => {
  assert.equal(heldUpText({ title: "Mug", offer: "mug", detail: "Mug is held up: show it?" }), "Mug is held up: show it?");
  assert.equal(heldUpText({ text: "4006381333931", detail: "No product has that code." }), "4006381333931: No product has that code.");
  assert.equal(pressText({ action: "show-offer", via: "camera" }), "Put on show (held up to the camera)");
  assert.equal(pressText({ action: "show-offer", via: "console" }), "Put on show (from a console)");
});

test("the remote stream is told as it is", () => {
  const server = "whip.example.org";
  assert.equal(pushText({ state: "live", server, kbps: 1200, sound: true }), "Live, 1.2 Mbit/s (whip.example.org).");
  assert.equal(pushText({ state: "live", server, lost: 3 }), "Live, 3 % lost on the way, without sound (whip.example.org).");
  assert.equal(pushText({ state: "off", server }), "Off: viewers elsewhere see nothing (whip.example.org).");
  assert.equal(pushText({ state: "waiting", server, reason: "the server is busy (503)" }), "Not sent (whip.example.org): the server is busy (503). The kit tries again by itself.");
});

test("a scan is ours or not, in words", () => {
  assert.deepEqual([true, false].map((ok) => scanLabel({ ok })), [{ word: "Ours", mood: "good" }, { word: "Not ours", mood: "bad" }]);
  assert.deepEqual([true, false].map((ok) => scanLabel({ ok, lesson: ok ? "learned" : "refused" }).word), ["Learned", "Not learned"]);
});

test("an offer's buttons follow its state", () => {
  for (const [state, want] of Object.entries({
    hidden: "Start live, Announce soon", soon: "Start live, Withdraw withdrawn", live: "Stop over, Sold out sold-out, Withdraw withdrawn",
    over: "Start live, Announce soon, Withdraw withdrawn", withdrawn: "Start live, Announce soon", "sold-out": "Start live, Withdraw withdrawn", "unheard of": "",
  })) assert.equal(actions(state).map((a) => `${a.verb} ${a.to}`).join(", "), want, state);
});

test("no button leads where the offer is", () => {
  for (const state of ["hidden", "soon", "live", "over", "withdrawn", "sold-out"]) assert.ok(actions(state).every((a) => a.to !== state), state);
});

test("states are words as well as colours", () => {
  const offer = (state, left = 1) => offerLabel({ state, left }).word;
  assert.deepEqual([offer("live"), offer("live", 0), offer("over", 0), offer("soon"), offer("sold-out")], ["Live", "Sold out", "Over", "Announced", "Sold out"]);
  assert.deepEqual(["ready", "opening", "absent", "failed"].map((s) => deviceLabel(s).mood), ["good", "warn", "bad", "bad"]);
  assert.deepEqual(["queued", "printing", "printed"].map((s) => slipLabel(s).word), ["Waiting", "Printing", "Printed"]);
  for (const label of [offerLabel({ state: "new", left: 1 }), deviceLabel("new"), slipLabel("new")]) assert.deepEqual(label, { word: "new", mood: "calm" });
});

test("a reason is said briefly where it is said first", () => {
  for (const [reason, want] of [["", ""], ["No paper.", "No paper."], ["Nobody answers (dial tcp (1): refused). Slips wait.", "Nobody answers. Slips wait."], ["no camera (stat: none (2))", "no camera"]])
    assert.equal(brief(reason), want);
});

test("a trace tells how long a tap took to be sold, and to be on paper", () => {
  const span = (step, start, took) => ({ step, start: start * 1e6, took: took * 1e6 });
  const spans = [span("validate", 0, 1), span("enrich", 1, 1), span("act", 2, 4.5), span("printing", 0, 40), span("printed", 0, 250)];
  assert.deepEqual(way(spans), { sold: 6.5, paper: 250 });
  assert.deepEqual(way([...spans.slice(0, 3), span("validate", 900, 1), span("act", 901, 2)]), { sold: 6.5, paper: undefined }, "a repeat counted");
  assert.deepEqual(way([span("validate", 0, 1)]), { sold: undefined, paper: undefined });
  assert.deepEqual(way(undefined), { sold: undefined, paper: undefined });
});

test("short times read as people say them", () => {
  for (const [ms, want] of [[0.2, "under 1 ms"], [1, "1 ms"], [41.6, "42 ms"], [999.4, "999 ms"], [999.6, "1.0 s"], [1250, "1.3 s"], [9949, "9.9 s"], [9950, "10 s"],
    [59400, "59 s"], [59600, "1 min"], [600000, "10 min"], [59.6 * 60000, "1 h 0 min"], [3900000, "1 h 5 min"]])
    assert.equal(took(ms), want, String(ms));
});

test("a countdown shows 0:00 only when the time is over", () => {
  for (const [ms, want] of [[-5, "0:00"], [0, "0:00"], [1, "0:01"], [9000, "0:09"], [9001, "0:10"], [60000, "1:00"], [754000, "12:34"], [3600000, "1:00:00"], [3723000, "1:02:03"]])
    assert.equal(countdown(ms), want, String(ms));
});

test("a time of day is written plainly, and not at all when the kit does not know it", () => {
  assert.equal(timeOfDay(new Date(2026, 4, 3, 9, 5).toISOString()), "09:05");
  for (const at of ["1970-01-01T00:00:09Z", "0001-01-01T00:00:00Z", "", "soon"]) assert.equal(timeOfDay(at), "", at);
});

test("a code is read however it is typed", () => {
  for (const [typed, want] of [["123456", "123-456"], ["123-456", "123-456"], [" 123 456 ", "123-456"], ["123", "123"], ["1234", "123-4"], ["12x3-45678", "123-456"], ["", ""], ["pairing code 012-300", "012-300"]])
    assert.equal(code(typed), want, typed);
});

test("a problem says where it is, and the cursor finds it", () => {
  assert.equal(problemText({ line: 2, column: 1, key: "camra", what: 'unknown key "camra"' }), 'Line 2, column 1: unknown key "camra"');
  assert.equal(problemText({ line: 0, column: 0, key: "wifi.ssid", what: "expected a name" }), "wifi.ssid: expected a name");
  const text = 'stall = "\u{1f3ea} T\u00fcr"\n[wifi]\nmode = "on"';
  for (const [line, column, want] of [[1, 1, "stall"], [1, 10, "\u{1f3ea}"], [1, 12, "T\u00fcr"], [2, 1, "[wifi]"], [3, 1, "mode"]])
    assert.ok(text.slice(offsetOf(text, line, column)).startsWith(want), `${line}:${column}`);
  assert.ok(offsetOf(text, 9, 1) >= text.length);
});

test("the Wi-Fi and its phones read as sentences", () => {
  const ready = { device: "wifi", name: "wlan0 Stall", state: "ready" };
  assert.equal(wifiText({ mode: "ap", device: ready, ssid: "Stall", security: "wpa2", channel: 6, most: 2, most_why: "a table", stations: [{ mac: "a" }, { mac: "b" }], blocked: [] }),
    "Stall, wpa2, channel 6. 2 of 2 phones: a table. It is full.");
  assert.equal(wifiText({ mode: "off", device: { ...ready, state: "absent", reason: "It is switched off." }, stations: [], blocked: [] }), "It is switched off.");
  assert.equal(phoneText({ mac: "a", connected_ms: 7_500_000, signal_dbm: -80, tx_kbps: 65_000, tx_bytes: 5e6, idle_ms: 90_000 }), "on for 2 h 5 min · signal weak (-80 dBm) · 65 Mbit/s · 5.0 MB to it · silent for 2 min");
});

test("whether visitors reach the internet is said, and why not", () => {
  const w = { mode: "ap", device: { device: "wifi", name: "wlan0", state: "ready" }, stations: [], blocked: [] };
  assert.equal(internetText(w), "");
  assert.equal(internetText({ ...w, portal: {} }), "");
  assert.equal(internetText({ ...w, portal: { internet_via: "eth0", internet: "yes" } }), "Visitors reach the internet, by eth0.");
  assert.match(internetText({ ...w, portal: { internet_via: "eth0", internet: "no" } }), /but the kit sees none by eth0: look at the router there\. Phones stay/);
  assert.match(internetText({ ...w, portal: { internet_via: "eth0" } }), /by eth0; whether it is there is not known yet/);
});

test("the venue's network reads as a sentence, with how visitors find the kit there", () => {
  const device = { device: "wifi", name: "wlan0 Halle 3", state: "ready" };
  const venue = { device, ssid: "Halle 3", security: "wpa2", signal_dbm: -55, address: "192.168.7.20/24", internet: "yes", name: "edgekit.local" };
  const w = { mode: "venue", device: { ...device, state: "absent" }, stations: [], blocked: [], venue };
  assert.equal(venueText(w), "In the venue's network Halle 3 (wpa2, signal good (-55 dBm), with internet). Visitors in that network find the kit as edgekit.local, or at 192.168.7.20.");
  assert.equal(venueText({ ...w, mode: "ap" }), "The way out is the venue's network Halle 3 (wpa2, signal good (-55 dBm), with internet).");
  assert.equal(venueText({ ...w, venue: { ...venue, internet: "no", device: { ...device, reason: "No internet." } } }),
    "In the venue's network Halle 3 (wpa2, signal good (-55 dBm)). Visitors in that network find the kit as edgekit.local, or at 192.168.7.20. No internet.");
  assert.equal(venueText({ ...w, venue: { device: { ...device, state: "failed", reason: "Wrong password." } } }), "Wrong password.");
  assert.equal(venueText({ ...w, venue: { device: { ...device, name: "eth0" }, address: "10.0.0.7/8" } }), "In the venue's network by cable. Visitors in that network find the kit as 10.0.0.7.");
  assert.equal(venueText({ ...w, venue: undefined }), "");
});

test("a log record and the disk read as sentences", () => {
  assert.equal(logText({ msg: "printer gone", attrs: { job: 7, err: "no device" } }), "printer gone job=7 err=no device");
  assert.equal(logText({ msg: "kit started" }), "kit started");
  assert.equal(diskText({ free: 5e8, size: 1e9, written: 2e6 }), "Disk: 476 MB of 953 MB free, 1 MB written so far.");
  assert.match(diskText({ free: 1, size: 1e9, written: 0, stopped: ["recordings", "logs"] }), /recordings and logs stopped, sales go on/);
  assert.equal(diskText({ free: 0, size: 0, written: 0 }), "");
});

test("a part of the picture reads as what helps", () => {
  const z = (light, sharp, blown = 0, crushed = 0) => zoneText({ name: "face", light, sharp, blown, crushed });
  assert.equal(z(50, 90), "sharp (90), well lit");
  assert.equal(z(50, 40), "a little soft (40 of 100), well lit");
  assert.match(z(10, 20), /^blurred .* too dark/);
  assert.match(z(60, 70, 30), /too bright/);
  assert.match(z(40, 70, 0, 60), /too dark/);
  assert.match(z(90, -1), /^nothing there to be sharp, too bright/);
});

test("a recording says how long it is, and what may become of it", () => {
  const one = { name: "00001", bytes: 2_400_000, long_ms: 65_000, released_ms: 0 };
  assert.equal(recordingsText(one), "1:05, 2.4 MB. Nobody's release: it must not be published.");
  assert.equal(recordingsText({ ...one, released_ms: 20_000 }), "1:05, 2.4 MB. 0:20 of it released.");
  assert.equal(recordingsText({ ...one, long_ms: 3_725_000, bytes: 8.1e8, released_ms: 3_725_000, live: true }), "Recording now, 1:02:05, 810 MB. Released.");
  assert.equal(recordingsText({ ...one, broken: "this is no file of ours" }), "2.4 MB. It cannot be played: this is no file of ours.");
  assert.equal(recordingText({ state: "full", why: "The disk is nearly full.", released: false }), "The disk is nearly full.");
  assert.equal(recordingText({ state: "idle", released: false }), "Nothing is being recorded.");
  assert.match(roomText({ room: 846e6 }), /846 MB more, some 1 h 0 min/);
  assert.match(roomText({ room: -1 }), /no room/);
});

test("a microphone says whether visitors hear it, and how loud", () => {
  const m = { state: "ready", name: "USB Mic", level: -20 };
  assert.equal(microphoneText(m), "USB Mic: visitors can hear it (-20 dB, good)");
  assert.equal(microphoneText({ ...m, muted: true, level: -70 }), "USB Mic: muted, visitors hear silence (-70 dB, quiet)");
  assert.match(microphoneText({ ...m, level: 0 }), /too loud/);
  assert.match(microphoneText({ state: "absent", reason: "none" }), /Plug one in/);
  assert.match(microphoneText({ state: "failed", reason: "another program uses it" }), /^It does not work: another program/);
  assert.match(microphoneText({ state: "off" }), /settings/);
});
