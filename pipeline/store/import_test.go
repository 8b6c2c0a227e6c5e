package store

import (
	"context"
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
