package slip

import (
	"bytes"
	"image"
	"slices"
	"strings"
	"testing"
	"time"

	"edgekit.internal/capture/overlay"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/till"
)

// text draws as the kit does, with the fonts there are; without any, nothing is drawn and the printer's own letters serve.
func text(t testing.TB) thermal.Text {
	fonts, err := overlay.LoadFonts("/usr/share/fonts/truetype/noto")
	if err != nil {
		t.Log("no fonts: ", err)
		return nil
	}
	return func(s string, px int, bold bool, maxWidth int) *image.Alpha {
		return fonts.Raster(s, px, overlay.Style{Bold: bold, MaxWidth: maxWidth})
	}
}

func ticket(n int64, titles ...string) pipeline.Ticket {
	t := pipeline.Ticket{N: n, Number: pipeline.TicketNumber(n), Tap: "01J00000000000000000000000", Total: pipeline.Money{Minor: 123456, Currency: "EUR"}}
	for _, title := range titles {
		t.Lines = append(t.Lines, pipeline.OrderLine{Title: title, N: 100, Amount: 100_000_000, Rate: 19000, Tax: 15_966_387})
	}
	return t
}

// TestAnyTitleBecomesASlip: a slip that cannot be made, or that no printer takes, would hold up its ticket for ever.
func TestAnyTitleBecomesASlip(t *testing.T) {
	draw := text(t)
	long := strings.Repeat("नमस्ते दुनिया ", 14)
	for name, titles := range map[string][]string{
		"none": nil, "empty": {""}, "controls": {"\x1b@\x1dV\x00\x10\x04\x01 \x00"}, "not UTF-8": {"\xff\xfe\xc3"}, "spaces": {strings.Repeat(" ", 200)},
		"one word": {strings.Repeat("W", 200)}, "marks only": {strings.Repeat("\u0301", 200)}, "joiners only": {strings.Repeat("\u200d", 200)},
		"right to left": {strings.Repeat("مرحبا بالعالم ", 14)}, "emoji": {strings.Repeat("👩‍👩‍👧‍👦🏳️‍🌈", 20)}, "beyond Unicode's planes": {"\U0010ffff\U000f0000\ufffe"},
		"fifty long ones": strings.Split(strings.Repeat(long+"|", 49)+long, "|"),
	} {
		for _, paper := range []string{"58", "80"} {
			profile, err := thermal.ProfileByName(paper)
			if err != nil {
				t.Fatal(err)
			}
			for _, again := range []bool{false, true} {
				roll := ComposeRoll("Stall", wire.Roll{Reports: till.Sum([]pipeline.Ticket{ticket(1, titles...)}, nil)}, profile, draw)
				if _, _, err := thermal.Render(roll, profile); err != nil || len(roll) > 8<<20 {
					t.Errorf("%s on %s: a roll of %d bytes, %v", name, paper, len(roll), err)
				}
				b := Compose(ticket(999*26+1, titles...), Look{Stall: "Blue \x1b@ Door\n" + long, Text: strings.Repeat(long+"\n", 30)}, again, profile, draw)
				if len(b) == 0 || len(b) > 8<<20 {
					t.Errorf("%s on %s: %d bytes", name, paper, len(b))
				}
				if _, _, err := thermal.Render(b, profile); err != nil {
					t.Errorf("%s on %s: %v", name, paper, err)
				}
				if !bytes.Contains(b, []byte("AA-001")) || !bytes.Contains(b, []byte("edgekit:AA-001:01J")) || bytes.Contains(b, []byte("POSSIBLE COPY")) != again {
					t.Errorf("%s on %s: its number, code or mark is not there as it should be", name, paper)
				}
				if name != "fifty long ones" && !bytes.Contains(b, []byte("1234.56")) {
					t.Errorf("%s on %s: the total is not there", name, paper)
				}
			}
		}
	}
}

// FuzzCompose: whatever a title is, there is a slip that can be printed.
func FuzzCompose(f *testing.F) {
	draw := text(f)
	profile, err := thermal.ProfileByName("58")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"Mug", "नमस्ते", "مرحبا", "\x1b@", "\xff", "👩‍👩‍👧‍👦"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, title string) {
		if len(title) > 800 { // what a catalogue may have
			return
		}
		b := Compose(ticket(1, title), Look{Stall: title, Text: title}, true, profile, draw)
		if _, _, err := thermal.Render(b, profile); err != nil {
			t.Error(err)
		}
	})
}

