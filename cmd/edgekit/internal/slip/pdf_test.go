package slip

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/till"
)

// read has another's program read a document: its text, and how many pages and pictures there are.
func read(t *testing.T, pdf []byte) (text string, pages, pictures int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "roll.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(program string, args ...string) string {
		path, err := exec.LookPath(program)
		if err != nil {
			if os.Getenv("CI") == "" {
				t.Skip(err)
			}
			t.Fatalf("%v: `make deps` installs it", err)
		}
		out, err := exec.Command(path, args...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "Error") {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
		return string(out)
	}
	text = run("pdftotext", "-layout", file, "-")
	pictures = strings.Count(run("pdfimages", "-list", file), "image ")
	return text, strings.Count(text, "\f"), pictures
}

// TestARollAsADocument is read by another program, line by line.
func TestARollAsADocument(t *testing.T) {
	roll := day()
	b, err := RollPDF("Blue Door Pottery", roll, text(t))
	if err != nil {
		t.Fatal(err)
	}
	again, err := RollPDF("Blue Door Pottery", roll, text(t))
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("the same roll is other bytes, %v", err)
	}
	got, pages, pictures := read(t, b)
	bare := strings.NewReplacer(" ", "", "\f", "").Replace // how wide a space is, is the reader's guess
	for _, want := range []string{"Blue Door Pottery\n", "Till roll 12\n", "from 2026-11-26 18:02 UTC\n", "to 2026-11-27 17:58 UTC\n", "EUR, 41 tickets\n", "Sold 617.50\n", "Void and brought back -20.00\n",
		"Net, tax included 597.50\n", "Not paid 12.50\n", "19 % 460.09 87.41 547.50\n", "7 % 47.09 2.91 50.00\n", "cash 30 425.00 10.00 415.00\n", "card 12 170.00 0.00 170.00\n", "MUG Mug 40 87.41 547.50\n",
		"A-007 Mug -10.00\n", "1 / 1"} {
		if !strings.Contains(bare(got), bare(want)) {
			t.Errorf("it does not say %q", want)
		}
	}
	if pages != 1 || pictures != 0 {
		t.Errorf("%d pages with %d pictures, expected one of text", pages, pictures)
	}
	if t.Failed() {
		t.Log(got)
	}
}

// TestAnyRollIsADocument: of hundreds of items, and whatever they are called; what no reader has letters for is drawn.
func TestAnyRollIsADocument(t *testing.T) {
	titles := []string{"", "Crème brûlée", "مرحبا بالعالم", "नमस्ते दुनिया", "\x00\xff\xfe(\\)", strings.Repeat("W", 300), strings.Repeat("\u0301", 50), "€ 5 off", "𝄞", "\u200d"}
	r := till.Report{Currency: "JPY"}
	for i := range 300 {
		r.Items = append(r.Items, till.Row{Key: fmt.Sprint("SKU", i), Title: titles[i%len(titles)], N: i, Amount: int64(i)})
		r.Gone = append(r.Gone, till.Gone{Ticket: pipeline.TicketNumber(int64(i + 1)), Title: titles[i%len(titles)], Note: titles[(i+1)%len(titles)]})
	}
	b, err := RollPDF(titles[3], wire.Roll{Reports: []till.Report{r, {Currency: "KWD", Net: -1}}}, text(t))
	if err != nil {
		t.Fatal(err)
	}
	got, pages, pictures := read(t, b)
	if pages < 10 || !strings.Contains(got, "Crème brûlée") || !strings.Contains(got, "-0.001") || !strings.Contains(got, fmt.Sprintf("%d / %[1]d", pages)) {
		t.Errorf("%d pages: %.2000s", pages, got)
	}
	if text(t) != nil && pictures < 100 {
		t.Errorf("%d pictures", pictures)
	}
	t.Logf("%d bytes, %d pages, %d pictures", len(b), pages, pictures)
	if b, err := RollPDF("", wire.Roll{}, nil); err != nil || !bytes.HasPrefix(b, []byte("%PDF-")) {
		t.Errorf("a roll of nothing: %d bytes, %v", len(b), err)
	}
	if _, err := RollPDF(titles[2], wire.Roll{Reports: []till.Report{r}}, nil); err != nil {
		t.Errorf("without fonts: %v", err)
	}
}
