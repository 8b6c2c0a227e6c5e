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
	"time"

	"github.com/chromedp/chromedp"

	"edgekit.internal/capture"
)

// bitWriter writes the syntax elements of ISO/IEC 14496-10 section 7.2.
type bitWriter struct {
	b    []byte
	free int // bits left in the last byte
}

func (w *bitWriter) u(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		if w.free == 0 {
			w.b, w.free = append(w.b, 0), 8
		}
		w.free--
		w.b[len(w.b)-1] |= byte(v>>i&1) << w.free
	}
}

// ue is Exp-Golomb (section 9.1).
func (w *bitWriter) ue(v uint32) {
	n := 0
	for x := v + 1; x > 1; x >>= 1 {
		n++
	}
	w.u(n, 0)
	w.u(n+1, v+1)
}

// nal ends a unit and puts it behind a start code, with emulation prevention (section 7.4.1).
func (w *bitWriter) nal(head byte) []byte {
	w.u(1, 1)
	out, zeros := []byte{0, 0, 0, 1, head}, 0
	for _, b := range w.b {
		if zeros >= 2 && b <= 3 {
			out, zeros = append(out, 3), 0
		}
		if out = append(out, b); b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// playable makes a picture that any H.264 decoder shows: a key picture of one colour in raw macroblocks, or one that
// repeats the last. It is 160 by 96.
func playable(ts uint32, key bool, frame int) capture.AccessUnit {
	const wide, high = 10, 6
	if !key {
		var p bitWriter
		p.ue(0)                  // first_mb_in_slice
		p.ue(5)                  // P
		p.ue(0)                  // pic_parameter_set_id
		p.u(4, uint32(frame)%16) // frame_num
		p.u(1, 0)                // num_ref_idx_active_override_flag
		p.u(1, 0)                // ref_pic_list_modification_flag_l0
		p.u(1, 0)                // adaptive_ref_pic_marking_mode_flag
		p.ue(0)                  // slice_qp_delta
		p.ue(1)                  // disable_deblocking_filter_idc
		p.ue(wide * high)        // mb_skip_run
		return capture.AccessUnit{RTP: ts, Data: p.nal(0x41)}
	}
	var s, p, i bitWriter
	s.u(24, 0x42C01F) // constrained baseline, level 3.1
	s.ue(0)           // seq_parameter_set_id
	s.ue(0)           // log2_max_frame_num_minus4
	s.ue(2)           // pic_order_cnt_type
	s.ue(1)           // max_num_ref_frames
	s.u(1, 0)
	s.ue(wide - 1)
	s.ue(high - 1)
	s.u(4, 0b1100) // frame_mbs_only, direct_8x8, no cropping, no VUI
	p.ue(0)
	p.ue(0)
	p.u(2, 0)
	p.ue(0)
	p.ue(0)
	p.ue(0)
	p.u(3, 0)
	p.ue(0)
	p.ue(0)
	p.ue(0)
	p.u(3, 0b100) // deblocking_filter_control_present
	i.ue(0)
	i.ue(7)   // I
	i.ue(0)   // pic_parameter_set_id
	i.u(4, 0) // frame_num
	i.ue(uint32(ts/3000) % 2)
	i.u(2, 0)
	i.ue(0)
	i.ue(1)
	for range wide * high {
		i.ue(25) // I_PCM
		i.u(i.free, 0)
		for k := range 384 {
			v := uint32(200) // Y
			if k >= 256 {
				v = 90
			}
			i.u(8, v)
		}
	}
	return capture.AccessUnit{RTP: ts, Key: true, Data: append(append(s.nal(0x67), p.nal(0x68)...), i.nal(0x65)...)}
}

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

// A real browser plays the picture, says and hears something, survives an ICE restart, and plays on when it asks for
// sound that is not there.
func TestChromiumPlays(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: expected Debian's chromium; install the package", err)
	}
	k := newKit(t, Config{})
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / 30)
		defer tick.Stop()
		for i, frame := 0, 0; ; i++ {
			key := k.wants[0].Swap(false) || i == 0
			if frame++; key {
				frame = 0
			}
			k.Publish(playable(uint32(3000*(i+1)), key, frame))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
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
	if n := k.Stats(); n.Viewers != 1 || n.Left != 0 {
		t.Errorf("%+v", n)
	}
	t.Logf("%+v", v.Stats())

	if _, err := chromedp.Run(browser, chromedp.Navigate(web.URL+"/?2#sound")); err != nil {
		t.Fatal(err)
	}
	whenTrue("a player that asks for sound sees the picture", `window.frames_ > 20`)
}
