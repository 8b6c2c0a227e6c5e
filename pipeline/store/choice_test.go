package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

// shirts are in three sizes, of which one visitor may have two, and three of any for the price of two.
var shirts = pipeline.NewCatalogue("EUR", []pipeline.SKU{
	{SKU: "S", Title: "Tee, S", Product: "Tee", Variant: "S", Price: 1900, Tax: 19000, Stock: 2, PerVisitor: 2},
	{SKU: "M", Title: "Tee, M", Product: "Tee", Variant: "M", Price: 2000, Tax: 19000, Stock: 1},
	{SKU: "L", Title: "Tee, L", Product: "Tee", Variant: "L", Price: 2100, Tax: 19000, Stock: 9},
}, []pipeline.Offer{
	{ID: "tee", Title: "Tee", Lines: []pipeline.Line{{N: 1, Of: []string{"S", "M", "L"}}}, Pay: 1, Price: 1900, State: pipeline.OfferLive},
	{ID: "three", Title: "3 for 2", Lines: []pipeline.Line{{N: 3, Of: []string{"S", "M", "L"}}}, Pay: 2, Price: 3800, State: pipeline.OfferLive},
})

func pick(t *testing.T, s *Store, n int, viewer, offer string, choice ...string) pipeline.Order {
	t.Helper()
	o := order(n, viewer, offer)
	l := s.Levels()
	_, i, _ := l.Catalogue.Offer(offer)
	picked, why := l.Pick(i, s.opt.Now(), choice)
	if why != "" {
		t.Fatal(why)
	}
	o.Choice, o.Title, o.Lines, o.Total = choice, picked.Title, pipeline.Price(l.Catalogue, picked), pipeline.Money{Minor: picked.Price, Currency: "EUR"}
	return o
}

// TestWhatIsChosenIsTaken: of that and no other, at its price; once; and what it is exchanged for.
func TestWhatIsChosenIsTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	ctx := context.Background()
	if _, err := s.Import(ctx, shirts, []byte("shirts")); err != nil {
		t.Fatal(err)
	}
	left := func(want ...int) {
		t.Helper()
		for i, n := range want {
			if s.Levels().Stock[i] != n {
				t.Errorf("%v are left, want %v", s.Levels().Stock, want)
				return
			}
		}
	}
	first := pick(t, s, 1, "ann", "tee", "M")
	out := act(t, s, first)
	if !out.OK() || out.Title != "Tee (M)" || out.Total.Minor != 2000 || out.Left != 11 {
		t.Errorf("%+v", out)
	}
	left(2, 0, 9)
	if out := act(t, s, pick(t, s, 2, "bob", "tee", "M")); out.Reason != pipeline.SoldOut || out.Details != "Of what you chose there are not so many left. Please choose again." {
		t.Errorf("%+v", out)
	}
	cheaper := pick(t, s, 3, "bob", "tee", "L")
	cheaper.Total.Minor = 1900
	if out := act(t, s, cheaper); out.Reason != pipeline.TooLate {
		t.Errorf("at another's price: %+v", out)
	}
	other := pick(t, s, 4, "bob", "tee", "S")
	other.Choice = []string{"L"}
	if out := act(t, s, other); out.Reason != pipeline.TooLate {
		t.Errorf("as another: %+v", out)
	}
	if out := act(t, s, pick(t, s, 5, "bob", "three", "S", "L", "S")); !out.OK() || out.Title != "3 for 2 (2 × S, L)" || out.Total.Minor != 4000 {
		t.Errorf("%+v", out)
	}
	left(0, 0, 8)
	stop()
	s, stop = running(t, path, Options{})
	defer func() { stop() }()
	if _, err := s.Import(ctx, shirts, []byte("shirts")); err != nil {
		t.Fatal(err)
	}
	left(0, 0, 8)
	if again := act(t, s, first); again.Ticket != out.Ticket || again.Title != "Tee (M)" || again.Total != out.Total {
		t.Errorf("the same again: %+v", again)
	}
	for n, c := range []struct {
		choice []string
		says   string
		ok     bool
	}{
		{nil, "Nothing is exchanged. Tee: Please choose 1 of these: 0 are chosen.", false},
		{[]string{"S"}, "Nothing is exchanged. Tee: Of what you chose there are not so many left. Please choose again.", false},
		{[]string{"L"}, "A-001: 1 x Tee, M exchanged for A-003: Tee (L). € 21.00 to pay.", true},
	} {
		a := counterAct(n, "A-001", pipeline.Void)
		a.For, a.Choice, a.Restock = "tee", c.choice, true
		if out := serve(t, s, a); out.OK() != c.ok || out.Details != c.says {
			t.Errorf("for %v: %+v", c.choice, out)
		}
	}
	left(0, 1, 7)
	if a := counterAct(9, "A-001", pipeline.Void); a.Valid() {
		if a.Choice = []string{"L"}; a.Valid() {
			t.Error("a choice of nothing is valid")
		}
	}
}

