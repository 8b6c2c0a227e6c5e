package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/capture/record"
	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// decoded has all of a film decoded, and is what ffprobe says that is in it: codecs, with each one's length.
func decoded(t *testing.T, path string) map[string]float64 {
	t.Helper()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%v: expected Debian's ffmpeg; `make deps` installs it", err)
			}
			t.Skip(err)
		}
	}
	if out, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v %s", path, err, out)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,duration", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(out)) {
		codec, long, _ := strings.Cut(strings.TrimSpace(line), ",")
		found[codec], _ = strconv.ParseFloat(long, 64)
	}
	return found
}

// filmed records seconds of the camera program's own pictures, with sound that is silence, and returns the recording.
func filmed(t *testing.T, seconds float64) (path string) {
	t.Helper()
	dir := t.TempDir()
	var cam *camlink.Cam
	recorder := record.New(record.Config{Dir: dir, Log: slog.New(slog.DiscardHandler), WantKeyframe: func(l uint8) { cam.WantKeyframe(l) }})
	cam = camlink.New(camlink.Config{Path: filepath.Join(kittest.Programs(t), "edgecam"), Log: slog.New(slog.DiscardHandler),
		Args:    []string{"-camera", "synthetic", "-width", "640", "-height", "360", "-fps", "30", "-layers", "640x360@30:600"},
		OnHello: recorder.SetLayers, OnAccessUnit: recorder.Picture})
	ctx, stop := context.WithCancel(context.Background())
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return recorder.Run(ctx) })
	all.Go(func() error { return cam.Run(ctx) })
	all.Go(func() error { // a microphone in a silent room
		tick := time.NewTicker(capture.SoundLen)
		defer tick.Stop()
		for at := capture.Monotonic(); ; {
			for ; at < capture.Monotonic(); at += capture.SoundLen {
				recorder.Sound(capture.Sound{RTP: capture.SoundTimestamp(at), At: at, Data: []byte{0xf8, 0xff, 0xfe}})
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
	defer func() {
		stop()
		if err := all.Wait(); err != nil {
			t.Error(err)
		}
	}()
	if err := recorder.Start(ctx); err != nil {
		t.Fatal(err)
	}
	kittest.Until(t, "a recording", func() bool { return recorder.Status().Long.Seconds() >= seconds })
	if err := recorder.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	made, err := recorder.List()
	if err != nil || len(made) != 1 || made[0].Broken != "" {
		t.Fatalf("%+v, %v, %+v", made, err, recorder.Stats())
	}
	t.Logf("%+v, %+v", made[0], recorder.Stats())
	return filepath.Join(dir, made[0].Name+".mp4")
}

// TestARecordingPlays in a browser: from its beginning, at the place that is sought, and to its end, with what the camera saw then.
func TestARecordingPlays(t *testing.T) {
	path := filmed(t, 12)
	found := decoded(t, path)
	if long := found["h264"]; len(found) != 2 || long < 12 || math.Abs(found["opus"]-long) > 1.1 {
		t.Fatalf("%v", found)
	}
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			fmt.Fprint(rw, `<!doctype html><video id=v muted preload=auto src="/film.mp4"></video>`)
			return
		}
		rw.Header().Set("Content-Type", "video/mp4")
		http.ServeFile(rw, r, path)
	}))
	defer web.Close()
	browser := kittest.Browser(t, stripScript)
	kittest.Open(t, browser, web.URL+"/")
	kittest.See(t, browser, "the length", `v.readyState >= 2 || v.error`)
	number := func(expr string) float64 {
		t.Helper()
		text := kittest.Read(t, browser, expr)
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%s: %s: %s", expr, text, kittest.Read(t, browser, `v.error && v.error.message`))
		}
		return n
	}
	if long := number(`v.duration`); math.Abs(long-found["h264"]) > 0.1 {
		t.Errorf("the browser takes it for %v s long, of %v", long, found)
	}
	at := func(second float64) float64 {
		t.Helper()
		return number(fmt.Sprintf(`new Promise(done => { v.onseeked = () => v.requestVideoFrameCallback ? setTimeout(() => done(clock(v)), 200) : done(clock(v)); v.currentTime = %v; })`, second))
	}
	first := at(0)
	for _, second := range []float64{9, 4.5, 11, 1} {
		if shown := (at(second) - first) / 1000; math.Abs(shown-second) > 0.1 {
			t.Errorf("at %v s it shows what was at %v s", second, shown)
		}
	}
	kittest.Read(t, browser, `(v.currentTime = 0, v.playbackRate = 4, v.play())`)
	kittest.See(t, browser, "the end", `v.ended || v.error`)
	if number(`v.webkitAudioDecodedByteCount`) == 0 || number(`v.error ? 1 : 0`) != 0 || number(`v.currentTime`) < found["h264"]-0.1 {
		t.Errorf("it ends at %s, %s bytes of sound decoded, %s", kittest.Read(t, browser, `v.currentTime`), kittest.Read(t, browser, `v.webkitAudioDecodedByteCount`), kittest.Read(t, browser, `v.error && v.error.message`))
	}
}

// recordings asks the kit.
func recordings(t *testing.T, op *kittest.Operator) (all wire.Recordings) {
	t.Helper()
	status, b, err := op.Get("/api/operator/recordings")
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, b, err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// wish is done, or the test fails.
func wish(t *testing.T, op *kittest.Operator, method, path string, body any) {
	t.Helper()
	if status, b, err := op.Do(method, path, body); err != nil || status != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, status, b, err)
	}
}

