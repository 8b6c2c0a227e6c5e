package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgekit.internal/pipeline"
)

// TestNothingIsOversoldWhateverIsImported: catalogues come and go while it sells, with and without a SKU, with more or
// fewer pieces of it, and restarts between; what is left is always what the catalogue has, less all that was ever sold.
func TestNothingIsOversoldWhateverIsImported(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", time.Now().UnixNano()))
		s, stop := running(t, path, Options{})
		defer func() { stop() }()
		sold, stock, n := 0, 10, 0
		rt.Repeat(map[string]func(*rapid.T){
			"import": func(rt *rapid.T) {
				stock = rapid.IntRange(0, 12).Draw(rt, "stock")
				c := pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "PEN"}}, nil)
				if stock < 12 { // else it is left out
					c = pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19000, Stock: stock}}, demo.Offers[:1])
				}
				if _, err := s.Import(context.Background(), c, fmt.Append(nil, stock)); err != nil {
					rt.Fatal(err)
				}
			},
			"tap": func(*rapid.T) {
				n++
				if act(t, s, order(n, fmt.Sprint(n), "mug")).OK() {
					sold++
				}
			},
			"restart": func(rt *rapid.T) {
				stop()
				var err error
				if s, err = Open(path, Options{}); err != nil {
					rt.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error)
				go func() { done <- s.Run(ctx) }()
				stop = func() { cancel(); <-done; s.Close() }
			},
			"": func(rt *rapid.T) {
				if _, i, ok := s.Levels().Catalogue.SKU("MUG"); ok && s.Levels().Stock[i] != max(0, stock-sold) {
					rt.Fatalf("%d left of %d, of which %d were sold", s.Levels().Stock[i], stock, sold)
				}
			},
		})
	})
}

// TestABundleThatChangedIsNotSoldAsItWas: the slip, the stock and the journal would not tell the same story.
func TestABundleThatChangedIsNotSoldAsItWas(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	late := order(1, "ann", "set") // priced, and then the catalogue changes
	offers := append([]pipeline.Offer(nil), demo.Offers...)
	offers[1].Lines = []pipeline.Line{{SKU: "MUG", N: 1}, {SKU: "PEN", N: 3}}
	if _, err := s.Import(context.Background(), pipeline.NewCatalogue("EUR", demo.SKUs, offers), []byte("other pens")); err != nil {
		t.Fatal(err)
	}
	if out := act(t, s, late); out.Reason != pipeline.TooLate {
		t.Errorf("%+v", out)
	}
	if left := s.Levels().Stock[1]; left != 5 {
		t.Errorf("%d pens left", left)
	}
}

// TestAFileIsImportedWhenItChanged, and not because something else was imported since: a start with the same file does
// not bring an old catalogue back.
func TestAFileIsImportedWhenItChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	ctx := context.Background()
	step := func(what string, imported bool, err error, want bool, hats int) {
		t.Helper()
		if _, i, _ := s.Levels().Catalogue.SKU("HAT"); err != nil || imported != want || s.Levels().Stock[i] != hats {
			t.Errorf("%s: %v, %v, stock %v", what, imported, err, s.Levels().Stock)
		}
	}
	hats := func(n int) *pipeline.Catalogue {
		return pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "HAT", Stock: n}}, nil)
	}
	ok, err := s.ImportFile(ctx, hats(1), []byte("1"))
	step("a file", ok, err, true, 1)
	ok, err = s.Import(ctx, hats(2), []byte("2"))
	step("the shell", ok, err, true, 2)
	stop()
	if s, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	run, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- s.Run(run) }()
	defer func() { cancel(); <-done; s.Close() }()
	ok, err = s.ImportFile(ctx, hats(1), []byte("1"))
	step("the same file after a restart", ok, err, false, 2)
	ok, err = s.ImportFile(ctx, hats(3), []byte("3"))
	step("the file, edited", ok, err, true, 3)
	ok, err = s.ImportFile(ctx, hats(1), []byte("1"))
	step("and edited back", ok, err, true, 1)
	ok, err = s.Import(ctx, hats(4), []byte("4"))
	step("the shell again", ok, err, true, 4)
	ok, err = s.ImportFile(ctx, hats(4), []byte("4"))
	step("a file with what is in use", ok, err, false, 4)
	ok, err = s.Import(ctx, hats(5), []byte("5"))
	step("the shell once more", ok, err, true, 5)
	ok, err = s.ImportFile(ctx, hats(4), []byte("4"))
	step("the file that had been in use", ok, err, false, 5)
}

// TestTakenIsInTheCurrencyInUse: amounts in another are not added to it.
func TestTakenIsInTheCurrencyInUse(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	act(t, s, order(1, "ann", "mug"))
	if n, err := s.Taken(context.Background()); n != 1000 || err != nil {
		t.Error(n, err)
	}
	if _, err := s.Import(context.Background(), pipeline.NewCatalogue("JPY", demo.SKUs, demo.Offers), []byte("yen")); err != nil {
		t.Fatal(err)
	}
	o := order(2, "ann", "mug")
	if out := act(t, s, o); out.Reason != pipeline.TooLate {
		t.Errorf("priced in another currency: %+v", out)
	}
	o = order(3, "ann", "mug")
	o.Total.Currency = "JPY"
	if out := act(t, s, o); !out.OK() {
		t.Errorf("%+v", out)
	}
	if n, err := s.Taken(context.Background()); n != 1000 || err != nil {
		t.Error("of two sales in two currencies", n, err)
	}
	o = order(4, "ann", "mug")
	o.Total.Currency = "JPY"
	act(t, s, o)
	for range 2 {
		if n, err := s.Taken(context.Background()); n != 2000 || err != nil {
			t.Error("with one more", n, err)
		}
	}
	if _, err := s.Import(context.Background(), demo, []byte("euros again")); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Taken(context.Background()); n != 1000 || err != nil {
		t.Error("in the first currency again", n, err)
	}
}

