package pipeline

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tees is an offer of a shirt in three kinds and a pen, at a price or at that of what is chosen, and one of any three of these.
func tees(rules TaxRules) *Levels {
	c := NewCatalogue("EUR", []SKU{
		{SKU: "S", Title: "Tee, S", Product: "Tee", Variant: "S", Price: 1900, Tax: 19000}, {SKU: "M", Title: "Tee, M", Product: "Tee", Variant: "M", Price: 2000, Tax: 7000},
		{SKU: "L", Title: "Tee, L", Product: "Tee", Variant: "L", Price: 2100, Tax: 19000}, {SKU: "PEN", Title: "Pen", Price: 300, Tax: 19000},
	}, []Offer{
		{ID: "tee", Title: "Tee", Lines: []Line{{N: 1, Of: []string{"S", "M", "L"}}}, Pay: 1, Price: 1900},
		{ID: "set", Title: "Set", Lines: []Line{{SKU: "PEN", N: 1}, {N: 1, Of: []string{"S", "M", "L"}}}, Price: 2050},
		{ID: "three", Title: "3 for 2", Lines: []Line{{N: 3, Of: []string{"S", "M", "L"}}}, Pay: 2, Price: 3800},
	}).Under(rules)
	return &Levels{Catalogue: c, Stock: []int{3, 2, 0, 9}, Offers: make([]Level, 3)}
}

func TestWhatIsChosenIsSold(t *testing.T) {
	l := tees(TaxRules{})
	for _, c := range []struct {
		offer        int
		choice, what string
		price        int64
	}{
		{0, "M", "Tee (M)", 2000}, {0, "L", "Tee (L)", 2100}, {1, "S", "Set (S)", 2050}, {2, "S S S", "3 for 2 (3 × S)", 3800}, {2, "L S M", "3 for 2 (S, M, L)", 4100}, {2, "M S M", "3 for 2 (S, 2 × M)", 4000},
	} {
		o, why := l.Pick(c.offer, 0, strings.Fields(c.choice))
		if why != "" || o.Price != c.price || o.Chooses() {
			t.Errorf("%s: %+v, %q, want %d", c.choice, o, why, c.price)
			continue
		}
		if what := What(o.Title, Price(l.Catalogue, o)); what != c.what {
			t.Errorf("%q, want %q", what, c.what)
		}
	}
	for _, c := range []struct {
		offer       int
		choice, why string
	}{
		{0, "", "Please choose 1 of these: 0 are chosen."}, {0, "S S", "Please choose 1 of these: 2 are chosen."}, {0, "PEN", "Please choose 1 of these: 0 are chosen."}, {1, "S PEN", "What was chosen is not in this offer. Please look at it and choose again."},
		{2, "S S", "Please choose 3 of these: 2 are chosen."}, {0, "S XL", "What was chosen is not in this offer. Please look at it and choose again."},
	} {
		if o, why := l.Pick(c.offer, 0, strings.Fields(c.choice)); why != c.why {
			t.Errorf("%q: %+v, %q, want %q", c.choice, o, why, c.why)
		}
	}
	if left := []int{l.Left("tee"), l.Left("set"), l.Left("three")}; !slices.Equal(left, []int{5, 5, 1}) {
		t.Errorf("%v are left", left)
	}
	if o, ok := l.OfferOf("L", 0); ok || o.ID != "tee" { // as it is hidden, in no state that is known
		t.Errorf("%+v, %v", o, ok)
	}
	dearer := tees(TaxRules{})
	dearer.Catalogue.SKUs[2].Price++
	if again := NewCatalogue("EUR", dearer.Catalogue.SKUs, dearer.Catalogue.Offers); (&Levels{Catalogue: again, Offers: l.Offers}).Terms("tee", 0) == l.Terms("tee", 0) {
		t.Error("what costs more now is sold by a prompt from before")
	}
}

// TestNoChoiceCostsLessThanIsSaid, and each adds up, to the last minor unit, under any rules of tax.
func TestNoChoiceCostsLessThanIsSaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := tees(TaxRules{Added: rapid.Bool().Draw(t, "added"), Rounding: rapid.SampledFrom(Roundings).Draw(t, "rounding")})
		i := rapid.IntRange(0, 2).Draw(t, "offer")
		n := []int{1, 1, 3}[i]
		o, why := l.Pick(i, 0, rapid.SliceOfN(rapid.SampledFrom([]string{"S", "M", "L"}), n, n).Draw(t, "choice"))
		if why != "" {
			t.Fatal(why)
		}
		var sum int64
		for _, line := range Price(l.Catalogue, o) {
			sum += line.Amount
		}
		if least := l.At(i, 0).Price; sum != o.Price || o.Price < least && o.Pay == 0 || o.Price < least-2 {
			t.Fatalf("%d in lines of %d, said to be %d at least", sum, o.Price, least)
		}
	})
}
