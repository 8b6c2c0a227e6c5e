package alsa

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cardThat refines as a card with these abilities does.
func cardThat(formats []format, channels [2]int, rates ...int) func(*hwParams) error {
	return func(p *hwParams) error {
		narrow := func(which, least, most int) bool {
			i := &p.intervals[which]
			i.min, i.max = max(i.min, uint32(least)), min(i.max, uint32(most))
			return i.min <= i.max
		}
		known, rated := false, false
		for _, f := range formats {
			known = known || p.masks[maskFormat].bits[f/32]&(1<<(f%32)) != 0
		}
		for _, r := range rates {
			rated = rated || int(p.intervals[rateHz].min) <= r && r <= int(p.intervals[rateHz].max)
		}
		if !known || !rated || p.masks[maskAccess].bits[0]&(1<<accessInterleaved) == 0 || !narrow(channelCount, channels[0], channels[1]) ||
			!narrow(periodFrames, 48, 1024) || !narrow(bufferFrames, 96, 1<<15) {
			return unix.EINVAL
		}
		return nil
	}
}

func TestTheModeThatLosesLeastIsChosen(t *testing.T) {
	for _, c := range []struct {
		formats  []format
		channels [2]int
		rates    []int
		want     string
	}{
		{[]format{s16}, [2]int{1, 1}, []int{48000, 44100}, "48000 Hz 16-bit mono"},
		{[]format{s16, s32}, [2]int{2, 2}, []int{16000, 44100}, "44100 Hz 16-bit stereo"},
		{[]format{s243}, [2]int{2, 2}, []int{48000, 96000}, "48000 Hz 24-bit stereo"},
		{[]format{s32}, [2]int{6, 8}, []int{16000}, "16000 Hz 32-bit 6 channels"},
		{[]format{s16}, [2]int{1, 2}, []int{8000, 16000}, "16000 Hz 16-bit mono"},
	} {
		refine := cardThat(c.formats, c.channels, c.rates...)
		p, m, err := choose(refine)
		if err != nil || m.String() != c.want {
			t.Errorf("%v, %v, expected %s", m, err, c.want)
			continue
		}
		if err := refine(&p); err != nil {
			t.Errorf("%s: what is asked for cannot be had: %v", c.want, err)
		}
	}
	if _, _, err := choose(cardThat([]format{30}, [2]int{1, 1}, 48000)); !errors.Is(err, errNoMode) {
		t.Errorf("a card of another kind: %v", err)
	}
}

