package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// till is a ledger with what it answers written down.
type till struct {
	levels  *Levels
	act     func(ctx context.Context, o Order) (Outcome, error)
	decided func() (Outcome, bool, error)
	acted   int
}

func (l *till) Act(ctx context.Context, o Order) (Outcome, error) {
	l.acted++
	return l.act(ctx, o)
}
func (l *till) Decided(context.Context, string, string) (Outcome, bool, error) { return l.decided() }
func (l *till) Levels() *Levels                                                { return l.levels }
func (l *till) Consented(string) bool                                          { return false }

// mint takes "good" for a token, and "old" for one that has expired.
type mint struct{}

func (mint) Verify(token, _, _ string, _ time.Duration) (Grant, error) {
	switch token {
	case "good":
		return Grant{}, nil
	case "old":
		return Grant{}, ErrTokenExpired
	}
	return Grant{}, ErrTokenInvalid
}

const someTap = "01J00000000000000000000000"

func saleIn(state OfferState) (*Sale, *till) {
	c := NewCatalogue("EUR", []SKU{{SKU: "MUG", Price: 1000, Stock: 1}}, []Offer{{ID: "mug", Lines: []Line{{SKU: "MUG", N: 1}}, Price: 1000, State: state}})
	l := &till{
		levels:  &Levels{Catalogue: c, Stock: []int{1}, Offers: []Level{{State: state}}},
		act:     func(_ context.Context, o Order) (Outcome, error) { return Outcome{Tap: o.ID, Reason: o.Decision}, nil },
		decided: func() (Outcome, bool, error) { return Outcome{}, false, nil },
	}
	return &Sale{Tokens: mint{}, Ledger: l, Limit: NewLimiter(1000, 1000, 10), Now: func() time.Duration { return 0 }}, l
}

// TestAPromptThatCannotBeBoughtSaysWhy: pages have no token for an offer that is not live, and their visitors tap it
// nevertheless. A hidden offer is nobody's to know of.
func TestAPromptThatCannotBeBoughtSaysWhy(t *testing.T) {
	for _, c := range []struct {
		state OfferState
		token string
		want  Reason
	}{
		{OfferLive, "good", Confirmed}, {OfferLive, "", TokenInvalid}, {OfferLive, "old", TokenExpired},
		{OfferSoon, "", NotYet}, {OfferSoon, "good", NotYet},
		{OfferOver, "", TooLate}, {OfferOver, "good", TooLate}, {OfferWithdrawn, "", TooLate},
		{OfferSoldOut, "", SoldOut}, {OfferSoldOut, "good", SoldOut}, {OfferSoldOut, "old", SoldOut},
		{OfferHidden, "", TokenInvalid},
	} {
		s, l := saleIn(c.state)
		out := s.Tap(context.Background(), Tap{ID: someTap, Viewer: "ann", Offer: "mug", Token: c.token})
		if out.Reason != c.want {
			t.Errorf("%s, token %q: %+v", c.state, c.token, out)
		}
		if c.token == "" && l.acted > 0 {
			t.Errorf("%s: a tap without a token was recorded", c.state)
		}
	}
}

// TestAnAnswerThatDidNotComeIsNotARefusal: who stops waiting for a commit is not told that nothing was bought.
func TestAnAnswerThatDidNotComeIsNotARefusal(t *testing.T) {
	s, l := saleIn(OfferLive)
	for _, c := range []struct {
		err     error
		nothing bool
	}{{context.DeadlineExceeded, false}, {context.Canceled, false}, {errors.New("disk full"), true}} {
		l.act = func(context.Context, Order) (Outcome, error) { return Outcome{}, c.err }
		out := s.Tap(context.Background(), Tap{ID: someTap, Viewer: "ann", Offer: "mug", Token: "good"})
		if out.Reason != Unavailable || out.Retry == 0 || strings.Contains(out.Details, "Nothing was bought") != c.nothing {
			t.Errorf("%v: %+v", c.err, out)
		}
	}
}

// TestADecisionThatCannotBeReadIsNotAnother: a bought tap is not refused because the disk does not answer.
func TestADecisionThatCannotBeReadIsNotAnother(t *testing.T) {
	s, l := saleIn(OfferLive)
	l.decided = func() (Outcome, bool, error) { return Outcome{}, false, errors.New("i/o error") }
	if out := s.Tap(context.Background(), Tap{ID: someTap, Viewer: "ann", Offer: "mug", Token: "gone"}); out.Reason != Unavailable || out.Retry == 0 {
		t.Errorf("%+v", out)
	}
	s.Limit = NewLimiter(1, 1, 10)
	s.Limit.Allow("ann", time.Now())
	if out := s.Tap(context.Background(), Tap{ID: someTap, Viewer: "ann", Offer: "mug", Token: "good"}); out.Reason != Unavailable && out.Reason != RateLimited {
		t.Errorf("%+v", out)
	}
}