// TestAVisitorHasNoMoreOfAThingThanMayBe, by whatever offers; what was voided does not count.
func TestAVisitorHasNoMoreOfAThingThanMayBe(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	ctx := context.Background()
	if _, err := s.Import(ctx, shirts, []byte("shirts")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Correct(ctx, pipeline.Correction{ID: order(90000, "", "mug").ID, SKU: "S", N: 20, Reason: pipeline.Delivered}); err != nil {
		t.Fatal(err)
	}
	if out := act(t, s, pick(t, s, 1, "ann", "three", "S", "S", "L")); !out.OK() {
		t.Fatalf("%+v", out)
	}
	const says = "There are 2 of Tee, S for each visitor: this would be 3."
	if out := act(t, s, pick(t, s, 2, "ann", "tee", "S")); out.Reason != pipeline.Refused || out.Details != says {
		t.Errorf("%+v", out)
	}
	if out := act(t, s, pick(t, s, 3, "ann", "tee", "L")); !out.OK() {
		t.Errorf("%+v", out)
	}
	if out := act(t, s, pick(t, s, 4, "bob", "three", "S", "S", "S")); out.Reason != pipeline.Refused || out.Details != says {
		t.Errorf("%+v", out)
	}
	a := counterAct(1, "A-001", pipeline.Void)
	a.Pieces, a.Restock = []int{1, 0}, true
	serve(t, s, a)
	if out := act(t, s, pick(t, s, 5, "ann", "tee", "S")); !out.OK() {
		t.Errorf("%+v", out)
	}
}

// TestWhoWaitsForAKindGetsThatKind: who waits for another one holds up nobody; a line ends with what it is for, and what is kept goes back.
func TestWhoWaitsForAKindGetsThatKind(t *testing.T) {
	now := time.Hour
	opt := Options{Now: func() time.Duration { return now }, Line: time.Minute}
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), opt)
	ctx := context.Background()
	if _, err := s.Import(ctx, shirts, []byte("shirts")); err != nil {
		t.Fatal(err)
	}
	correct := func(n int, sku string, by int) {
		t.Helper()
		if out, err := s.Correct(ctx, pipeline.Correction{ID: order(90000+n, "", "mug").ID, SKU: sku, N: by, Reason: pipeline.Delivered}); err != nil || !out.OK() {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	correct(1, "S", -2)
	correct(2, "M", -1)
	for n, c := range []struct{ viewer, size, says string }{
		{"ann", "S", "Sold out. You are the next in line: if one comes free, it is kept for you for a moment."},
		{"bob", "M", "Sold out. You are in line, with 1 before you: if one comes free, it is kept for you for a moment."},
		{"cid", "M", "Sold out. You are in line, with 2 before you: if one comes free, it is kept for you for a moment."},
		{"bob", "S", "Sold out. You are in line, with 1 before you: if one comes free, it is kept for you for a moment."}, // of two wishes the last
		{"bob", "M", "Sold out. You are in line, with 1 before you: if one comes free, it is kept for you for a moment."},
	} {
		if out := act(t, s, pick(t, s, 10+n, c.viewer, "tee", c.size)); out.Reason != pipeline.SoldOut || out.Details != c.says {
			t.Errorf("%+v", out)
		}
	}
	correct(3, "M", 1)
	if p, ok := s.Place("bob", "tee"); !ok || p.Until != now+time.Minute {
		t.Fatalf("%+v, %v", p, ok)
	}
	if p, ok := s.Place("cid", "tee"); !ok || p != (pipeline.Place{Ahead: 1}) {
		t.Errorf("%+v, %v", p, ok)
	}
	if out := act(t, s, pick(t, s, 20, "dan", "tee", "M")); out.Reason != pipeline.SoldOut {
		t.Errorf("what is kept for one is sold to another: %+v", out)
	}
	wrong := pick(t, s, 21, "bob", "tee", "M")
	wrong.Total.Minor++
	if out := act(t, s, wrong); out.Reason != pipeline.TooLate {
		t.Errorf("%+v", out)
	}
	if p, ok := s.Place("bob", "tee"); !ok || p.Until == 0 || s.Levels().Stock[1] != 0 {
		t.Errorf("after a tap that was refused nothing is kept: %+v, %v, %v left", p, ok, s.Levels().Stock)
	}
	if out := act(t, s, pick(t, s, 22, "bob", "tee", "M")); !out.OK() {
		t.Errorf("%+v", out)
	}
	correct(4, "S", 1)
	if p, _ := s.Place("ann", "tee"); p.Until == 0 {
		t.Error("ann is not called")
	}
	if err := s.SetOffer(ctx, "", "tee", pipeline.OfferOver, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.change(ctx, passed); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"ann", "cid", "dan"} {
		if p, ok := s.Place(v, "tee"); ok {
			t.Errorf("%s is in line for what is over: %+v", v, p)
		}
	}
	if l := s.Levels(); l.Stock[0] != 1 || l.Offers[0].Kept != 0 || l.Offers[0].Waiting != 0 {
		t.Errorf("%v left, %+v", l.Stock, l.Offers[0])
	}
}

// TestALineOutlivesAnotherCatalogue, and what is kept is not sold again by it; without lines in the settings there is none.
func TestALineOutlivesAnotherCatalogue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	now := time.Hour
	opt := Options{Now: func() time.Duration { return now }, Line: time.Minute}
	s, stop := running(t, path, opt)
	ctx := context.Background()
	for n := range 5 { // all that its limit allows
		act(t, s, order(n, "ann", "mug"))
	}
	act(t, s, order(10, "bob", "mug"))
	act(t, s, order(11, "cid", "mug"))
	a := counterAct(1, "A-001", pipeline.Void)
	a.Restock = true
	serve(t, s, a)
	more := pipeline.NewCatalogue("EUR", append([]pipeline.SKU{{SKU: "CUP", Title: "Cup", Stock: 1}}, demo.SKUs...), demo.Offers[:2])
	if _, err := s.Import(ctx, more, []byte("more")); err != nil {
		t.Fatal(err)
	}
	if l := s.Levels(); l.Stock[1] != 5 || l.Left("mug") != 0 || l.Offers[0].Kept != 1 || l.Offers[0].Waiting != 1 {
		t.Errorf("%v left, %+v", l.Stock, l.Offers[0])
	}
	stop()
	opt.Line = 0
	s, _ = opened(t, path, opt)
	if err := s.change(ctx, passed); err != nil {
		t.Fatal(err)
	}
	if l := s.Levels(); l.Stock[1] != 6 || l.Left("mug") != 1 || l.Offers[0].Kept != 0 {
		t.Errorf("%v left, %+v", l.Stock, l.Offers[0])
	}
}

