package scan

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/scanner"
	"edgekit.internal/pipeline"
)

// TestAScannerIsTaught: one set to a country that the kit does not know reads no ticket until it has read the sheet, and after a restart
// it is known.
func TestAScannerIsTaught(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := map[string]string{}
		start := func() (k *Counter, scan func(text string) wire.Scan, stop func()) {
			twin := &scanner.Twin{Odd: true}
			twin.Plug()
			k, err := New(Config{Scanner: settings.Scanner{Device: "virtual", Layout: "auto"}, Book: &book{}, Twin: twin, Told: func(bool) {}, Now: now, Log: slog.New(slog.DiscardHandler),
				Kept: func(id string) string { return kept[id] }, Keep: func(id, layout string) error { kept[id] = layout; return nil }})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- k.Run(ctx) }()
			synctest.Wait()
			return k, func(text string) wire.Scan {
					time.Sleep(time.Second)
					if err := twin.Scan("us", text); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					return k.Recent()[0]
				}, func() {
					cancel()
					if err := <-ended; err != nil {
						t.Error(err)
					}
				}
		}
		k, scan, stop := start()
		for _, c := range []struct {
			text, lesson, says string
			teach              time.Duration // before
			ok                 bool
		}{
			{text: slip.Code(sold), says: "That is no ticket's code."},
			{text: scanner.Sheet(), lesson: wire.LessonRefused, says: "That is the sheet that teaches the scanner, and nobody has asked for it. Ask for it in the console first."},
			{text: scanner.Sheet()[:99], teach: time.Second, lesson: wire.LessonRefused, says: "That was not the sheet, or not all of it: 99 keys came. Scan it again, with all of the code in the light."},
			{text: scanner.Sheet(), teach: Lesson, lesson: wire.LessonRefused, says: "That is the sheet that teaches the scanner, and nobody has asked for it. Ask for it in the console first."},
			{text: scanner.Sheet(), teach: time.Second, lesson: wire.Learned, ok: true, says: "Learned: the kit knows this scanner's keys from now on, after a restart too."},
			{text: slip.Code(sold), ok: true, says: "A-042: Mug, € 10.00 to pay."},
		} {
			if c.teach > 0 {
				if reason := k.Teach(); reason != "" {
					t.Fatal(reason)
				}
				time.Sleep(c.teach)
			}
			if got := scan(c.text); got.Lesson != c.lesson || got.OK != c.ok || got.Detail != c.says {
				t.Errorf("%.20s: %+v", c.text, got)
			}
		}
		stop()
		k, scan, stop = start()
		if got := scan(slip.Code(sold)); !got.OK {
			t.Errorf("after a restart: %+v", got)
		}
		if d := k.Devices(); len(d) != 1 || d[0].Reason != "Its keys were learned from the sheet." {
			t.Errorf("%+v", d)
		}
		stop()
	})
}

