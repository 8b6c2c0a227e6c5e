package pipeline

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTicketNumbers(t *testing.T) {
	for n, want := range map[int64]string{1: "A-001", 42: "A-042", 999: "A-999", 1000: "B-001", 26 * 999: "Z-999", 26*999 + 1: "AA-001"} {
		if got := TicketNumber(n); got != want {
			t.Errorf("ticket %d is %s, want %s", n, got, want)
		}
	}
}

func TestTicketNumbersDiffer(t *testing.T) {
	seen := map[string]bool{}
	for n := int64(1); n < 800_000; n++ {
		s := TicketNumber(n)
		if seen[s] {
			t.Fatalf("ticket %d is %s again", n, s)
		}
		if back, ok := ParseTicketNumber(s); !ok || back != n {
			t.Fatalf("%s is ticket %d, read back as %d", s, n, back)
		}
		seen[s] = true
	}
}

func TestWhatIsNoTicketNumber(t *testing.T) {
	for _, s := range []string{"", "A", "A-", "-001", "A-000", "A-1", "A-0001", "a-001", "A-+01", "ABCDE-001", "Ä-001"} {
		if n, ok := ParseTicketNumber(s); ok {
			t.Errorf("%q was read as %d", s, n)
		}
	}
}

func TestMoneyReadsAsPeopleWriteIt(t *testing.T) {
	for _, c := range []struct {
		m    Money
		want string
	}{
		{Money{1250, "EUR"}, "€ 12.50"}, {Money{5, "USD"}, "$ 0.05"}, {Money{1200, "JPY"}, "¥ 1200"},
		{Money{12345, "KWD"}, "12.345 KWD"}, {Money{-250, "CHF"}, "-2.50 CHF"},
	} {
		if got := c.m.String(); got != c.want {
			t.Errorf("%+v reads %q, want %q", c.m, got, c.want)
		}
	}
}

func TestTaxContained(t *testing.T) {
	for _, c := range []struct {
		gross int64
		rate  TaxRate
		want  int64
	}{{11900, 19000, 1900}, {100, 19000, 16}, {1000, 0, 0}, {107, 7000, 7}, {1, 19000, 0}} {
		if got := (TaxRules{}).Of(c.gross, c.rate); got != c.want {
			t.Errorf("%s in %d is %d, want %d", c.rate, c.gross, got, c.want)
		}
	}
}

// TestPriceSplitsToTheLastCent: whatever the bundle, its lines add up, none is negative, and none is off its share by a
// whole unit.
func TestPriceSplitsToTheLastCent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var skus []SKU
		o := Offer{Price: rapid.Int64Range(0, 1_000_000).Draw(t, "price")}
		for i := range rapid.IntRange(1, 6).Draw(t, "lines") {
			id := string(rune('a' + i))
			skus = append(skus, SKU{SKU: id, Price: rapid.Int64Range(0, 50_000).Draw(t, "sku"), Tax: 19000})
			o.Lines = append(o.Lines, Line{SKU: id, N: rapid.IntRange(1, 5).Draw(t, "n")})
		}
		var sum int64
		for _, l := range Price(NewCatalogue("EUR", skus, nil), o) {
			sum += l.Amount
			if l.Amount < 0 || l.Tax < 0 || l.Tax > l.Amount {
				t.Fatalf("line %+v", l)
			}
		}
		if sum != o.Price {
			t.Fatalf("lines add up to %d of %d", sum, o.Price)
		}
	})
}

func TestLimiterIsBoundedAndFair(t *testing.T) {
	l, now := NewLimiter(1, 3, 2), time.Unix(0, 0)
	for i := range 5 {
		ok, retry := l.Allow("loud", now)
		if ok != (i < 3) || !ok && (retry <= 0 || retry > time.Second) {
			t.Errorf("event %d: %v, retry in %v", i, ok, retry)
		}
	}
	if ok, _ := l.Allow("quiet", now); !ok {
		t.Error("one key's noise was held against another")
	}
	l.Allow("third", now)
	if n := l.order.Len(); n != 2 || len(l.byKey) != 2 {
		t.Errorf("%d keys kept, want 2", n)
	}
	if ok, _ := l.Allow("third", now.Add(time.Second)); !ok {
		t.Error("waiting did not help")
	}
}