// TestWhatIsNotCountedIsNeverSoldOut, alone and with what is; and when it is counted one day, that begins then.
func TestWhatIsNotCountedIsNeverSoldOut(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	one := func(sku string) pipeline.Line { return pipeline.Line{SKU: sku, N: 1} }
	offers := []pipeline.Offer{{ID: "mug", Lines: []pipeline.Line{one("MUG")}, Price: 1000, State: pipeline.OfferLive},
		{ID: "set", Lines: []pipeline.Line{one("MUG"), one("PEN")}, Price: 1000, State: pipeline.OfferLive}, {ID: "few", Lines: []pipeline.Line{one("MUG")}, Price: 1000, Limit: 2, State: pipeline.OfferLive}}
	bring := func(mug pipeline.SKU) {
		t.Helper()
		mug.SKU = "MUG"
		if _, err := s.Import(context.Background(), pipeline.NewCatalogue("EUR", []pipeline.SKU{mug, {SKU: "PEN", Stock: 3}}, offers), fmt.Append(nil, mug)); err != nil {
			t.Fatal(err)
		}
	}
	left := func() string {
		l := s.Levels()
		return fmt.Sprint(l.Left("mug"), l.Left("set"), l.Left("few"), l.Of("mug"), l.Of("set"))
	}
	n := 0
	sell := func(offer string, times int) {
		t.Helper()
		for range times {
			n++
			o := order(n, fmt.Sprint("viewer ", n), offer)
			of, _, _ := s.Levels().Catalogue.Offer(offer)
			o.Lines, o.Total = pipeline.Price(s.Levels().Catalogue, of), pipeline.Money{Minor: of.Price, Currency: "EUR"}
			if out, err := s.Act(context.Background(), o); err != nil || !out.OK() || out.Left != s.Levels().Left(offer) {
				t.Fatalf("%+v, %v", out, err)
			}
		}
	}
	bring(pipeline.SKU{Uncounted: true})
	if got := left(); got != "-1 3 2 -1 3" {
		t.Error(got)
	}
	sell("mug", 20)
	sell("set", 2)
	sell("few", 1)
	if got := left(); got != "-1 1 1 -1 3" {
		t.Error(got)
	}
	bring(pipeline.SKU{Stock: 5})
	sell("mug", 2)
	if got := left(); got != "3 1 1 25 3" {
		t.Error("counted:", got)
	}
}

// TestAnImportThatWasOvertaken does nothing: what it was made of is not in use any more.
func TestAnImportThatWasOvertaken(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	was := s.Levels().Catalogue
	next := func(stock int) *pipeline.Catalogue {
		return pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "MUG", Stock: stock}}, nil)
	}
	if _, err := s.ImportOver(context.Background(), was, next(1), []byte("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ImportOver(context.Background(), was, next(2), []byte("two")); !errors.Is(err, ErrOvertaken) || s.Levels().Stock[0] != 1 {
		t.Errorf("%v, %v", err, s.Levels().Stock)
	}
}

// TestACorrectionOutlivesImports: what was counted by hand is not counted again by the next file.
func TestACorrectionOutlivesImports(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	n := 0
	bring := func(stock int) {
		t.Helper()
		c := pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "MUG", Stock: stock}}, []pipeline.Offer{{ID: "mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: 1000, State: pipeline.OfferLive}})
		if _, err := s.Import(context.Background(), c, fmt.Append(nil, "mugs ", stock)); err != nil {
			t.Fatal(err)
		}
	}
	correct := func(set bool, by int) pipeline.CorrectionOutcome {
		t.Helper()
		n++
		out, err := s.Correct(context.Background(), pipeline.Correction{ID: order(n, "", "mug").ID, SKU: "MUG", Set: set, N: by, Reason: pipeline.Delivered})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	left := func(want int) {
		t.Helper()
		if got := s.Levels().Stock[0]; got != want {
			t.Errorf("%d left, expected %d", got, want)
		}
	}
	bring(10)
	for range 3 {
		n++
		if out := act(t, s, order(n, fmt.Sprint(n), "mug")); !out.OK() {
			t.Fatalf("%+v", out)
		}
	}
	correct(false, 5)
	left(12)
	bring(11) // one more
	left(13)
	correct(true, 20)
	bring(10) // one fewer
	left(19)
	bring(2) // there cannot be so few
	left(11)
	if out := correct(false, -12); out.OK() || out.Left != 11 || out.Details == "" {
		t.Errorf("%+v", out)
	}
	if out := correct(false, -11); !out.OK() || out.By != -11 || out.Left != 0 {
		t.Errorf("%+v", out)
	}
	bring(3)
	left(1)
	list, err := s.Corrections(context.Background(), 2)
	if err != nil || len(list) != 2 || list[0].By != -11 || list[1].OK() {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.Correct(context.Background(), pipeline.Correction{SKU: "MUG"}); err == nil {
		t.Error("one without an id")
	}
}
