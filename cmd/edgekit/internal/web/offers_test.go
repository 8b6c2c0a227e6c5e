package web

import (
	"context"
	"strconv"
	"testing"
	"time"

	"edgekit.internal/pipeline"
)

// shelf is a book whose catalogue may change at any look at it.
type shelf struct {
	catalogues []*pipeline.Catalogue
	looks      int
}

func (s *shelf) Levels() *pipeline.Levels {
	c := s.catalogues[min(s.looks, len(s.catalogues)-1)]
	s.looks++
	return &pipeline.Levels{Catalogue: c, Stock: []int{1}, Offers: []pipeline.Level{{State: pipeline.OfferLive}}}
}
func (*shelf) Consent(string) (pipeline.Consent, bool) { return pipeline.Consent{}, false }
func (*shelf) SetConsent(context.Context, string, int, string) (pipeline.Consent, error) {
	return pipeline.Consent{}, nil
}
func (*shelf) TicketsOf(context.Context, string, int) ([]pipeline.Ticket, error) { return nil, nil }
func (*shelf) ToHandOver(context.Context, time.Duration, int) ([]pipeline.Ticket, error) {
	return nil, nil
}

func (*shelf) Place(string, string) (pipeline.Place, bool) { return pipeline.Place{}, false }
func (*shelf) Lines() bool                                 { return false }
func (*shelf) Leave(context.Context, string, string) error { return nil }

// Page mints a token that says the terms.
func (*shelf) Page(_, _ string, terms uint32, _, _ time.Duration) string {
	return strconv.FormatUint(uint64(terms), 10)
}

func (*shelf) Link(string, uint32, time.Duration, time.Duration) string { return "" }
func (*shelf) Burned(context.Context, [8]byte) bool                     { return false }

// TestATokenIsForThePriceBesideIt: also when the catalogue changes between the two.
func TestATokenIsForThePriceBesideIt(t *testing.T) {
	at := func(price int64) *pipeline.Catalogue {
		return pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "MUG"}}, []pipeline.Offer{{ID: "mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: price}})
	}
	s := &shelf{catalogues: []*pipeline.Catalogue{at(10), at(20)}}
	w := New(Config{Book: s, Mint: s, Now: func() time.Duration { return 0 }, Recording: func() bool { return false }})
	for range 2 {
		o := w.Offers("ann", "").Offers[0]
		terms := (&pipeline.Levels{Catalogue: at(o.Price.Minor), Offers: make([]pipeline.Level, 1)}).Terms("mug", 0)
		if o.Token != strconv.FormatUint(uint64(terms), 10) {
			t.Errorf("%d with a token for %s, expected %d", o.Price.Minor, o.Token, terms)
		}
	}
}