// TestWhatCannotBeTaught says what to do.
func TestWhatCannotBeTaught(t *testing.T) {
	for want, s := range map[string]settings.Scanner{"device in [scanner] of the settings is none": {Device: "none", Layout: "auto"}, "set to the layout de": {Device: "auto", Layout: "de"}} {
		k, err := New(Config{Scanner: s, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if got := k.Teach(); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := learned(scanner.Lesson{Layout: "it", Lacks: "`~"}); got != "Learned: this scanner is set to the layout it, which the kit knows. It does not type ` ~, or not so that they can be told apart: codes are read without them." {
		t.Error(got)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book has one ticket.
type book struct {
	fail error
	is   pipeline.Fulfilment
	in   time.Duration // of the guest
}

var sold = pipeline.Ticket{N: 42, Number: "A-042", Tap: "01J0000000000000000000ZYXW", Title: "Mug", Lines: []pipeline.OrderLine{{SKU: "MUG", Title: "Mug", N: 1, Amount: 1000}},
	Total: pipeline.Money{Minor: 1000, Currency: "EUR"}, Print: pipeline.Printed}

func now() time.Duration { return time.Hour }

func (b *book) Ticket(_ context.Context, number string) (pipeline.Ticket, bool, error) {
	t := sold
	t.Fulfilment = b.is
	return t, number == sold.Number, b.fail
}

func (b *book) Listed(_ context.Context, code string) bool { return code == "GUEST-7" }

func (b *book) Door(_ context.Context, a pipeline.DoorAct) (pipeline.DoorOutcome, error) {
	_, out := pipeline.Guest{N: 7, Name: "Ada", In: b.in}.Door(a, now(), time.Time{})
	if b.in == 0 {
		b.in = now() - time.Second
	}
	return out, b.fail
}

// TestAGuestsTicketLetsThemInOnce, and its code is not shown to anybody.
func TestAGuestsTicketLetsThemInOnce(t *testing.T) {
	b := &book{}
	k, err := New(Config{Scanner: settings.Scanner{Device: "none", Layout: "auto"}, Book: b, Now: now, Told: func(bool) {}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ok   bool
		says string
	}{{true, "Ada: come in."}, {false, "Ada came in just now by that ticket: let nobody in."}} {
		if w := k.Seen(t.Context(), "GUEST-7"); w.OK != c.ok || w.Detail != c.says || !w.Door || w.Text != "" || w.Ticket != "" {
			t.Errorf("%+v", w)
		}
	}
	b.fail = errors.New("disk")
	if w := k.Seen(t.Context(), "GUEST-7"); w.OK || w.Detail != "The kit cannot record that right now. Scan it again." {
		t.Errorf("%+v", w)
	}
}

// TestASlipIsHeldAgainstItsTicket, whatever country the scanner is set to, and what was made up is not.
func TestASlipIsHeldAgainstItsTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		twin, b := &scanner.Twin{}, &book{}
		twin.Plug()
		var told []bool
		k, err := New(Config{Scanner: settings.Scanner{Device: "virtual", Layout: "auto"}, Book: b, Twin: twin, Told: func(ok bool) { told = append(told, ok) }, Now: now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if d := k.Devices(); d != nil {
			t.Errorf("a scanner that nobody has: %+v", d)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		defer func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		made := sold
		made.Tap = "01J00000000000000000000000"
		for _, c := range []struct {
			text string
			fail error
			ok   bool
			says string
			is   pipeline.Fulfilment
		}{
			{text: slip.Code(sold), ok: true, says: "A-042: Mug, € 10.00 to pay."},
			{text: slip.Code(sold), ok: true, says: "A-042: Mug, paid.", is: pipeline.Fulfilment{Paid: 1000}},
			{text: slip.Code(sold), says: "A-042 was handed over 5 min ago: hand nothing over.", is: pipeline.Fulfilment{Paid: 1000, Handed: []int{1}, Done: 55 * time.Minute}},
			{text: slip.Code(sold), says: "A-042 is void: hand nothing over.", is: pipeline.Fulfilment{Void: []int{1}, Voided: 1000, Done: 55 * time.Minute}},
			{text: slip.Code(made), says: "This kit has sold no ticket with that code: another kit's, or made up. Hand nothing over for it."},
			{text: "4006381333931", says: "That is no ticket's code."},
			{text: slip.Code(sold), fail: errors.New("i/o error"), says: "The kit cannot look that ticket up right now. Scan it again."},
		} {
			b.fail, b.is = c.fail, c.is
			time.Sleep(time.Second)
			if err := twin.Scan("de", c.text); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			got := k.Recent()[0]
			if got.OK != c.ok || got.Detail != c.says || got.Text != c.text || told[len(told)-1] != c.ok {
				t.Errorf("%s: %+v", c.text, got)
			}
		}
		if d := k.Devices(); len(d) != 1 || d[0].Name != "virtual" {
			t.Errorf("%+v", d)
		}
		for range 5 {
			time.Sleep(time.Second)
			if err := twin.Scan("de", "1"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if n := len(k.Recent()); n != shown {
			t.Errorf("%d shown", n)
		}
	})
}
