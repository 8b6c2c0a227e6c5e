package scan

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/drivers/scanner"
	"edgekit.internal/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book has one ticket.
type book struct{ fail error }

var sold = pipeline.Ticket{N: 42, Number: "A-042", Tap: "01J0000000000000000000ZYXW", Title: "Mug", Total: pipeline.Money{Minor: 1000, Currency: "EUR"}, Print: pipeline.Printed}

func (b *book) Ticket(_ context.Context, number string) (pipeline.Ticket, bool, error) {
	return sold, number == sold.Number, b.fail
}

// TestASlipIsHeldAgainstItsTicket, whatever country the scanner is set to, and what was made up is not.
func TestASlipIsHeldAgainstItsTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		twin, b := &scanner.Twin{}, &book{}
		twin.Plug()
		var told []bool
		k, err := New(Config{Scanner: settings.Scanner{Device: "virtual", Layout: "auto"}, Book: b, Twin: twin, Told: func(ok bool) { told = append(told, ok) }, Log: slog.New(slog.DiscardHandler)})
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
		}{
			{slip.Code(sold), nil, true, "A-042: Mug, € 10.00."},
			{slip.Code(made), nil, false, "This kit has sold no ticket with that code: another kit's, or made up. Hand nothing over for it."},
			{"4006381333931", nil, false, "That is no ticket's code."},
			{slip.Code(sold), errors.New("i/o error"), false, "The kit cannot look that ticket up right now. Scan it again."},
		} {
			b.fail = c.fail
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
