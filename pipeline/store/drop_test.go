package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"edgekit.internal/pipeline"
)

// drops has one offer that goes for ten minutes once it is started, and becomes dearer.
var drops = pipeline.NewCatalogue("EUR", demo.SKUs, []pipeline.Offer{{ID: "mug", Title: "Mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: 900, State: pipeline.OfferHidden, Lasts: 10 * time.Minute,
	Steps: []pipeline.Step{{Sold: 1, Price: 1000}, {Sold: 1, After: 5 * time.Minute, Price: 1100}}}})

// tapAt is a tap on the mug at a price that was shown.
func tapAt(n int, price int64) pipeline.Order {
	o := order(n, "ann", "mug")
	o.Total.Minor = price
	o.Lines = pipeline.Price(drops, pipeline.Offer{Lines: drops.Offers[0].Lines, Price: price})
	return o
}

// TestADropStartsByItself: counted down by kit time, through a restart, once; and ends by itself.
func TestADropStartsByItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	var clock atomic.Int64
	clock.Store(int64(time.Hour))
	opt := Options{Now: func() time.Duration { return time.Duration(clock.Load()) }}
	s, stop := running(t, path, opt)
	ctx := context.Background()
	if _, err := s.Import(ctx, drops, []byte("drops")); err != nil {
		t.Fatal(err)
	}
	wish := order(9001, "", "mug").ID
	count := func(in time.Duration) error { return s.SetOffer(ctx, wish, "mug", pipeline.OfferSoon, in) }
	if err := count(5 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if s.Levels().Shown != "mug" {
		t.Errorf("%q is on show", s.Levels().Shown)
	}
	is := func(want pipeline.OfferState) {
		t.Helper()
		if got := s.Levels().StateAt("mug", opt.Now()); got != want {
			t.Errorf("at %v it is %s, expected %s", opt.Now(), got, want)
		}
	}
	reason := func(o pipeline.Order, want pipeline.Reason) {
		t.Helper()
		if got := act(t, s, o); got.Reason != want {
			t.Errorf("at %v: %s %q, expected %s", opt.Now(), got.Reason, got.Details, want)
		}
	}
	is(pipeline.OfferSoon)
	reason(tapAt(1, 900), pipeline.TooLate)
	window := s.Levels().Offers[0].Window
	clock.Add(int64(4 * time.Minute))
	if err := count(5 * time.Minute); err != nil { // a repeat of the wish does not begin the countdown anew
		t.Fatal(err)
	}
	if err := count(time.Minute); !errors.Is(err, ErrReused) {
		t.Errorf("an id for two wishes: %v", err)
	}
	stop()
	s, stop = opened(t, path, opt)
	defer func() { stop() }()
	clock.Add(int64(time.Minute - time.Millisecond))
	is(pipeline.OfferSoon)
	if next, ok := s.Levels().Due(opt.Now()); !ok || next != opt.Now()+time.Millisecond {
		t.Errorf("due at %v, %v", next, ok)
	}
	clock.Add(int64(time.Millisecond))
	is(pipeline.OfferLive)
	reason(tapAt(2, 900), pipeline.Confirmed)
	reason(tapAt(3, 900), pipeline.TooLate) // one is sold: it is dearer now
	reason(tapAt(4, 1000), pipeline.Confirmed)
	clock.Add(int64(5 * time.Minute))
	reason(tapAt(5, 1000), pipeline.TooLate)
	reason(tapAt(6, 1100), pipeline.Confirmed)
	clock.Add(int64(5 * time.Minute))
	is(pipeline.OfferOver)
	reason(tapAt(7, 1100), pipeline.TooLate)
	if got := s.Levels().Offers[0]; got.Window != window || got.Sold != 3 {
		t.Errorf("%+v, expected one window, %d, and 3 sold", got, window)
	}
}

// TestWhatCannotBeCountedDown is refused, and nothing is done.
func TestWhatCannotBeCountedDown(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	was := s.Levels().Offers[0]
	for _, c := range []struct {
		state pipeline.OfferState
		in    time.Duration
	}{{pipeline.OfferSoon, -1}, {pipeline.OfferSoon, MaxCountdown + 1}, {pipeline.OfferLive, time.Minute}, {pipeline.OfferOver, time.Minute}, {pipeline.OfferSoon, 1<<63 - 1}} {
		if err := s.SetOffer(context.Background(), "", "mug", c.state, c.in); !errors.Is(err, ErrCountdown) {
			t.Errorf("%s in %v: %v", c.state, c.in, err)
		}
	}
	if is := s.Levels().Offers[0]; is != was {
		t.Errorf("%+v, was %+v", is, was)
	}
}

// TestACountdownIsCalledOff by any other state, also for the next start of the store.
func TestACountdownIsCalledOff(t *testing.T) {
	for _, state := range pipeline.OfferStates {
		path := filepath.Join(t.TempDir(), "kit.db")
		var clock atomic.Int64
		opt := Options{Now: func() time.Duration { return time.Duration(clock.Load()) }}
		s, stop := running(t, path, opt)
		ctx := context.Background()
		if err := errors.Join(s.SetOffer(ctx, "", "mug", pipeline.OfferSoon, time.Minute), s.SetOffer(ctx, "", "mug", state, 0)); err != nil {
			t.Fatal(err)
		}
		stop()
		s, stop = running(t, path, opt)
		clock.Add(int64(time.Hour))
		if got := s.Levels().StateAt("mug", opt.Now()); got != state {
			t.Errorf("after the countdown %s, and it had been called off by %s", got, state)
		}
		stop()
	}
}
