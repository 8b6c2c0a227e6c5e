package pipeline

import (
	"testing"
	"time"
)

// stepped has one offer whose price changes twice, and one whose never does.
func stepped(level Level) *Levels {
	c := NewCatalogue("EUR", []SKU{{SKU: "MUG", Price: 1250, Stock: 100}}, []Offer{
		{ID: "drop", Lines: []Line{{SKU: "MUG", N: 1}}, Price: 900, Steps: []Step{{Sold: 3, Price: 1000}, {Sold: 3, After: 5 * time.Minute, Price: 1100}}},
		{ID: "mug", Lines: []Line{{SKU: "MUG", N: 1}}, Price: 1250},
	})
	return &Levels{Catalogue: c, Stock: []int{100}, Offers: []Level{level, {State: OfferLive}}}
}

// TestADropGoesBySteps: one level a row, and what is so at a kit time.
func TestADropGoesBySteps(t *testing.T) {
	const at = time.Hour
	const never = -1
	for _, c := range []struct {
		name  string
		level Level
		state OfferState
		price int64
		due   time.Duration // from then
	}{
		{"hidden", Level{State: OfferHidden}, OfferHidden, 900, never},
		{"announced, by hand", Level{State: OfferSoon}, OfferSoon, 900, never},
		{"counted down", Level{State: OfferSoon, Starts: at + 1}, OfferSoon, 900, 1},
		{"counted down once more, some sold", Level{State: OfferSoon, Starts: at + 1, Sold: 3}, OfferSoon, 1000, 1},
		{"counted down to now", Level{State: OfferSoon, Starts: at, Ends: at + time.Minute}, OfferLive, 900, time.Minute},
		{"started by itself, and is over", Level{State: OfferSoon, Starts: at - time.Minute, Ends: at}, OfferOver, 900, never},
		{"live for long, few sold", Level{State: OfferLive, Starts: at - time.Hour, Sold: 2}, OfferLive, 900, never},
		{"live for a minute, some sold", Level{State: OfferLive, Starts: at - time.Minute, Sold: 3}, OfferLive, 1000, 4 * time.Minute},
		{"live until the second step", Level{State: OfferLive, Starts: at - 5*time.Minute, Sold: 7}, OfferLive, 1100, never},
		{"it ends first", Level{State: OfferLive, Starts: at - time.Minute, Ends: at + time.Second, Sold: 3}, OfferLive, 1000, time.Second},
		{"since when is not known", Level{State: OfferLive, Sold: 3}, OfferLive, 1000, never},
		{"sold out by hand", Level{State: OfferSoldOut, Sold: 3}, OfferSoldOut, 1000, never},
	} {
		l := stepped(c.level)
		if got := l.StateAt("drop", at); got != c.state {
			t.Errorf("%s: %s, want %s", c.name, got, c.state)
		}
		if o, _, _ := l.OfferAt("drop", at); o.Price != c.price {
			t.Errorf("%s: price %d, want %d", c.name, o.Price, c.price)
		}
		if o, _, _ := l.OfferAt("mug", at); o.Price != 1250 {
			t.Errorf("%s: the other's price %d", c.name, o.Price)
		}
		due, ok := l.Due(at)
		if want := c.due; ok != (want != never) || ok && due != at+want {
			t.Errorf("%s: due at %v, %v, want %v", c.name, due, ok, want)
		}
	}
}

// TestTermsFollowThePrice: a prompt shown at one price is not for another, and is good again where the price is the same again, as after a void.
func TestTermsFollowThePrice(t *testing.T) {
	const at = time.Hour
	terms := func(sold int, live time.Duration, window uint32) uint32 {
		return stepped(Level{State: OfferLive, Starts: at - live, Sold: sold, Window: window}).Terms("drop", at)
	}
	first := terms(0, 0, 1)
	if terms(2, time.Hour, 1) != first {
		t.Error("other terms at the same price")
	}
	second, third, later := terms(3, 0, 1), terms(3, 5*time.Minute, 1), terms(0, 0, 2)
	for i, a := range []uint32{first, second, third, later} {
		if a == 0 {
			t.Error("no terms")
		}
		for _, b := range []uint32{first, second, third, later}[:i] {
			if a == b {
				t.Errorf("terms %d are those of another price or window", i)
			}
		}
	}
	if stepped(Level{}).Terms("hat", at) != 0 {
		t.Error("an offer that is not there has terms")
	}
}
