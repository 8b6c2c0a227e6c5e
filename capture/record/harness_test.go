package record

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/capture"
	"edgekit.internal/capture/h264/h264test"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("RECORD_UNTIL_KILLED"); dir != "" {
		recordUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}

// began is when the streams of tests begin.
const began = 1000 * time.Second

// studio is a recorder that runs, and what feeds it.
type studio struct {
	*Recorder
	t     testing.TB
	frame int
	keys  int
	asked chan uint8
	stop  func()
}

func open(t testing.TB, cfg Config) *studio {
	t.Helper()
	s := &studio{t: t, asked: make(chan uint8, 1000)}
	cfg.WantKeyframe = func(l uint8) { s.asked <- l }
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "recordings")
	}
	cfg.Log = slog.New(slog.DiscardHandler)
	s.Recorder = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	s.stop = func() { cancel(); <-done }
	t.Cleanup(s.stop)
	return s
}

// with is done in order with what was fed.
func (s *studio) with(do func(context.Context) error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := do(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func (s *studio) start()  { s.t.Helper(); s.with(s.Start) }
func (s *studio) finish() { s.t.Helper(); s.with(s.Stop) }

// settle waits until all that was fed was taken.
func (s *studio) settle() {
	s.t.Helper()
	s.with(func(ctx context.Context) error { return s.order(ctx, func() error { return nil }) })
}

const frame = time.Second / 30

// keys are two key pictures, as such that follow one another differ.
var keys = sync.OnceValue(func() (all [2][]byte) {
	for i := range all {
		all[i] = slices.Clip(h264test.Playable(uint32(3000*i), true, 0).Data)
	}
	return all
})

// unit is the picture of an instant.
func (s *studio) unit(at time.Duration, key bool) capture.AccessUnit {
	au := capture.AccessUnit{Key: key, RTP: capture.Timestamp(at), At: at}
	if key {
		s.keys++
		s.frame = 0
		au.Data = keys()[s.keys%2]
	} else {
		s.frame++
		au.Data = h264test.Playable(0, false, s.frame).Data
	}
	return au
}

// pictures feeds thirty a second of [from, to), each every'th a key picture, with sound if sound is true.
func (s *studio) pictures(from, to time.Duration, every int, sound bool) {
	heard := from
	for i := 0; ; i++ {
		at := from + time.Duration(i)*time.Second/30
		if at >= to {
			return
		}
		for ; sound && heard <= at; heard += capture.SoundLen {
			s.Sound(packetAt(heard))
		}
		s.Picture(s.unit(at, i%every == 0))
	}
}

// packetAt is a packet of sound. Any decoder takes it: it is silence.
func packetAt(at time.Duration) capture.Sound {
	return capture.Sound{RTP: capture.SoundTimestamp(at), At: at, Data: silence}
}

// only is the one recording that there is.
func (s *studio) only() Recording {
	s.t.Helper()
	all, err := s.List()
	if err != nil || len(all) != 1 {
		s.t.Fatalf("%d recordings, %v: %+v", len(all), err, all)
	}
	return all[0]
}

func (s *studio) file(r Recording) string { return s.path(r.Name, filmSuffix) }

// tool is a program that tests need: in CI it must be there.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v: expected Debian's ffmpeg; `make deps` installs it", err)
		}
		t.Skipf("%v: Debian's ffmpeg has it", err)
	}
	return path
}

// probed is what ffprobe says of a file.
type probed struct {
	Streams []struct {
		Codec    string `json:"codec_name"`
		Width    int    `json:"width"`
		Channels int    `json:"channels"`
		Start    string `json:"start_time"`
		Long     string `json:"duration"`
		Packets  string `json:"nb_read_packets"`
	} `json:"streams"`
}

func (p probed) number(s string) float64 { n, _ := strconv.ParseFloat(s, 64); return n }

func probe(t testing.TB, path string) (p probed) {
	t.Helper()
	c := exec.Command(tool(t, "ffprobe"), "-v", "error", "-count_packets", "-show_streams", "-of", "json", path)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("ffprobe %s: %v %s", path, err, said.Bytes())
	}
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// decodes has every picture and packet of a file decoded, without a word of complaint.
func decodes(t testing.TB, path string) {
	t.Helper()
	out, err := exec.Command(tool(t, "ffmpeg"), "-v", "error", "-i", path, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("ffmpeg %s: %v %s", path, err, out)
	}
}
