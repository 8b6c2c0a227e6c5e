package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// ears gives a page: inbound(kind), what WebRTC counts of a stream; listen(), after which loudest() is the loudest sample since it was asked last, and knocks has for each
// knock how long after the ball had touched the counter the picture was that was shown as the knock began to be heard, in ms. Both times come with the
// sample and with the picture: it does not matter when this is run.
const ears = stripScript + `
const Peer = RTCPeerConnection;
let peer;
window.RTCPeerConnection = class extends Peer { constructor(...a) { super(...a); peer = this; } };
const inbound = async (kind) => { for (const s of (await peer.getStats()).values()) if (s.type === "inbound-rtp" && s.kind === kind) return s; return {}; };
const knocks = [], shown = [];
let most = 0;
const loudest = () => { const was = most; most = 0; return was; };
function listen(video) {
  const frame = (_, m) => { shown.push([m.presentationTime, clock(video)]); if (shown.length > 200) shown.shift(); video.requestVideoFrameCallback(frame); };
  video.requestVideoFrameCallback(frame);
  const ctx = new AudioContext(), ear = ctx.createAnalyser(), heard = new Float32Array(ear.fftSize = 32768);
  ctx.createMediaStreamSource(video.srcObject).connect(ear);
  let last = 0;
  setInterval(() => {
    ear.getFloatTimeDomainData(heard);
    const now = performance.now();
    let quiet = 0;
    for (let i = 0; i < heard.length; i++) {
      const v = Math.abs(heard[i]);
      most = Math.max(most, v);
      if (v > 0.1 && quiet > ctx.sampleRate / 10) knock(now - (heard.length - i) / ctx.sampleRate * 1000);
      quiet = v > 0.1 ? 0 : quiet + 1;
    }
  }, 100);
  function knock(at) {
    if (at - last < 500) return;
    last = at;
    const [when, ms] = shown.findLast(([when, ms]) => when <= at && ms >= 0) || [0, -1];
    if (ms >= 0 && at - when < 100) knocks.push(Math.round((ms + at - when + 500) % 1000 - 500));
  }
}
`

// TestSoundIsHeardInThePage: when it is asked for, and in step with the picture.
func TestSoundIsHeardInThePage(t *testing.T) {
	k := kittest.Start(t)
	b := kittest.Browser(t, ears)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Agree")
	kittest.See(t, b, "moving picture", seen+` > 30`)
	number := func(expr string) float64 {
		t.Helper()
		v, err := strconv.ParseFloat(kittest.Read(t, b, expr), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	packets := `inbound("audio").then(s => s.packetsReceived || 0)`
	if muted := kittest.Read(t, b, `video.muted`); muted != "true" || number(packets) != 0 {
		t.Errorf("a page that nobody asked for sound: muted %s, %v packets", muted, number(packets))
	}
	kittest.Press(t, b, "Sound on")
	kittest.Until(t, "sound", func() bool { return number(packets) > 50 })
	if muted := kittest.Read(t, b, `video.muted`); muted != "false" {
		t.Error("the video is still muted")
	}
	kittest.Read(t, b, `listen(video)`)
	kittest.Until(t, "knocks", func() bool { return number(`knocks.length`) > 3 })
	// The player brings both together bit by bit, as it learns from the kit's reports which sound belongs to which picture.
	kittest.UntilWithin(t, "picture and sound in step", 3*time.Minute, func() bool {
		return kittest.Read(t, b, `knocks.length > 2 && knocks.slice(-3).every(k => Math.abs(k) < 45)`) == "true"
	})
	t.Logf("as knocks were heard, the picture was so many ms further: %s; by the player's own account %s", kittest.Read(t, b, `knocks`),
		kittest.Read(t, b, `Promise.all([inbound("video"), inbound("audio")]).then(([v, a]) => v.estimatedPlayoutTimestamp - a.estimatedPlayoutTimestamp)`))
	t.Logf("of the sound: %s", kittest.Read(t, b, `inbound("audio").then(s => JSON.stringify({received: s.packetsReceived, lost: s.packetsLost, concealed: s.concealedSamples, of: s.totalSamplesReceived, delay: s.jitterBufferDelay / s.jitterBufferEmittedCount}))`))

	op := k.Pair(t)
	wish := func(path string) {
		t.Helper()
		if status, body, err := op.Do("POST", "/api/operator/microphone/"+path, nil); err != nil || status != http.StatusNoContent {
			t.Fatalf("%s: %d %s %v", path, status, body, err)
		}
	}
	wish("mute")
	kittest.See(t, b, "word of it", `document.querySelector("#sound-note").textContent.includes("muted")`)
	camera := func() (c wire.Camera) {
		status, body, err := op.Do("GET", "/api/operator/camera", nil)
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &c) != nil {
			t.Fatalf("%d %s %v", status, body, err)
		}
		return c
	}
	if m := camera().Microphone; !m.Muted || m.State != "ready" || m.Name != "synthetic" {
		t.Errorf("the console says %+v", m)
	}
	before := number(`loudest(), knocks.length`)
	kittest.Until(t, "silence", func() bool {
		n := number(packets)
		kittest.Until(t, "two seconds of packets", func() bool { return number(packets) > n+100 })
		return number(`loudest()`) < .01
	})
	wish("unmute")
	kittest.Until(t, "knocks again", func() bool { return number(`knocks.length`) > before })
	kittest.Press(t, b, "Sound off")
	kittest.Until(t, "no more packets", func() bool {
		n := number(packets)
		at := number(seen)
		kittest.Until(t, "the picture to go on", func() bool { return number(seen) > at+16 })
		return number(packets) == n
	})
}

// TestMutedOutlastsARestart: who muted is not heard because the power went.
func TestMutedOutlastsARestart(t *testing.T) {
	k := kittest.Start(t)
	op := k.Pair(t)
	state := func(op *kittest.Operator) (m capture.Microphone) {
		var c wire.Camera
		status, body, err := op.Do("GET", "/api/operator/camera", nil)
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &c) != nil {
			t.Fatalf("%d %s %v", status, body, err)
		}
		return c.Microphone
	}
	if status, body, err := op.Do("POST", "/api/operator/microphone/mute", nil); err != nil || status != http.StatusNoContent {
		t.Fatalf("%d %s %v", status, body, err)
	}
	kittest.Until(t, "muting", func() bool { m := state(op); return m.State == "ready" && m.Muted })
	k.Kill()
	again := kittest.StartIn(t, k.Data)
	op = again.Pair(t)
	kittest.Until(t, "a microphone", func() bool { return state(op).State == "ready" })
	if m := state(op); !m.Muted {
		t.Errorf("after a power cut: %+v", m)
	}
}