// TestABufferThatACardHasNotIsNotAskedFor: only large periods, or only a small buffer.
func TestABufferThatACardHasNotIsNotAskedFor(t *testing.T) {
	base := cardThat([]format{s16}, [2]int{1, 1}, 48000)
	for name, least := range map[string][2]uint32{"large periods": {4096, 8192}, "a small buffer": {48, 512}} {
		refine := func(p *hwParams) error {
			if err := base(p); name == "a small buffer" && err != nil {
				return err
			}
			period, buffer := &p.intervals[periodFrames], &p.intervals[bufferFrames]
			if name == "large periods" && period.max < least[0] || name == "a small buffer" && buffer.min > least[1] {
				return unix.EINVAL
			}
			return nil
		}
		p, m, err := choose(refine)
		if err != nil || refine(&p) != nil {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestSamplesOfEveryFormatAreTheSameSound(t *testing.T) {
	for _, c := range []struct {
		mode mode
		raw  []byte
		want []float32
	}{
		{mode{format: s16, channels: 1}, []byte{0, 0x40, 0, 0x80}, []float32{.5, -1}},
		{mode{format: s16, channels: 2}, []byte{0, 0x40, 0, 0, 0, 0x80, 0, 0x40}, []float32{.25, -.25}},
		{mode{format: s243, channels: 1}, []byte{0, 0, 0x40, 0, 0, 0x80}, []float32{.5, -1}},
		{mode{format: s32, channels: 3}, []byte{0, 0, 0, 0x40, 9, 9, 9, 9, 9, 9, 9, 9}, []float32{.5}},
		{mode{format: s16, channels: 2}, []byte{0, 0x40, 0}, nil}, // half a frame
	} {
		got := c.mode.read(nil, c.raw)
		if len(got) != len(c.want) {
			t.Errorf("%v: %v, expected %v", c.mode, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%v: %v, expected %v", c.mode, got, c.want)
			}
		}
	}
}

func TestATimeThatCannotBeIsNotBelieved(t *testing.T) {
	d := &Device{mode: mode{rate: 48000, buffer: 9600}}
	const now = 100 * time.Second
	for name, c := range map[string]struct {
		s    status
		want time.Duration
	}{
		"as it was told":           {status{tstamp: timespec{99, 990e6}, avail: 480, delay: 480}, 99980 * time.Millisecond},
		"with some still on a bus": {status{tstamp: timespec{99, 990e6}, avail: 480, delay: 720}, 99975 * time.Millisecond},
		"no time":                  {status{avail: 480, delay: 480}, 99990 * time.Millisecond},
		"in the future":            {status{tstamp: timespec{200, 0}, avail: 480}, 99990 * time.Millisecond},
		"no number":                {status{tstamp: timespec{99, 2e9}, avail: 480}, 99990 * time.Millisecond},
		"a delay of a year":        {status{tstamp: timespec{100, 0}, avail: 480, delay: 1 << 60}, 99600 * time.Millisecond},
	} {
		if got := d.taken(c.s, now); got != c.want {
			t.Errorf("%s: %v, expected %v", name, got, c.want)
		}
	}
}

func TestTheLikeliestMicrophoneComesFirst(t *testing.T) {
	for i, info := range []Info{{Driver: "USB-Audio"}, {Driver: "USB-Audio", Camera: true}, {Driver: "simple-card"}, {Driver: "Loopback"}} {
		if got := rank(info); got != i {
			t.Errorf("%+v: rank %d, expected %d", info, got, i)
		}
	}
}

// TestAMicrophoneInACameraIsKnownByTheInterfacesBesideIt: as /sys has them.
func TestAMicrophoneInACameraIsKnownByTheInterfacesBesideIt(t *testing.T) {
	dir := t.TempDir()
	for path, class := range map[string]string{"1-1/1-1:1.0": "0e\n", "1-1/1-1:1.2": "01\n", "1-2/1-2:1.0": "01\n"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path, "bInterfaceClass"), []byte(class), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{"1-1/1-1:1.2": true, "1-2/1-2:1.0": false, "1-3": false} {
		if got := ofCamera(filepath.Join(dir, path)); got != want {
			t.Errorf("%s: of a camera %v", path, got)
		}
	}
}

func TestNamesOfMicrophonesAreALSAs(t *testing.T) {
	for name, want := range map[string]string{"hw:0": "/dev/snd/pcmC0D0c", "hw:1,0": "/dev/snd/pcmC1D0c", "hw:31,2": "/dev/snd/pcmC31D2c"} {
		if got, err := Path(name); got != want || err != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "hw:", "hw:1,", "hw:a", "hw:1,0x", "hw:-1", "hw:32", "1,0", "hw:1,0,0", "hw:01", "hw:1, 0"} {
		if got, err := Path(name); err == nil || !strings.Contains(err.Error(), "expected hw:CARD,DEVICE") {
			t.Errorf("%q is %s, %v", name, got, err)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"hw:1,0", "pcmC0D0c", "USB Mic\x00\x00", "\xff\xfe", "a\x1b[2Jb"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range text(b) {
			if !unicode.IsPrint(r) && !unicode.IsSpace(r) && r < 0xa0 || r == '\n' {
				t.Errorf("%q in %q", r, b)
			}
		}
		if !utf8.ValidString(text(b)) {
			t.Errorf("%q", text(b))
		}
		if path, err := Path(string(b)); err == nil {
			if _, _, err := numbers(path); err != nil {
				t.Errorf("%q is %s: %v", b, path, err)
			}
		}
	})
}