// small is a kit with a picture that costs little.
var small = []string{"-printer", "none", "-picture", "640x360@30", "-layers", "640x360@30:600"}

// TestTheOperatorRecords in the console: visitors are told, what was agreed to is marked, and the recording can be played there, taken
// away and deleted.
func TestTheOperatorRecords(t *testing.T) {
	k := kittest.Start(t, small...)
	visitor, browser := kittest.Browser(t), kittest.Browser(t, watchful)
	kittest.Open(t, visitor, k.Viewer+"/")
	kittest.See(t, visitor, "the offers, and no word of a recording", `document.body.innerText.includes("Mug") && !document.querySelector("#recording").checkVisibility()`)
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	press(t, browser, "Start recording")
	kittest.See(t, browser, "it records", under("Recording")+`.includes("is being recorded")`)
	kittest.See(t, visitor, "the visitor knows", `document.querySelector("#stage").innerText.includes("Recording")`)
	kittest.Read(t, browser, `document.querySelector("#recordings-open summary").click()`)
	kittest.See(t, browser, "how long it is", under("Recording")+`.match(/Recording now, 0:0[2-9]/)`)
	kittest.Read(t, browser, `document.querySelector("#recording-note").value = "Ana"`)
	press(t, browser, "Everybody agreed")
	kittest.See(t, browser, "what was said", under("Recording")+`.includes("Everybody agreed: Ana.")`)
	kittest.See(t, browser, "how much of it", under("Recording")+`.match(/0:0[1-9] of it released/)`)
	press(t, browser, "Stop recording")
	kittest.See(t, browser, "that it is over", under("Recording")+`.includes("Nothing is being recorded")`)
	kittest.See(t, visitor, "the visitor is told of it no more", `!document.querySelector("#recording").checkVisibility()`)
	name := kittest.Read(t, browser, `document.querySelector("#recordings b").textContent`)
	press(t, browser, "Play "+name)
	kittest.See(t, browser, "the picture", `(v => v.videoWidth === 640 && v.currentTime > 1)(document.querySelector("#recordings-player"))`)
	length := kittest.Read(t, browser, `document.querySelector("#recordings-player").duration`)
	if n, err := strconv.ParseFloat(length, 64); err != nil || n < 2 || n > 60 {
		t.Errorf("%s long", length)
	}
	film := kittest.Read(t, browser, `fetch(document.querySelector("[aria-label='Download `+name+`']").href).then(r => r.arrayBuffer()).then(b => [...new Uint8Array(b)].slice(4, 8).map(c => String.fromCharCode(c)).join(""))`)
	if film != "ftyp" {
		t.Errorf("downloaded %q", film)
	}
	found := decoded(t, filepath.Join(k.Data, "recordings", name+".mp4"))
	if found["h264"] < 2 {
		t.Errorf("%v", found)
	}
	marks := kittest.Read(t, browser, `fetch("/api/operator/recordings/`+name+`/marks").then(r => r.json()).then(m => m.marks.map(k => `+"`${k.released}${k.note || \"\"}`"+`).join())`)
	if marks != "false,trueAna" {
		t.Errorf("marks %q", marks)
	}
	press(t, browser, "Delete "+name)
	press(t, browser, "Sure? Delete "+name)
	kittest.See(t, browser, "that it is gone", under("Recording")+`.includes("Nothing was recorded yet")`)
	if left, err := filepath.Glob(filepath.Join(k.Data, "recordings", "*")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if wrong := kittest.Read(t, browser, `window.wrongs.join()`); wrong != "" {
		t.Error(wrong)
	}
}

// TestAKilledKitKeepsItsRecording up to the last fragment, and records on after it; a camera program that is killed meanwhile is a gap in it.
func TestAKilledKitKeepsItsRecording(t *testing.T) {
	// Sound that came a moment later would begin another file.
	k := kittest.Start(t, append(small, "-record", "on", "-microphone", "none")...)
	op := k.Pair(t)
	live := func(more int64) func() bool {
		return func() bool {
			all := recordings(t, op)
			return len(all.Files) > 0 && all.Files[0].Live && all.Files[0].LongMS >= more
		}
	}
	kittest.Until(t, "a recording", live(3000))
	if err := unix.Kill(kittest.Child(t, k.PID(), "edgecam"), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	kittest.Until(t, "the same recording goes on", live(7000))
	was := recordings(t, op)
	if len(was.Files) != 1 {
		t.Errorf("%+v", was)
	}
	k.Kill()
	k = kittest.StartIn(t, k.Data, append(small, "-record", "on", "-microphone", "none")...)
	op = k.Pair(t)
	kittest.Until(t, "the next recording", live(1))
	all := recordings(t, op)
	if len(all.Files) != 2 || all.Files[1].Broken != "" || all.Files[1].LongMS < was.Files[0].LongMS-2500 || all.Files[1].ReleasedMS != 0 {
		t.Fatalf("%+v, was %+v", all, was)
	}
	if found := decoded(t, filepath.Join(k.Data, "recordings", all.Files[1].Name+".mp4")); found["h264"] < 4 {
		t.Errorf("%v", found)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if found := decoded(t, filepath.Join(k.Data, "recordings", all.Files[0].Name+".mp4")); found["h264"] <= 0 {
		t.Errorf("stopped in order: %v", found)
	}
}