// TestNoTraceOfWhatIsNoTap: whoever sends rubbish, or too much, does not push real taps out of the traces.
func TestNoTraceOfWhatIsNoTap(t *testing.T) {
	s, _ := saleIn(OfferLive)
	var spans []string
	s.Trace = func(_, step string, _ time.Time) { spans = append(spans, step) }
	s.Limit = NewLimiter(1, 3, 10)
	for _, c := range []Tap{{ID: "rubbish", Token: "good"}, {ID: someTap, Token: "forged"}, {ID: someTap, Token: "good"}, {ID: someTap, Token: "good"}, {ID: someTap, Token: "good"}} {
		c.Viewer, c.Offer = "ann", "mug"
		s.Tap(context.Background(), c)
	}
	if len(spans) != 6 { // of the two taps within the limit
		t.Error(spans)
	}
}

// TestWhatWasShownIsWhatIsBought: a token for a prompt with another price, or with other things in it, buys nothing.
func TestWhatWasShownIsWhatIsBought(t *testing.T) {
	s, l := saleIn(OfferLive)
	shown := l.levels.Terms("mug", 0)
	if shown == 0 || l.levels.Terms("hat", 0) != 0 {
		t.Fatal(shown)
	}
	s.Tokens = granted(shown)
	tap := Tap{ID: someTap, Viewer: "ann", Offer: "mug"}
	if out := s.Tap(context.Background(), tap); !out.OK() {
		t.Errorf("%+v", out)
	}
	for name, change := range map[string]func(currency *string, o *Offer){
		"price":    func(_ *string, o *Offer) { o.Price++ },
		"pieces":   func(_ *string, o *Offer) { o.Lines = []Line{{SKU: "MUG", N: 2}} },
		"currency": func(currency *string, _ *Offer) { *currency = "JPY" },
	} {
		currency, offer := "EUR", l.levels.Catalogue.Offers[0]
		change(&currency, &offer)
		s, l := saleIn(OfferLive)
		l.levels.Catalogue = NewCatalogue(currency, l.levels.Catalogue.SKUs, []Offer{offer})
		s.Tokens = granted(shown)
		if out := s.Tap(context.Background(), tap); out.Reason != TooLate {
			t.Errorf("%s: %+v", name, out)
		}
	}
	retitled := l.levels.Catalogue.Offers[0]
	retitled.Title, retitled.Limit = "A mug", 3
	if (&Levels{Catalogue: NewCatalogue("EUR", l.levels.Catalogue.SKUs, []Offer{retitled}), Offers: make([]Level, 1)}).Terms("mug", 0) != shown {
		t.Error("another title is another price")
	}
}

// granted is a mint whose tokens are all good, for an offer's terms.
type granted uint32

func (g granted) Verify(string, string, string, time.Duration) (Grant, error) {
	return Grant{Terms: uint32(g)}, nil
}

// flipping is a ledger whose catalogue is another one at each look.
type flipping struct {
	till
	next []*Levels
}

func (l *flipping) Levels() *Levels {
	now := l.next[0]
	l.next = append(l.next[1:], now)
	return now
}

// TestWhatIsCheckedIsWhatIsPriced: the catalogue may change between the two steps, and the tap is of one or the other.
func TestWhatIsCheckedIsWhatIsPriced(t *testing.T) {
	at := func(price int64) *Levels {
		c := NewCatalogue("EUR", []SKU{{SKU: "MUG", Price: price, Stock: 1}}, []Offer{{ID: "mug", Lines: []Line{{SKU: "MUG", N: 1}}, Price: price}})
		return &Levels{Catalogue: c, Stock: []int{1}, Offers: []Level{{State: OfferLive}}}
	}
	shown, other := at(2000), at(1500)
	var got Order
	l := &flipping{next: []*Levels{shown, other}}
	l.act = func(_ context.Context, o Order) (Outcome, error) {
		got = o
		return Outcome{Tap: o.ID, Reason: o.Decision}, nil
	}
	s := &Sale{Tokens: bound(shown.Terms("mug", 0)), Ledger: l, Limit: NewLimiter(1000, 1000, 10), Now: func() time.Duration { return 0 }}
	if out := s.Tap(context.Background(), Tap{ID: someTap, Viewer: "ann", Offer: "mug", Token: "good"}); !out.OK() || got.Total.Minor != 2000 {
		t.Errorf("shown at 2000, ordered at %d: %+v", got.Total.Minor, out)
	}
}

// bound grants tokens for some terms.
type bound uint32

func (b bound) Verify(string, string, string, time.Duration) (Grant, error) {
	return Grant{Terms: uint32(b)}, nil
}
