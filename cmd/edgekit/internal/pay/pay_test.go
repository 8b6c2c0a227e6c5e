package pay

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/payment"
	"edgekit.internal/pipeline/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book takes what it is told, or fails.
type book struct {
	fails    error
	released int
	holds    map[string]time.Duration
}

func (b *book) Paid(_ context.Context, p pipeline.Paid) (pipeline.PaidOutcome, error) {
	return pipeline.PaidOutcome{Paid: p, Outcome: pipeline.Confirmed}, b.fails
}
func (b *book) Payments(context.Context, bool, int) ([]pipeline.PaidOutcome, error) {
	return nil, b.fails
}
func (b *book) Holds(context.Context, string) (map[string]time.Duration, error) {
	return b.holds, b.fails
}
func (b *book) Release(context.Context) ([]string, error) {
	b.released++
	return nil, b.fails
}

const secret = "sixteen-letters!"

func desk(t *testing.T, b *book, known bool) *Desk {
	c, err := payment.New("https://pay.example/{ref}?{amount}&{expires}", secret, "kit")
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Checkout: c, Book: b, Now: func() time.Duration { return time.Hour }, Wall: func() (time.Time, bool) { return time.Unix(1800000000, 0), known }, Hold: true, Log: slog.New(slog.DiscardHandler)})
}

// TestHoldsAreLookedAtEachSecond, whatever the disk says, and not at all where nothing is held.
func TestHoldsAreLookedAtEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{fails: errors.New("the disk")}
		d := desk(t, b, true)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		if err := d.Run(ctx); err != nil || b.released != 10 {
			t.Errorf("%d looks, %v", b.released, err)
		}
		d.Hold, b.released = false, 0
		if err := d.Run(t.Context()); err != nil || b.released != 0 {
			t.Errorf("%d looks, %v", b.released, err)
		}
	})
}

// TestLinksAreForWhatIsOwed, while that is held and the time is known.
func TestLinksAreForWhatIsOwed(t *testing.T) {
	line := []pipeline.OrderLine{{SKU: "MUG", N: 1, Amount: 1000}}
	ticket := func(number string, f pipeline.Fulfilment) pipeline.Ticket {
		return pipeline.Ticket{Number: number, Tap: "T", Lines: line, Total: pipeline.Money{Minor: 1000, Currency: "EUR"}, Fulfilment: f}
	}
	all := []pipeline.Ticket{ticket("A-001", pipeline.Fulfilment{}), ticket("A-002", pipeline.Fulfilment{Paid: 1000}), ticket("A-003", pipeline.Fulfilment{Void: []int{1}, Voided: 1000}),
		ticket("A-004", pipeline.Fulfilment{Paid: 400}), ticket("A-005", pipeline.Fulfilment{})}
	b := &book{holds: map[string]time.Duration{"A-001": time.Hour + time.Minute, "A-005": time.Hour}}
	links := desk(t, b, true).Links(t.Context(), "ann", all)
	if len(links) != 2 || links["A-001"].InMS != 60_000 || !strings.HasSuffix(links["A-001"].URL, "?1000&1800000060") || links["A-004"].Owed.Minor != 600 || links["A-004"].InMS != 0 || !strings.HasSuffix(links["A-004"].URL, "?600&1800086400") {
		t.Errorf("%+v", links)
	}
	if l := desk(t, b, false).Links(t.Context(), "ann", all); len(l) != 0 {
		t.Errorf("without a clock: %+v", l)
	}
	if l := desk(t, &book{fails: errors.New("the disk")}, true).Links(t.Context(), "ann", all); len(l) != 0 {
		t.Errorf("what is held is not known: %+v", l)
	}
}

// TestAnswersToACheckout: it is to try again only where that helps.
func TestAnswersToACheckout(t *testing.T) {
	b := &book{}
	d := desk(t, b, true)
	ref := strings.TrimPrefix(strings.Split(d.Checkout.Link(pipeline.Ticket{Number: "A-001", Tap: "T", Total: pipeline.Money{Currency: "EUR"}}, 1, time.Unix(1, 0)), "?")[0], "https://pay.example/")
	body := `{"id":"e","type":"paid","ref":"` + ref + `","amount":1,"currency":"EUR"}`
	for name, c := range map[string]struct {
		body, header string
		fails        error
		status       int
	}{
		"good":               {body, "Edgekit-Signature", nil, 200},
		"as Stripe names it": {body, "Stripe-Signature", nil, 200},
		"not signed":         {body, "X-Signature", nil, 401},
		"too large":          {strings.Repeat(" ", payment.MaxBody+1), "Edgekit-Signature", nil, 413},
		"about nothing":      {`{"type":"ping"}`, "Edgekit-Signature", nil, 204},
		"malformed":          {`{"type":"paid"}`, "Edgekit-Signature", nil, 400},
		"no such ticket":     {body, "Edgekit-Signature", store.ErrUnknown{What: "ticket", ID: "A-001"}, 404},
		"the disk is full":   {body, "Edgekit-Signature", errors.New("the disk"), 503},
	} {
		b.fails = c.fails
		r := httptest.NewRequest(http.MethodPost, "/api/payments", strings.NewReader(c.body))
		r.Header.Set(c.header, payment.Sign(secret, time.Unix(1, 0), []byte(c.body)))
		rw := httptest.NewRecorder()
		d.ServeHTTP(rw, r)
		if rw.Code != c.status {
			t.Errorf("%s: %d %s, want %d", name, rw.Code, rw.Body, c.status)
		}
	}
	rw := httptest.NewRecorder()
	New(Config{}).ServeHTTP(rw, httptest.NewRequest(http.MethodPost, "/api/payments", nil))
	if rw.Code != http.StatusNotFound {
		t.Errorf("no checkout: %d", rw.Code)
	}
}