// TestACodeComesBack, and nothing else is one.
func TestACodeComesBack(t *testing.T) {
	const tap = "01J0000000000000000000ZYXW"
	if number, back, ok := ParseCode(Code(pipeline.Ticket{Number: "A-042", Tap: tap})); number != "A-042" || back != tap || !ok {
		t.Error(number, back, ok)
	}
	for _, text := range []string{"", "4006381333931", "edgekit:", "edgekit:A-042", "edgekit:A-042:", "edgekit:A-42:" + tap, "edgekit:A-042:" + tap + "0", "EDGEKIT:A-042:" + tap, "edgekit:A-042:" + tap + ":x"} {
		if _, _, ok := ParseCode(text); ok {
			t.Error(text)
		}
	}
}

// TestASlipHasTheStallsOwnLook: its picture at the head, its text at the foot, and drawer and beeper do what they do once, not with a copy.
func TestASlipHasTheStallsOwnLook(t *testing.T) {
	logo := image.NewGray(image.Rect(0, 0, 2000, 500)) // black
	for _, p := range []thermal.Profile{thermal.Paper58, thermal.Paper80} {
		look := Look{Stall: "Blue Door", Logo: thermal.NewPicture(logo, p.Dots), Text: "Open till six\n\nThank you!", Drawer: true, Beep: true}
		for again, once := range map[bool]int{false: 1, true: 0} {
			picture, report, err := thermal.Render(Compose(ticket(1, "Mug"), look, again, p, nil), p)
			if err != nil || report.Images == 0 || report.Drawer != once || report.Beeps != once || !slices.Contains(report.Lines, "Open till six") || !slices.Contains(report.Lines, "Thank you!") {
				t.Errorf("%s: %+v, %v", p.Name, report, err)
			}
			if r, _, _, _ := picture.At(p.Dots/2, 10).RGBA(); r != 0 {
				t.Errorf("%s: the picture is not at the head", p.Name)
			}
		}
	}
}

// TestATestPageIsOne on every kind of printer: what one without QR codes and knife gets has a picture of the code, and no cut.
func TestATestPageIsOne(t *testing.T) {
	draw := text(t)
	for _, simple := range []bool{false, true} {
		p := thermal.Paper58
		p.DrawCodes, p.Uncut = simple, simple
		_, report, err := thermal.Render(ComposeTest(Look{Stall: "Blue Door", Beep: simple}, "usb:/dev/usb/lp0", p, draw), p)
		if err != nil || (len(report.Codes) == 0) != simple || (report.Cuts == 0) != simple || (report.Beeps == 1) != simple || simple && report.Images == 0 || !slices.Contains(report.Lines, "TEST PAGE") {
			t.Errorf("simple %v: %+v, %v", simple, report, err)
		}
	}
}

// day is a till roll of all that there may be in one.
func day() wire.Roll {
	from, to := time.Date(2026, 11, 26, 18, 2, 0, 0, time.UTC), time.Date(2026, 11, 27, 17, 58, 0, 0, time.UTC)
	return wire.Roll{Closing: 12, From: &from, To: &to, Reports: []till.Report{{Currency: "EUR", Tickets: 41, Sold: 61750, Void: 2000, Net: 59750, Tax: 9032, Paid: 58500,
		Rates:    []till.Row{{Key: "19000", Title: "19 %", N: 40, Amount: 54750, Tax: 8741}, {Key: "7000", Title: "7 %", N: 20, Amount: 5000, Tax: 291}},
		Items:    []till.Row{{Key: "MUG", Title: "Mug", N: 40, Amount: 54750, Tax: 8741}, {Key: "TEA", Title: "Tea, a long name that does not fit on a line of its own", N: 20, Amount: 5000, Tax: 291}},
		Payments: []till.Paid{{Payment: pipeline.Cash, N: 30, In: 42500, Out: 1000}, {Payment: pipeline.Card, N: 12, In: 17000}},
		Gone:     []till.Gone{{Ticket: "A-007", Title: "Mug", Do: pipeline.TakeBack, Amount: 1000}, {Ticket: "A-009", Title: "Mug", Do: pipeline.Void, Amount: 1000}}}}}
}
