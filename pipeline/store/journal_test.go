package store

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

// TestTheJournalSaysAllOfASale: what was sold for how much and how, and what is needed to date it when the wall clock was
// wrong. A refusal is no entry.
func TestTheJournalSaysAllOfASale(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{
		Now: func() time.Duration { return 90 * time.Second }, Wall: func() time.Time { return time.Unix(5, 0) }, Boot: func() uint32 { return 7 }, // in 1970
	})
	o := order(1, "ann", "set")
	o.Frame, o.Via = 12345, pipeline.ViaQR
	if out := act(t, s, o); !out.OK() {
		t.Fatalf("%+v", out)
	}
	late := order(2, "ann", "set")
	late.Decision = pipeline.TooLate
	act(t, s, late)
	tap, err := ulid.ParseStrict(o.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := []journal.Entry{{Kind: journal.Sale, Kit: 90_000, Wall: 5_000, Boot: 7, Tap: tap[:], Offer: "set", Ticket: 1, Total: 1500, Currency: "EUR",
		Lines: []journal.Line{{SKU: "MUG", N: 1, Amount: 1014, Tax: 162}, {SKU: "PEN", N: 2, Amount: 486, Tax: 78}}, Via: "qr", Frame: 12345}}
	if d := cmp.Diff(want, entries(t, s), cmpopts.IgnoreUnexported(journal.Line{})); d != "" {
		t.Error(d)
	}
	if ts, err := s.Tickets(context.Background(), 1); err != nil || ts[0].Wall.Unix() != 5 {
		t.Errorf("%+v, %v", ts, err)
	}
}
