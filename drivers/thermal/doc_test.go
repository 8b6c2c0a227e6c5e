package thermal

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTextCannotCommand: what looks like commands comes out as text, and what is invisible not at all.
func TestTextCannotCommand(t *testing.T) {
	for in, want := range map[string]string{
		"mug\x1b@\x1dV\x00 red":  "mug@V red",
		"a\x10\x14\x08\x01b":     "ab",
		"one\ntwo\r\tthree":      "one two three",
		"\u202egum\u2066!":       "gum!",
		"it’s “5–6” …":           `it's "5-6" ...`,
		"bad \xff utf-8":         "bad ? utf-8",
		"tea\u0085\u009bleaves":  "tea leaves",
		"kr\u00a05\u2009000":     "kr 5 000",
		"☕ cup":                  "? cup",
		"":                       "",
		strings.Repeat("x ", 30): strings.TrimSpace(strings.Repeat("x ", 24)),
	} {
		d := NewDoc(Paper80, nil)
		d.Line(in, Style{})
		_, report, err := Render(d.Bytes(), Paper80)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		got := ""
		if len(report.Lines) > 0 {
			got = report.Lines[0]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func TestDrawnTextWrapsAndAmountsStayWhole(t *testing.T) {
	d := NewDoc(Paper58, boxes)
	d.Pair("1 x كوب مطلي بالمينا للقهوة والشاي والحليب الساخن", "₹ 1250", Style{})
	d.Line(strings.Repeat("ก", 80), Style{Align: Centre}) // no spaces: broken in the word
	d.Pair("price", "₹ 1,000,000,000,000,000,000", Style{Bold: true})
	img, report, err := Render(d.Bytes(), Paper58)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Report{Lines: []string{"price"}, Images: 2 + 3 + 1}); !cmp.Equal(want, report) {
		t.Error(cmp.Diff(want, report))
	}
	amount := boxes("₹ 1250", 22, false, 0)
	for y := range amount.Rect.Dy() {
		for x := range amount.Rect.Dx() {
			at := img.(*image.Paletted).ColorIndexAt(Paper58.Dots-amount.Rect.Dx()+x, amount.Rect.Dy()+y)
			if (at == 1) != (amount.AlphaAt(x, y).A != 0) {
				t.Fatalf("the amount is not at the end of the second line: dot %d,%d", x, y)
			}
		}
	}
}

// TestABeepIsNotOnPaper, in the words of either family.
func TestABeepIsNotOnPaper(t *testing.T) {
	for family, want := range map[string]string{"epson": "\x1b(A\x03\x00a\x01\x01", "common": "\x1bB\x02\x02"} {
		d := NewDoc(Paper80.of(family, ""), nil)
		d.Beep()
		d.Line("mug", Style{})
		_, report, err := Render(d.Bytes(), Paper80)
		if d := cmp.Diff(Report{Lines: []string{"mug"}, Beeps: 1}, report); d != "" || err != nil {
			t.Errorf("%s: %v %s", family, err, d)
		}
		if !strings.Contains(string(d.Bytes()), want) {
			t.Errorf("%s: %q", family, d.Bytes())
		}
	}
}

func TestImagesHoldNoRealTimeCommands(t *testing.T) {
	d := NewDoc(Paper58, func(string, int, bool, int) *image.Alpha {
		img := image.NewAlpha(image.Rect(0, 0, 16, 1))
		img.Pix[3], img.Pix[13] = 0xff, 0xff // 0x10 0x04
		return img
	})
	d.Line("☕", Style{})
	b := d.Bytes()
	if image := b[len(b)-Paper58.Dots/8:]; image[0] != 0x18 || image[1] != 0x04 {
		t.Errorf("% x", image[:2])
	}
}

func TestLongCodeIsText(t *testing.T) {
	d := NewDoc(Paper80, nil)
	d.QR(strings.Repeat("https://kit.example/", 16), 4)
	_, report, err := Render(d.Bytes(), Paper80)
	if err != nil || len(report.Codes) != 0 || len(report.Lines) != 7 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestSlipHasAnEnd(t *testing.T) {
	d := NewDoc(Paper58, boxes)
	for range 2000 {
		d.Line("one more", Style{})
		d.Line("واحد", Style{Times: 2})
		d.Feed(3)
		d.QR("code", 16)
		d.Cut()
	}
	if _, report, err := Render(d.Bytes(), Paper58); err != nil || report.Cuts == 0 {
		t.Errorf("%d cuts, %v", report.Cuts, err)
	}
}

func TestRenderSaysWhatIsWrong(t *testing.T) {
	for in, want := range map[string]string{
		"ok\n\x1bZ":                        `byte 3: unknown command "\x1bZ"`,
		"\x1b":                             `byte 0: unknown command "\x1b"`,
		"ab\x1dv0\x00\x30\x00\x08\x00\x01": "byte 2: GS v 0 is cut off: 9 bytes of it, expected 392",
		"\x1dv0\x00\x49\x00\x00\x00":       "GS v 0: 584 dots wide, expected at most 576",
		"\x1dv0\x01\x01\x00\x01\x00\x00":   "GS v 0: 1, expected 0 to 0",
		"\x1d(k\x03\x00\x31\x43\x11":       "GS ( k: function 67",
		"\x1d(k\x02\x00\x31\x43":           "expected cn 49",
		"\x1ba\x07":                        "ESC a: 7, expected 0 to 2",
		strings.Repeat("\x1bd\xff", 3):     "byte 6: ESC d: the paper is longer than allowed",
		"\x1d(k\x03\x00\x31\x43\x10\x1d(k\x2b\x00\x31P0" + strings.Repeat("x", 40) + "\x1d(k\x03\x00\x31Q0": "",
	} {
		img, _, err := Render([]byte(in), Paper80)
		if img == nil || want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, expected %q", in, err, want)
		}
	}
	if _, _, err := Render(make([]byte, maxData+1), Paper80); err == nil || !strings.Contains(err.Error(), "8388609 bytes") {
		t.Errorf("too much: %v", err)
	}
}

func TestBadSpecsAreRefusedInOneLine(t *testing.T) {
	for _, spec := range []string{"", "parallel:1", "usb", "usb:", "serial:", "serial:@9600", "serial:/dev/ttyS0@fast", "serial:/dev/ttyS0@50", "tcp:", "tcp:9100",
		"tcp:host", "tcp::9100", "tcp:host:0", "tcp:host:65536", "tcp:host:http", "tcp:Auto", "auto:x", "Virtual", "virtual\n"} {
		_, err := New(Config{Spec: spec})
		if want := fmt.Sprintf("thermal: printer %q: expected auto, virtual, none, usb:PATH, serial:PATH, tcp:auto or tcp:HOST:PORT", spec); err == nil || err.Error() != want {
			t.Errorf("%q: %v, expected %s", spec, err, want)
		}
	}
	for _, spec := range []string{"auto", "virtual", "none", "usb:/dev/usb/lp0", "serial:/dev/ttyACM0", "serial:/dev/ttyS0@9600", "tcp:printer.local:9100", "tcp:auto", "tcp:[fe80::1%eth0]:9100"} {
		if _, err := New(Config{Spec: spec}); err != nil {
			t.Errorf("%q: %v", spec, err)
		}
	}
	if _, err := ProfileByName("70"); err == nil || !strings.Contains(err.Error(), "expected 58 or 80") {
		t.Error(err)
	}
}

// TestVirtualPrinterDrawsTheVeryBytes also refuses names that are paths, and jobs that no printer should get.
func TestVirtualPrinterDrawsTheVeryBytes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tickets")
	taps := []string{}
	p, err := New(Config{Spec: "virtual", Dir: dir, Profile: Paper58, FirstByte: func(tap string) { taps = append(taps, tap) }})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p)
	if fate, err := p.Print(t.Context(), Job{Name: "A-042", Tap: "tap", Data: slip(Paper58, latin...)}); err != nil || fate != Printed {
		t.Fatal(fate, err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "A-042.png"))
	if err != nil {
		t.Fatal(err)
	}
	if golden(t, "slip-58", decoded(t, got)); !cmp.Equal(taps, []string{"tap"}) {
		t.Error(taps)
	}
	for _, bad := range []Job{{Name: "../x", Data: []byte("x")}, {Name: "", Data: []byte("x")}, {Name: ".x", Data: []byte("x")}, {Name: "ä", Data: []byte("x")},
		{Name: strings.Repeat("a", 65), Data: []byte("x")}, {Name: "empty"}, {Name: "large", Data: make([]byte, maxData+1)}, {Name: "cut", Data: []byte("\x1d")}} {
		if fate, err := p.Print(t.Context(), bad); fate != Unsent || err == nil {
			t.Errorf("%q: %v, %v", bad.Name, fate, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestPrintEndsWithItsContext(t *testing.T) {
	p, err := New(Config{Spec: "none"})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if fate, err := p.Print(ctx, Job{Name: "A-1", Data: []byte("x")}); fate != Unsent || !errors.Is(err, context.Canceled) {
		t.Error(fate, err)
	}
}

// run drives a printer until the test ends.
func run(t *testing.T, p *Printer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func FuzzRender(f *testing.F) {
	f.Add([]byte("\x1b@\x1bt\x13\x1ba\x01\x1bM\x01\x1bE\x01\x1d!\x11\xd5 5\n\x1b!\x38x\x1b3\x10\x1b2\x1bd\x02\x1bJ\x09\x1bp\x00\x10\x10\x1dVB\x00"))
	f.Add([]byte("\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x03\x001E1\x1d(k\x04\x001P0a\x1d(k\x03\x001Q0"))
	f.Add([]byte("\x1dv0\x00\x01\x00\x02\x00\xff\x10\x10\x04\x01\x1dV\x01\x1bZ"))
	f.Add([]byte("\x1b@\x1c.\x1bt\x12\x9d\x1bt\x00\xe4\x1b(A\x03\x00a\x01\x01\x1bB\x02\x02\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		img, report, _ := Render(data, Paper58)
		if b := img.Bounds(); b.Dx() != Paper58.Dots || b.Dy() < 1 || b.Dy() > maxHeight || len(report.Unknown) > maxNoted {
			t.Errorf("%v, %d unknown", b, len(report.Unknown))
		}
	})
}

// FuzzDoc: whatever is written, the printer finds no command that Doc did not mean.
func FuzzDoc(f *testing.F) {
	f.Add("mug", "€ 5", 6, true)
	f.Add("\x1b@", "\x1dV\x00", -1, false)
	f.Add("قهوة \u200d", strings.Repeat("₹ 5", 60), 99, true)
	f.Fuzz(func(t *testing.T, left, right string, n int, draw bool) {
		var text Text
		if draw {
			text = boxes
		}
		for _, p := range []Profile{Paper58, Paper80, Paper80.of("epson", ""), Paper58.of("simple", ""), Paper80.of("citizen", "")} {
			d := NewDoc(p, text)
			d.Line(left, Style{Align: Align(n % 4), Times: n % 10, Bold: draw})
			d.Pair(left, right, Style{Small: n%3 == 0})
			d.QR(right, n)
			d.Feed(n)
			d.Rule()
			_, report, err := Render(d.Bytes(), p)
			if err != nil || report.Cuts != 0 || report.Drawer != 0 || len(report.Codes) > 1 || p.DrawCodes && len(report.Codes) > 0 {
				t.Errorf("%v, %+v", err, report)
			}
			if k := len(report.Lines); k == 0 || report.Lines[k-1] != strings.Repeat("-", p.CharsA) {
				t.Errorf("the last line is not the rule: %q", report.Lines)
			}
		}
	})
}