// TestAShorterCatalogueComesWhileSomeIsKept: of a thing that is not in it any more, and stands in the old one where the new one has nothing.
func TestAShorterCatalogueComesWhileSomeIsKept(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{Line: time.Minute})
	ctx := context.Background()
	if _, err := s.Import(ctx, shirts, []byte("shirts")); err != nil {
		t.Fatal(err)
	}
	for n, by := range []int{-9, 1} {
		if n == 1 {
			act(t, s, pick(t, s, 1, "ann", "tee", "L"))
		}
		if out, err := s.Correct(ctx, pipeline.Correction{ID: order(90000+n, "", "mug").ID, SKU: "L", N: by, Reason: pipeline.Counted}); err != nil || !out.OK() {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if p, _ := s.Place("ann", "tee"); p.Until == 0 {
		t.Fatal("ann is not called")
	}
	short := pipeline.NewCatalogue("EUR", shirts.SKUs[:1], []pipeline.Offer{{ID: "tee", Title: "Tee", Lines: []pipeline.Line{{SKU: "S", N: 1}}, Price: 1900, State: pipeline.OfferLive}})
	if _, err := s.Import(ctx, short, []byte("short")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(ctx, shirts, []byte("shirts again")); err != nil {
		t.Fatal(err)
	}
	if l := s.Levels(); l.Stock[0] != 2 || l.Stock[2] != 1 || l.Offers[0].Kept != 0 {
		t.Errorf("%v left, %+v", l.Stock, l.Offers[0])
	}
}

// TestAFullLine takes nobody more, and tells those who stand in it where they do.
func TestAFullLine(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{Line: time.Minute})
	for n := range 5 {
		act(t, s, order(n, "ann", "mug"))
	}
	if out := act(t, s, order(10, "bob", "mug")); out.Reason != pipeline.SoldOut {
		t.Fatalf("%+v", out)
	}
	if err := s.change(context.Background(), func(g *group) error {
		g.lined = true
		for n := range maxLine - 1 {
			if err := sqlitex.Execute(g.conn, "INSERT INTO line (viewer, offer, choice, at) VALUES (?, 'mug', 'null', 0)", &sqlitex.ExecOptions{Args: []any{fmt.Sprint("v", n)}}); err != nil {
				return err
			}
		}
		return recount(g.conn, g.levels)
	}); err != nil {
		t.Fatal(err)
	}
	if out := act(t, s, order(11, "cid", "mug")); out.Details != "Sold out, and the line for it is full." {
		t.Errorf("%+v", out)
	}
	if out := act(t, s, order(12, "bob", "mug")); out.Details != "Sold out. You are the next in line: if one comes free, it is kept for you for a moment." {
		t.Errorf("%+v", out)
	}
}
