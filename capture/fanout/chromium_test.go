package fanout

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const page = `<!doctype html><video id=v muted autoplay playsinline></video><script>
window.frames_ = 0; window.stamps = []; window.said = []; window.trouble = "";
async function play() {
  const pc = window.pc = new RTCPeerConnection();
  pc.addTransceiver("video", {direction: "recvonly"});
  if (location.hash == "#sound") pc.addTransceiver("audio", {direction: "recvonly"});
  else {
    const dc = window.dc = pc.createDataChannel("signals", {protocol: "edgekit.signals.v1"});
    dc.onmessage = e => window.said.push(e.data);
    dc.onopen = () => dc.send("tap");
  }
  pc.ontrack = e => {
    if (e.receiver.jitterBufferTarget !== undefined) e.receiver.jitterBufferTarget = 0;
    v.srcObject = e.streams[0] || new MediaStream([e.track]);
  };
  const seen = (now, m) => { window.frames_++; window.stamps.push(m.rtpTimestamp); window.size = m.width + "x" + m.height; v.requestVideoFrameCallback(seen); };
  v.requestVideoFrameCallback(seen);
  await pc.setLocalDescription(await pc.createOffer());
  const r = await fetch("/whep", {method: "POST", headers: {"Content-Type": "application/sdp"}, body: pc.localDescription.sdp});
  if (r.status != 201) { window.trouble = r.status + " " + await r.text(); return; }
  window.at = r.headers.get("Location"); window.tag = r.headers.get("ETag");
  window.answer = await r.text();
  await pc.setRemoteDescription({type: "answer", sdp: window.answer});
}
// restart is an ICE restart as a page does it: a fragment out, the kit's new credentials into the old answer.
async function restart() {
  await pc.setLocalDescription(await pc.createOffer({iceRestart: true}));
  const pick = (s, k) => s.match(new RegExp("a=ice-" + k + ":(\\S+)"))[1];
  const mine = pc.localDescription.sdp;
  const r = await fetch(at, {method: "PATCH", headers: {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": window.tag},
    body: "a=ice-ufrag:" + pick(mine, "ufrag") + "\r\na=ice-pwd:" + pick(mine, "pwd") + "\r\n"});
  const text = await r.text();
  if (r.status != 200 || r.headers.get("ETag") == window.tag) { window.trouble = r.status + " " + text; return "refused"; }
  const sdp = answer.replace(/a=ice-ufrag:\S+/g, "a=ice-ufrag:" + pick(text, "ufrag")).replace(/a=ice-pwd:\S+/g, "a=ice-pwd:" + pick(text, "pwd"));
  await pc.setRemoteDescription({type: "answer", sdp});
  return pick(text, "ufrag");
}
play().catch(e => window.trouble = String(e));
</script>`

// A real browser plays the picture, says and hears something, survives an ICE restart, and plays sound beside the picture when it asks for it.
func TestChromiumPlays(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: expected Debian's chromium; install the package", err)
	}
	k := newKitOverTCP(t, Config{}) // which it has no need of
	k.film(t)
	k.speak(t)
	taps := make(chan string, 4)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page)
	})
	handler := k.WHEP("/whep", func(http.ResponseWriter, *http.Request) (Options, bool) {
		return Options{OnMessage: func(_ *Viewer, b []byte) { taps <- string(b) }}, true
	})
	mux.Handle("/whep", handler)
	mux.Handle("/whep/", handler)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)

	tmp, err := os.MkdirTemp("", "chromium") // the test's own folder's name may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	opts := append([]chromedp.ExecAllocatorOption{}, chromedp.NoFirstRun, chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU,
		chromedp.ExecPath(path), chromedp.UserDataDir(tmp), chromedp.Env("TMPDIR="+tmp), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	var browser context.Context
	for left := 2; browser == nil; left-- { // a Chromium may fall over before it has shown anything
		all, stopAll := chromedp.NewExecAllocator(context.Background(), opts...)
		ctx, stop := chromedp.NewContext(all)
		t.Cleanup(func() { stop(); stopAll() })
		switch _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void]("0")); {
		case err == nil:
			browser = ctx
		case left == 0:
			t.Fatalf("chromium does not start: %v", err)
		default:
			t.Logf("chromium fell over at its start, another is tried: %v", err)
		}
	}
	read := func(expr string) string {
		t.Helper()
		s, err := chromedp.Run(browser, chromedp.Evaluate[string](`String(`+expr+`)`))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	whenTrue := func(what, expr string) {
		t.Helper()
		if _, err := chromedp.Run(browser, chromedp.Poll[chromedp.Void](expr, chromedp.WithPollingTimeout(patience))); err != nil {
			t.Fatalf("%s: %v: trouble %q, state %s, answer\n%s", what, err, read("window.trouble"), read("pc.connectionState+' '+pc.iceConnectionState"), read("window.answer"))
		}
	}
	if _, err := chromedp.Run(browser, chromedp.Navigate(web.URL+"/")); err != nil {
		t.Fatal(err)
	}
	whenTrue("frames are decoded", `window.frames_ > 20`)
	if got := read("window.size"); got != "160x96" {
		t.Errorf("the picture is %s", got)
	}
	if got := read("window.stamps.every(s => s % 3000 == 0)"); got != "true" {
		t.Errorf("timestamps are not those of the pictures: %s", read("window.stamps"))
	}
	if got := wait(t, taps, "a tap"); got != "tap" {
		t.Errorf("heard %q", got)
	}
	v := k.Viewer(strings.TrimPrefix(read("window.at"), "/whep/"))
	if v == nil {
		t.Fatal("the Location names no viewer")
	}
	v.Send([]byte(`{"outcome":"confirmed"}`))
	whenTrue("the outcome is heard", `window.said.includes('{"outcome":"confirmed"}')`)

	old := v.ufrag()
	if _, err := chromedp.Run(browser, chromedp.Evaluate[chromedp.Void](`restart().then(u => window.renewed = u); 0`)); err != nil {
		t.Fatal(err)
	}
	whenTrue("the restart is answered", `window.renewed`)
	until(t, "the new credentials are in use", func() bool { return v.ufrag() == read("window.renewed") && v.ufrag() != old })
	whenTrue("the picture goes on", `window.upTo = window.upTo || window.frames_ + 20, window.frames_ > window.upTo`)
	if n := k.Stats(); n.Viewers != 1 || n.Left != 0 || n.OverTCP != 0 {
		t.Errorf("%+v", n)
	}
	t.Logf("%+v, and %d TCP connections", v.Stats(), v.connections())

	if _, err := chromedp.Run(browser, chromedp.Navigate(web.URL+"/?2#sound")); err != nil {
		t.Fatal(err)
	}
	whenTrue("a player that asks for sound sees the picture", `window.frames_ > 20`)
	whenTrue("and hears sound", `pc.getStats().then(all => [...all.values()].some(s => s.type == "inbound-rtp" && s.kind == "audio" && s.packetsReceived > 50 && s.packetsLost == 0 && s.totalSamplesReceived > 24000))`)
}
