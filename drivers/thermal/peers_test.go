package thermal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// peer runs one of the scripts in testdata/peers, which bring programs of others to what is ours.
func peer(t *testing.T, in []byte, script string, args ...string) []byte {
	t.Helper()
	modules, err := filepath.Abs("../../.cache/escpos/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil {
		t.Skip("make deps-test installs the programs of others:", err)
	}
	c := exec.CommandContext(t.Context(), "node", append([]string{"--no-deprecation", filepath.Join("testdata/peers", script), modules}, args...)...)
	c.Stdin = bytes.NewReader(in)
	out, err := c.Output()
	if err != nil {
		var said []byte
		if e, ok := err.(*exec.ExitError); ok {
			said = e.Stderr
		}
		t.Fatalf("%s %q: %v\n%s", script, args, err, said)
	}
	return out
}

// TestOthersPrintOnOurPrinter: receiptio, which knows nothing of this project, takes the twin for a printer: it finds out by
// itself which commands it has, asks how it is, prints on it, and does not where that would be in vain.
func TestOthersPrintOnOurPrinter(t *testing.T) {
	address := fmt.Sprintf("127.%d.%d.1", 1+rand.IntN(254), rand.IntN(256)) // receiptio knows port 9100 only, and others may test too
	l, err := net.Listen("tcp", address+":9100")
	if err != nil {
		t.Fatal(err)
	}
	f := newFar()
	f.knows = map[string][]byte{
		"\x1dIB":    []byte("\x5fEdgekit\x00"), // GS I 66, 67: maker and model
		"\x1dIC":    []byte("\x5fTwin\x00"),
		"\x1dr\x01": {0}, // GS r 1: the paper sensor's status, when all before it is done
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.serve(c)
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	const receipt = "^^A-042\nMug | 10.00\n{code:edgekit:A-042; option:qrcode,6,M}\n"
	for name, c := range map[string]struct {
		is               condition
		answers, printed string
	}{
		"ready":         {condition{}, "online", "success"},
		"paper low":     {condition{lowRoll: true}, "online", "success"},
		"cover open":    {condition{cover: true}, "coveropen", "coveropen"},
		"out of paper":  {condition{noRoll: true}, "paperempty", "paperempty"},
		"cutter stuck":  {condition{cutter: true}, "error", "error"},
		"out of order":  {condition{dead: true}, "error", "error"},
		"open, no roll": {condition{cover: true, noRoll: true}, "coveropen", "coveropen"},
	} {
		f.set(func() { f.is, f.got, f.knows["\x1da\xff"] = c.is, nil, c.is.automatic() })
		if got := strings.TrimSpace(string(peer(t, nil, "host.mjs", address))); got != c.answers {
			t.Errorf("%s: receiptio calls it %q, want %q", name, got, c.answers)
		}
		if got := strings.TrimSpace(string(peer(t, nil, "host.mjs", address, receipt))); got != c.printed {
			t.Errorf("%s: receiptio prints with %q, want %q", name, got, c.printed)
		}
		f.mu.Lock()
		if out := bytes.Contains(f.got, []byte("10.00")); out != (c.printed == "success") {
			t.Errorf("%s: %v that it came out: %q", name, out, f.got)
		}
		f.mu.Unlock()
	}
}

// read is what others find in a slip.
type read struct {
	Lines, Codes, Drawn []string
	Images, Widest, Ink int
}

func readByPeer(t *testing.T, slip []byte) (r read) {
	t.Helper()
	if err := json.Unmarshal(peer(t, slip, "read.mjs"), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOthersReadOurSlips: npos finds the lines and pictures in them that Render does, jsQR the code in the picture where it is drawn, and
// all commands are ones that npos knows.
func TestOthersReadOurSlips(t *testing.T) {
	const code = "edgekit:A-042:01J9ZQ6V7Y3T8N5B2K4M6P8R0S"
	arabic, slavic := [2]string{"1 x قهوة عربية", "€ 3.00"}, [2]string{"1 x Žluťoučký kůň, Кружка", "3 €"}
	for name, c := range map[string]struct {
		p     Profile
		model string
		lines [][2]string
	}{
		"58": {Paper58, "common", latin}, "80": {Paper80, "common", latin}, "58, simple": {Paper58, "simple", latin},
		"80, citizen": {Paper80, "citizen", latin},
		"80, epson":   {Paper80, "epson", append([][2]string{slavic}, latin...)}, "80, drawn": {Paper80, "common", append([][2]string{arabic, slavic}, latin...)}, "58, simple, drawn": {Paper58, "simple", append([][2]string{arabic}, latin...)},
	} {
		p := c.p.of(c.model, "")
		job := slip(p, c.lines...)
		_, report, err := Render(job, p)
		if err != nil {
			t.Fatal(name, err)
		}
		got := readByPeer(t, job)
		if d := cmp.Diff(report.Lines, got.Lines); d != "" {
			t.Errorf("%s: lines: %s", name, d)
		}
		if got.Images != report.Images || got.Widest > p.Dots {
			t.Errorf("%s: %d pictures, %d dots wide; want %d, at most %d", name, got.Images, got.Widest, report.Images, p.Dots)
		}
		codes := [][]string{got.Codes, got.Drawn}
		want := [][]string{{code}, {}}
		if p.DrawCodes {
			want = [][]string{{}, {code}}
		}
		if d := cmp.Diff(want, codes); d != "" {
			t.Errorf("%s: codes that the printer makes, and those that are drawn: %s", name, d)
		}
	}
}

// TestOthersSeeTheDotsThatWeSee in what is drawn.
func TestOthersSeeTheDotsThatWeSee(t *testing.T) {
	for _, p := range []Profile{Paper58.of("simple", ""), Paper80.of("simple", "")} {
		d := NewDoc(p, boxes)
		d.Line("قهوة عربية", Style{Times: 2})
		d.Pair("मिट्टी का कटोरा", "₹ 250", Style{Bold: true})
		d.QR("edgekit:A-042", 6)
		picture, _, err := Render(d.Bytes(), p)
		if err != nil {
			t.Fatal(err)
		}
		black := 0
		for _, dot := range picture.(*image.Paletted).Pix {
			black += int(dot)
		}
		if got := readByPeer(t, d.Bytes()); got.Ink != black || got.Images == 0 {
			t.Errorf("%s mm: %d black dots in %d pictures, want %d", p.Name, got.Ink, got.Images, black)
		}
	}
}

// TestWeReadOthersSlips: what receipt-printer-encoder writes for printers that are sold, in each code page that their family is said to have
// here, Render puts on paper.
func TestWeReadOthersSlips(t *testing.T) {
	western := map[string]string{"cp858": "Grüße aus Åre, 10 €", "cp437": "Σ 10.00"}
	for name, c := range map[string]struct {
		family string
		texts  map[string]string
	}{
		"epson-tm-t88iv":     {"epson", map[string]string{"cp858": "Grüße, 10 €", "cp852": "Příště v Łodzi", "cp866": "Кружка", "cp437": "Σ"}},
		"epson-tm-m30iii":    {"epson", map[string]string{"cp858": "Grüße, 10 €", "cp852": "Příště v Łodzi", "cp866": "Кружка", "cp437": "Σ"}},
		"citizen-ct-s310ii":  {"citizen", map[string]string{"windows1252": "Grüße aus Åre, 10 €", "cp437": "Σ"}},
		"bixolon-srp350iii":  {"common", western},
		"xprinter-xp-t80q":   {"common", western},
		"xprinter-xp-n160ii": {"common", western},
		"pos-8360":           {"common", western},
		"pos-5890":           {"simple", western},
	} {
		for page, text := range c.texts {
			const code = "edgekit:A-042"
			_, report, err := Render(peer(t, nil, "write.mjs", name, page, text, code), Paper80.of(c.family, ""))
			if err != nil {
				t.Errorf("%s, %s: %v", name, page, err)
			}
			if d := cmp.Diff(Report{Lines: []string{text}, Codes: []string{code}, Cuts: 1}, report); d != "" {
				t.Errorf("%s, %s: %s", name, page, d)
			}
		}
	}
}
