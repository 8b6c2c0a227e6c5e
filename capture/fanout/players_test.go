package fanout

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"edgekit.internal/capture/h264/h264test"
)

// film publishes a picture that any decoder shows, 30 times a second until the test ends.
func (k *kit) film(t testing.TB) {
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
			k.Publish(h264test.Playable(uint32(3000*(i+1)), key, frame))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
}

// python is Debian's, which has its packages.
const python = "/usr/bin/python3"

// have skips a test without a Python module, and fails it where all must be there.
func have(t *testing.T, statement, packages string) {
	t.Helper()
	if out, err := exec.Command(python, "-c", statement).CombinedOutput(); err != nil {
		t.Logf("%v: %s", err, out)
		lacks(t, "Debian's "+packages)
	}
}

// lacks skips a test, or fails it where all must be there.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("expected %s; `make deps` installs them", what)
	}
	t.Skipf("without %s", what)
}

// plays runs a player in Python until it has decoded pictures, and sees its session end.
func plays(t *testing.T, script string, more ...string) {
	t.Helper()
	playsBy(t, func(ctx context.Context, address string) *exec.Cmd {
		return exec.CommandContext(ctx, python, append([]string{filepath.Join("testdata", script), address, "40"}, more...)...)
	})
}

// playsBy is plays, with any program.
func playsBy(t *testing.T, program func(ctx context.Context, address string) *exec.Cmd) {
	t.Helper()
	k := newKitOverTCP(t, Config{}) // whose answers have more candidates than some players use
	k.film(t)
	web := httptest.NewServer(k.WHEP("/whep", nil))
	t.Cleanup(web.Close)
	ctx, stop := context.WithTimeout(t.Context(), 2*patience)
	defer stop()
	player := program(ctx, web.URL+"/whep")
	var said, complained bytes.Buffer
	player.Stdout, player.Stderr = &said, &complained
	err := player.Run()
	if got := said.String(); err != nil || got != "40 pictures of 160x96\n" {
		t.Fatalf("%q, %v\n%s\n%+v", got, err, complained.String(), k.Stats())
	}
	until(t, "the session is over", func() bool { return k.Stats().Viewers == 0 })
	if st := k.Stats(); st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

func TestAiortcPlays(t *testing.T) {
	have(t, "import aiortc", "python3-aiortc")
	plays(t, "aiortc_player.py")
}

// GStreamer's own WHEP player says no more of H.264 than its name where it is not told to; an application says what it takes.
func TestGStreamerPlays(t *testing.T) {
	have(t, `import gi
for n in ("Gst", "GstSdp", "GstWebRTC"): gi.require_version(n, "1.0")
from gi.repository import Gst
Gst.init(None)
assert all(Gst.ElementFactory.find(e) for e in ("webrtcbin", "nicesrc", "rtph264depay", "h264parse", "avdec_h264"))`,
		"python3-gst-1.0, gir1.2-gst-plugins-bad-1.0, gstreamer1.0-nice, -plugins-good, -plugins-bad and -libav")
	const h264 = "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000"
	for name, caps := range map[string][]string{
		"by the codec's name": {h264},
		"by its parameters":   {h264 + `,packetization-mode=(string)1,profile-level-id=(string)42e01f,rtcp-fb-nack=true,rtcp-fb-nack-pli=true,rtcp-fb-transport-cc=true`},
	} {
		t.Run(name, func(t *testing.T) { plays(t, "gstreamer_player.py", caps...) })
	}
}

// TestLibdatachannelPlays: what OBS's WHEP source is built on (obsproject/obs-studio, plugins/obs-webrtc), as that uses it.
func TestLibdatachannelPlays(t *testing.T) {
	modules, err := filepath.Abs("../../.cache/players/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil {
		lacks(t, "node-datachannel")
	}
	playsBy(t, func(ctx context.Context, address string) *exec.Cmd {
		return exec.CommandContext(ctx, "node", "testdata/libdatachannel_player.mjs", modules, address, "40", "160x96")
	})
}
