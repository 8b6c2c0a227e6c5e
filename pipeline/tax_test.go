package pipeline

import (
	"testing"

	"pgregory.net/rapid"
)

// TestTaxesAreRoundedByRule: one amount a row, and its tax by each rule.
func TestTaxesAreRoundedByRule(t *testing.T) {
	for _, c := range []struct {
		added                  bool
		amount                 int64
		rate                   TaxRate
		halfUp, even, up, down int64
	}{
		{false, 11900, 19000, 1900, 1900, 1900, 1900}, // nothing to round
		{false, 1000, 19000, 160, 160, 160, 159},      // 159.66
		{false, 107, 7000, 7, 7, 7, 7},
		{false, 9, 50000, 3, 3, 3, 3},
		{false, 1, 19000, 0, 0, 1, 0},
		{true, 1000, 8875, 89, 89, 89, 88}, // 88.75
		{true, 50, 5000, 3, 2, 3, 2},       // 2.5: the even one is 2
		{true, 70, 5000, 4, 4, 4, 3},       // 3.5: the even one is 4
		{true, 999, 8250, 82, 82, 83, 82},  // 82.4175
		{true, 0, 19000, 0, 0, 0, 0},       // given away
		{true, 1_00_000_000, 100_000, 1e8, 1e8, 1e8, 1e8},
	} {
		for rule, want := range map[Rounding]int64{"": c.halfUp, HalfUp: c.halfUp, HalfEven: c.even, Up: c.up, Down: c.down} {
			if got := (TaxRules{Added: c.added, Rounding: rule}).Of(c.amount, c.rate); got != want {
				t.Errorf("tax of %d at %v (added: %v), %q: %d, want %d", c.amount, c.rate, c.added, rule, got, want)
			}
		}
	}
}

// TestAnOfferAddsUp: whatever is in it, the lines are what is paid, to the last minor unit, and each line's tax is by the rules.
func TestAnOfferAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var skus []SKU
		var lines []Line
		for i := range rapid.IntRange(1, 8).Draw(t, "lines") {
			id := string(rune('A' + i))
			skus = append(skus, SKU{SKU: id, Price: rapid.Int64Range(0, 100_000_000).Draw(t, "price"), Tax: TaxRate(rapid.IntRange(0, 100_000).Draw(t, "rate"))})
			lines = append(lines, Line{SKU: id, N: rapid.IntRange(1, 100).Draw(t, "n")})
		}
		rules := TaxRules{Added: rapid.Bool().Draw(t, "added"), Rounding: rapid.SampledFrom(Roundings).Draw(t, "rounding")}
		price := rapid.Int64Range(0, 100_000_000).Draw(t, "offer")
		c := NewCatalogue("USD", skus, []Offer{{ID: "o", Lines: lines, Price: price}}).Under(rules)
		o := (&Levels{Catalogue: c, Offers: make([]Level, 1)}).At(0, 0)
		var sum, net int64
		for _, l := range Price(c, o) {
			if l.Amount < 0 || l.Tax < 0 || l.Tax > l.Amount {
				t.Fatalf("%+v", l)
			}
			of := l.Amount
			if rules.Added {
				of -= l.Tax
			}
			if l.Tax != rules.Of(of, l.Rate) {
				t.Fatalf("%+v: the tax of %d by %+v is %d", l, of, rules, rules.Of(of, l.Rate))
			}
			sum, net = sum+l.Amount, net+l.Amount-l.Tax
		}
		if sum != o.Price || rules.Added && net != price || !rules.Added && o.Price != price {
			t.Fatalf("%d and %d without taxes, of an offer for %d, which is sold for %d", sum, net, price, o.Price)
		}
	})
}
