package scanner

import (
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"edgekit.internal/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ticket = "edgekit:A-042:01J0000000000000000000ZYXW"

// rig is a scanner, virtual or behind the kernel's own driver.
type rig struct {
	config     Config
	scan       func([]stroke) // and Enter
	plug, pull func()
	tears      bool // the way loses keys where the kit's end is slow: the kernel keeps 64 events
}

// start runs the kit's end until stop.
func (r *rig) start(t *testing.T) (s *Scanner, stop func()) {
	t.Helper()
	s, err := New(r.config)
	if err != nil {
		t.Fatal(err)
	}
	s.timing = timing{scan: 20 * time.Millisecond, retry: 20 * time.Millisecond, most: 20 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// testScanner is a scanner that comes and goes, and is set to one country after another: first to those that are known, then to none, which it
// is taught.
func testScanner(t *testing.T, r *rig) {
	r.config.Log = slog.New(slog.DiscardHandler)
	r.config.Known = func(text string) bool { return text == ticket }
	kept := map[string]string{}
	r.config.Kept, r.config.Keep = func(id string) string { return kept[id] }, func(id, layout string) error { kept[id] = layout; return nil }
	s, stop := r.start(t)
	defer func() { stop() }()
	state := func(want drivers.State) {
		t.Helper()
		for {
			now, next := s.Watch().Get()
			if now.State == want && (want != drivers.Absent || now.Reason != "") {
				return
			}
			select {
			case <-next:
			case <-time.After(time.Minute):
				t.Fatalf("%+v, want %s", now, want)
			}
		}
	}
	// scanned is what comes of strokes, in the end: who scans looks whether it was read, and scans again if keys were lost.
	scanned := func(strokes []stroke) Scan {
		t.Helper()
		for range 20 {
			before := s.Torn()
			r.scan(slices.Clip(strokes))
			for range 6 {
				select {
				case got := <-s.Scans():
					if s.Torn() == before {
						return got
					}
				case <-time.After(10 * time.Second):
				}
				if s.Torn() != before {
					break
				}
			}
			t.Log("keys were lost on the way")
		}
		t.Fatal("it is not read")
		return Scan{}
	}
	types := func(layout, text string) []stroke {
		t.Helper()
		strokes, ok := layoutOf(t, layout).strokesOf(text)
		if !ok {
			t.Fatalf("%s has not all of %q", layout, text)
		}
		return strokes
	}
	reads := func(strokes []stroke, want, layout string) {
		t.Helper()
		if got := scanned(strokes); got.Text != want || got.Layout != layout || got.Lesson != nil {
			t.Fatalf("%+v, want %q by %s", got, want, layout)
		}
	}
	scan := func(layout, text string) { t.Helper(); reads(types(layout, text), text, layout) }
	r.plug()
	state(drivers.Ready)
	scan("us", "4006381333931")
	scan("us", `https://example.org/?a=B_c&d=[1]~`)
	scan("de", ticket) // set to another country: the first code that is known tells
	scan("de", "Grüße, 5 €: {a@b} ^2")
	scan("fr", ticket)
	scan("fr", "N° 7 à 5 €, #1 ^")

	r.pull()
	state(drivers.Absent)
	r.plug()
	state(drivers.Ready)
	scan("fr", "12345")

	stranger := func(text string) []stroke { strokes := types("de", text); odd(strokes); return strokes }
	lesson := func(strokes []stroke, want Lesson) {
		t.Helper()
		got := scanned(strokes)
		if got.Lesson == nil || got.Lesson.Layout != want.Layout || got.Lesson.Lacks != want.Lacks || !strings.Contains(got.Lesson.Reason, want.Reason) || want.Reason == "" && got.Lesson.Reason != "" {
			t.Fatalf("%q: %+v, want %+v", got.Text, got.Lesson, want)
		}
	}
	sheet := stranger(Sheet())
	lesson(sheet, Lesson{Reason: "nobody has asked"})
	s.Teach(time.Hour)
	scan("fr", ticket)
	lesson(sheet[:len(sheet)/2], Lesson{Reason: "not all of it"})
	lesson(slices.Delete(slices.Clone(sheet), 100, 101), Lesson{Reason: "not "})
	if len(kept) > 0 || !s.Learning() {
		t.Fatalf("learned of half a sheet: %q", kept)
	}
	lesson(sheet, Lesson{Layout: Own})
	reads(stranger(ticket), ticket, Own)
	if len(kept) != 1 || s.Learning() {
		t.Errorf("kept %q", kept)
	}
	stop()
	s, stop = r.start(t)
	state(drivers.Ready)
	reads(stranger("https://example.org/?a=B_c&d=[1]~ ^2"), "https://example.org/?a=B_c&d=[1]~ ^2", Own)
	if s.Dropped() != 0 || s.Torn() != 0 && !r.tears {
		t.Errorf("%d dropped, %d torn", s.Dropped(), s.Torn())
	}
}

func TestTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		twin := &Twin{}
		testScanner(t, &rig{
			config: Config{Device: "virtual", Layout: "auto", Twin: twin},
			plug:   twin.Plug, pull: twin.Pull,
			scan: func(strokes []stroke) {
				if err := twin.send(strokes); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// keysOf plays events to a new decoder.
func keysOf(l layout, es []event) (texts []string, d *decoder) {
	d = &decoder{}
	for _, e := range es {
		if done := d.feed(e); len(done) > 0 {
			texts = append(texts, l.text(done))
		}
	}
	return texts, d
}

func layoutOf(t testing.TB, name string) layout {
	t.Helper()
	for _, l := range layouts {
		if l.name == name {
			return l
		}
	}
	t.Fatal(name)
	return layout{}
}

// TestEveryLayoutPrintsItsOwn: each row is whole, and whatever a layout has comes out as it went in.
func TestEveryLayoutPrintsItsOwn(t *testing.T) {
	for i, l := range layouts {
		rows := tables[i]
		if n, m := len([]rune(rows.plain)), len([]rune(rows.shift)); n != len(keys) || m != len(keys) {
			t.Fatalf("%s: %d and %d characters for %d keys", l.name, n, m, len(keys))
		}
		all := []rune(strings.ReplaceAll(rows.plain+rows.shift, "\x00", ""))
		for at, r := range rows.third {
			if all = append(all, r); !strings.ContainsRune(rows.plain, at) {
				t.Errorf("%s: AltGr and %c, which it has not", l.name, at)
			}
		}
		for _, r := range rows.fourth {
			all = append(all, r)
		}
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.StringOfN(rapid.SampledFrom(append(all, ' ')), 1, 40, -1).Draw(t, "text")
			strokes, ok := l.strokesOf(text)
			if !ok {
				t.Fatalf("%s has not all of %q", l.name, text)
			}
			got, _ := keysOf(l, events(append(strokes, stroke{key: keyEnter}), time.Hour))
			if len(got) != 1 || got[0] != text {
				t.Fatalf("%s: %q, want %q", l.name, got, text)
			}
		})
		if _, ok := l.strokesOf(ticket); !ok {
			t.Errorf("%s cannot say what is on our tickets", l.name)
		}
	}
}

func TestKeys(t *testing.T) {
	us, de := layoutOf(t, "us"), layoutOf(t, "de")
	press := func(codes ...int) (es []event) { // negative: let go
		for i, c := range codes {
			at := time.Duration(i) * time.Millisecond
			if c < 0 {
				es = append(es, event{at, evKey, uint16(-c), 0})
			} else {
				es = append(es, event{at, evKey, uint16(c), 1}, event{at, evSyn, 0, 0})
			}
		}
		return es
	}
	late := press(2, 3, 4, keyEnter)
	for i := range late[4:] {
		late[4+i].at += pauseMost + time.Second
	}
	lost := press(2, 3, 4, keyEnter, 5, keyEnter)
	lost[3] = event{0, evSyn, synDropped, 0}
	var long []int
	for range maxText + 1 {
		long = append(long, 2)
	}
	for name, c := range map[string]struct {
		l    layout
		es   []event
		want []string
		torn int
	}{
		"tab ends too, and the number pad":    {us, press(2, keyTab, 79, 98, 80, keyKPEnter), []string{"1", "1/2"}, 0},
		"enter alone":                         {us, press(keyEnter, keyEnter), nil, 0},
		"caps lock is for letters":            {de, press(keyCapsLock, -keyCapsLock, 30, 2, keyLeftShift, 30, -keyLeftShift, keyEnter), []string{"A1a"}, 0},
		"repeated by the kernel":              {us, append(press(2), append([]event{{0, evKey, 2, 2}}, press(keyEnter)...)...), []string{"1"}, 0},
		"a GS1 separator":                     {de, press(2, keyLeftCtrl, 27, -keyLeftCtrl, 3, keyEnter), []string{"1\x1d2"}, 0},
		"by its number, with Alt":             {de, press(keyLeftAlt, 77, 75, -keyLeftAlt, 2, keyEnter), []string{"@1"}, 0},
		"a number whose digits come at once":  {de, press(keyLeftAlt, 82, 72, 81, -82, -72, -81, -keyLeftAlt, keyEnter), []string{"S"}, 0},
		"AltGr as Ctrl and Alt":               {de, press(keyLeftCtrl, keyLeftAlt, 16, -keyLeftAlt, -keyLeftCtrl, 16, keyEnter), []string{"@q"}, 0},
		"a key with Alt":                      {us, press(keyLeftAlt, 16, -keyLeftAlt, 17, keyEnter), []string{"w"}, 0},
		"a dead key and a space":              {de, press(41, keySpace, 30, keyEnter), []string{"^a"}, 0},
		"a key that prints nothing":           {us, press(59, 2, keyEnter), []string{"1"}, 0},
		"keys a second apart":                 {us, late, []string{"3"}, 1},
		"events were lost":                    {us, lost, []string{"4"}, 1},
		"too long":                            {us, press(append(long, keyEnter, 3, keyEnter)...), []string{"2"}, 1},
		"shift let go while events were lost": {us, append(press(keyLeftShift), append([]event{{0, evSyn, synDropped, 0}}, press(keyEnter, 2, keyEnter)...)...), []string{"1"}, 1},
	} {
		got, d := keysOf(c.l, c.es)
		if diff := cmp.Diff(c.want, got); diff != "" || d.torn != c.torn {
			t.Errorf("%s: %d torn\n%s", name, d.torn, diff)
		}
	}
}

func TestLines(t *testing.T) {
	l := &lines{}
	var got []string
	for _, b := range []string{"4006381333931\r\n", "\r\n\r", "half", " a code\n", "Gr\xfc\xdfe\r", "Grüße\r", "\x02framed\x03\r", strings.Repeat("x", 4*maxText+1) + "\r", "after\r"} {
		got = append(got, l.feed([]byte(b))...)
	}
	if d := cmp.Diff([]string{"4006381333931", "half a code", "Grüße", "Grüße", "framed", "after"}, got); d != "" || l.torn != 1 {
		t.Error(d, l.torn)
	}
}

// TestWhoIsAScanner: its name or maker says so, or the settings do; a keyboard is left alone.
func TestWhoIsAScanner(t *testing.T) {
	root := t.TempDir()
	const full = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
	for dir, files := range map[string][4]string{
		"event0": {"Dell KB216 Wired Keyboard", "413c", "2113", full}, "event1": {"Dell KB216 Consumer", "413c", "2113", "3f000300000000 0 0"},
		"event2": {"Voyager 1250g", "0c2e", "0b61", full}, "event3": {"WCM HIDKeyboard", "ffff", "0035", full}, "event4": {"SM SM-2D Barcode", "1eac", "0001", full},
		"event5": {"gpio keys", "0001", "0001", "10000000000000 0"}, "event6": {"broken", "0001", "0001", "x"},
	} {
		for i, name := range []string{"name", "id/vendor", "id/product", "capabilities/key"} {
			p := filepath.Join(root, dir, "device", name)
			if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, []byte(files[i]+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	all, err := keyboards(filepath.Join(root, "event*"))
	if err != nil || len(all) != 4 || all[1] != (keyboard{"/dev/input/event2", "Voyager 1250g", "0c2e:0b61"}) {
		t.Fatalf("%+v, %v", all, err)
	}
	s := &Scanner{config: Config{Log: slog.New(slog.DiscardHandler)}}
	for device, want := range map[string]string{"auto": "0c2e:0b61 1eac:0001", "ffff:0035": "ffff:0035"} {
		var got []string
		for _, k := range all {
			if s.takes(device)(k) {
				got = append(got, k.id)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", device, got)
		}
	}
}

func TestWhatIsNoScanner(t *testing.T) {
	for device, want := range map[string]string{"": "expected auto", "keyboard": "expected auto", "serial:": "expected auto", "serial:@9600": "expected serial:PATH", "serial:/dev/ttyACM0@7": "expected a speed", "0C2E:0b61": "expected auto"} {
		if _, err := New(Config{Device: device, Layout: "us"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", device, err)
		}
	}
	if _, err := New(Config{Device: "none", Layout: "dvorak"}); err == nil || !strings.Contains(err.Error(), "us de fr es it gb ch") {
		t.Error(err)
	}
}

// TestWhoDoesNotListenLosesTheOldest codes.
func TestWhoDoesNotListenLosesTheOldest(t *testing.T) {
	s, err := New(Config{Device: "none", Layout: "us"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range queue + 2 {
		s.tell(Scan{Text: strings.Repeat("x", i+1)})
	}
	if first := <-s.Scans(); first.Text != "xxx" || s.Dropped() != 2 {
		t.Errorf("%+v, %d dropped", first, s.Dropped())
	}
}

// FuzzEvents: whatever a device sends, codes are bounded and print, also while the sheet is expected.
func FuzzEvents(f *testing.F) {
	strokes, _ := layouts[1].strokesOf(ticket)
	sheet, _ := layouts[1].strokesOf(Sheet())
	odd(sheet)
	f.Add(bytesOf(events(append(sheet, stroke{key: keyEnter}), time.Hour)), uint8(1))
	f.Add(bytesOf(events(append(strokes, stroke{key: keyEnter}), time.Hour)), uint8(1))
	f.Add([]byte{1, 2, 3}, uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		s := &Scanner{layout: layouts[int(n)%len(layouts)], config: Config{Layout: "auto", Log: slog.New(slog.DiscardHandler), Known: func(text string) bool { return len(text) == int(n) },
			Keep: func(_, text string) error {
				if l, err := parseLayout(text); err != nil || l.String() != text {
					t.Errorf("kept %q: %v", text, err)
				}
				return nil
			}}}
		s.Teach(time.Hour)
		s.decode(&decoder{}, parseEvents(b), func(scan Scan) {
			if r := []rune(scan.Text); len(r) == 0 && scan.Lesson == nil || len(r) > maxText || strings.ContainsAny(scan.Text, "\n\r\x00\x1b") {
				t.Errorf("%+v", scan)
			}
		})
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("4006381333931\r\nGr\xfc\xdfe\r"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, text := range (&lines{}).feed(b) {
			if r := []rune(text); len(r) > maxText || strings.ContainsAny(text, "\n\r\x00\x1b") {
				t.Errorf("%q", text)
			}
		}
	})
}

// bytesOf writes events as the kernel does, on 64 bits.
func bytesOf(es []event) (b []byte) {
	for _, e := range es {
		b = binary.NativeEndian.AppendUint64(b, uint64(e.at/time.Second))
		b = binary.NativeEndian.AppendUint64(b, uint64(e.at%time.Second/time.Microsecond))
		b = binary.NativeEndian.AppendUint16(b, e.kind)
		b = binary.NativeEndian.AppendUint16(b, e.code)
		b = binary.NativeEndian.AppendUint32(b, uint32(e.value))
	}
	return b
}