func TestLeftIsTheLeastOfStockAndLimit(t *testing.T) {
	c := NewCatalogue("EUR", []SKU{{SKU: "MUG"}, {SKU: "PEN"}}, []Offer{
		{ID: "mug", Lines: []Line{{SKU: "MUG", N: 1}}}, {ID: "few", Lines: []Line{{SKU: "MUG", N: 1}}, Limit: 3},
		{ID: "set", Lines: []Line{{SKU: "MUG", N: 2}, {SKU: "PEN", N: 1}}}, {ID: "twice", Lines: []Line{{SKU: "MUG", N: 1}, {SKU: "MUG", N: 2}}},
		{ID: "gone", Lines: []Line{{SKU: "CUP", N: 1}}},
	})
	l := &Levels{Catalogue: c, Stock: []int{9, 2}, Offers: make([]Level, 5)}
	l.Offers[1].Sold = 1
	for id, want := range map[string]int{"mug": 9, "few": 2, "set": 2, "twice": 3, "gone": 0, "none": 0} {
		if got := l.Left(id); got != want {
			t.Errorf("%s: %d left, want %d", id, got, want)
		}
	}
}

func TestALiveOfferEndsByKitTime(t *testing.T) {
	c := NewCatalogue("EUR", nil, []Offer{{ID: "a"}, {ID: "b"}})
	l := &Levels{Catalogue: c, Offers: []Level{{State: OfferLive, Ends: time.Minute}, {State: OfferLive}}}
	for _, c := range []struct {
		id   string
		at   time.Duration
		want OfferState
	}{{"a", time.Minute - 1, OfferLive}, {"a", time.Minute, OfferOver}, {"b", 1000 * time.Hour, OfferLive}, {"c", 0, OfferWithdrawn}} {
		if s := l.StateAt(c.id, c.at); s != c.want {
			t.Errorf("%s at %v is %s, want %s", c.id, c.at, s, c.want)
		}
	}
}

// TestACodeIsFoundHoweverAReaderSaysIt: a UPC-A with 12 digits or 13, a barcode before an id, and nothing that is not there.
func TestACodeIsFoundHoweverAReaderSaysIt(t *testing.T) {
	c := NewCatalogue("EUR", []SKU{{SKU: "MUG", Barcode: "4006381333931"}, {SKU: "PEN", Barcode: "036000291452"}, {SKU: "CUP"}, {SKU: "96385074"}, {SKU: "BOX", Barcode: "CUP"}}, nil)
	for text, want := range map[string]string{"4006381333931": "MUG", "036000291452": "PEN", "0036000291452": "PEN", "96385074": "96385074", "CUP": "BOX", "PEN": "PEN",
		"4006381333932": "", "mug": "", "": "", "EK:A-042": ""} {
		if got, ok := c.Scanned(text); got.SKU != want || ok != (want != "") {
			t.Errorf("%q: %q, expected %q", text, got.SKU, want)
		}
	}
}

// TestTheOfferOfASKU: the smallest that may be shown; else a larger one that is shown already, but none that is prepared; none of what is
// not sold.
func TestTheOfferOfASKU(t *testing.T) {
	lines := func(ls ...Line) []Line { return ls }
	c := NewCatalogue("EUR", []SKU{{SKU: "MUG"}, {SKU: "PEN"}, {SKU: "BOX"}}, []Offer{
		{ID: "set", Lines: lines(Line{SKU: "MUG", N: 1}, Line{SKU: "PEN", N: 2})}, {ID: "mugs", Lines: lines(Line{SKU: "MUG", N: 2})}, {ID: "mug", Lines: lines(Line{SKU: "MUG", N: 1})}, {ID: "again", Lines: lines(Line{SKU: "MUG", N: 1})}})
	for _, s := range []struct {
		states [4]OfferState
		sku    string
		want   string
		ok     bool
	}{
		{[4]OfferState{OfferLive, OfferLive, OfferLive, OfferLive}, "MUG", "mug", true},
		{[4]OfferState{OfferLive, OfferLive, OfferHidden, OfferLive}, "MUG", "mug", true},
		{[4]OfferState{OfferLive, OfferLive, OfferOver, OfferSoon}, "MUG", "again", true},
		{[4]OfferState{OfferLive, OfferWithdrawn, OfferOver, OfferSoldOut}, "MUG", "set", true},
		{[4]OfferState{OfferHidden, OfferSoon, OfferOver, OfferOver}, "MUG", "mugs", true},
		{[4]OfferState{OfferHidden, OfferHidden, OfferOver, OfferSoldOut}, "MUG", "mug", false},
		{[4]OfferState{OfferOver, OfferOver, OfferOver, OfferOver}, "MUG", "mug", false},
		{[4]OfferState{OfferHidden, OfferOver, OfferOver, OfferOver}, "PEN", "set", true},
		{[4]OfferState{OfferLive, OfferLive, OfferLive, OfferLive}, "PEN", "set", true},
		{[4]OfferState{OfferLive, OfferLive, OfferLive, OfferLive}, "BOX", "", false},
	} {
		l := &Levels{Catalogue: c}
		for _, state := range s.states {
			l.Offers = append(l.Offers, Level{State: state})
		}
		if got, ok := l.OfferOf(s.sku, 0); got.ID != s.want || ok != s.ok {
			t.Errorf("%s with %v: %q, %v", s.sku, s.states, got.ID, ok)
		}
	}
}
