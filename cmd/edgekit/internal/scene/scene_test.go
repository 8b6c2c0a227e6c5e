package scene

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/edgekit/internal/crowd"
	"edgekit.internal/pipeline"
)

// TestThePictureSaysNowAndThenThatTheWiFiIsFull, and only while it is.
func TestThePictureSaysNowAndThenThatTheWiFiIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said, on, most atomic.Int64
		s := New(Config{
			Levels: func() *pipeline.Levels { return &pipeline.Levels{Catalogue: pipeline.NewCatalogue("EUR", nil, nil)} },
			Now:    func() time.Duration { return 0 },
			Set: func(is capture.Scene) {
				if last := is.Banners[len(is.Banners)-1]; last.Text == "The Wi-Fi is full" && last.Until > capture.Monotonic() {
					said.Add(1)
				}
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- s.SayFull(ctx, func() ([]crowd.Phone, int) { return make([]crowd.Phone, on.Load()), int(most.Load()) })
		}()
		for _, c := range []struct{ on, most, want int64 }{{0, 0, 0}, {6, 7, 0}, {7, 7, 5}, {8, 7, 5}, {6, 7, 0}, {7, 0, 0}} {
			said.Store(0)
			on.Store(c.on)
			most.Store(c.most)
			time.Sleep(5 * fullEvery)
			synctest.Wait()
			if n := said.Load(); n != c.want {
				t.Errorf("%d of %d on: said %d times in 5 minutes, want %d", c.on, c.most, n, c.want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestAConfirmationIsInThePictureFromThePictureThatShowsIt, not from when that was announced, and once.
func TestAConfirmationIsInThePictureFromThePictureThatShowsIt(t *testing.T) {
	var seen []string
	var set capture.Scene
	s := New(Config{
		Levels: func() *pipeline.Levels { return &pipeline.Levels{Catalogue: pipeline.NewCatalogue("EUR", nil, nil)} },
		Now:    func() time.Duration { return 0 },
		Set:    func(is capture.Scene) { set = is },
		Span:   func(tap, step string) { seen = append(seen, tap+" "+step) },
	})
	sold := func(tap string) uint64 {
		s.Confirm(pipeline.Outcome{Tap: tap, Ticket: "A-1", Left: -1})
		return set.Rev
	}
	first, second := sold("1"), sold("2")
	const at = 1<<32 - 2000 // the timestamp wraps in the middle
	s.Picture(at)
	s.Coming(capture.Areas{RTP: at + 1, Rev: first})
	s.Picture(at)
	if len(seen) != 0 {
		t.Errorf("before any picture shows it: %v", seen)
	}
	s.Coming(capture.Areas{RTP: (at + 3000) & (1<<32 - 1), Rev: second})
	s.Picture(at + 1)
	if len(seen) != 1 || seen[0] != "1 picture" {
		t.Errorf("%v", seen)
	}
	s.Picture(1000)
	s.Picture(4000)
	if len(seen) != 2 || seen[1] != "2 picture" {
		t.Errorf("%v", seen)
	}
}

// stall is a catalogue with a mug and a set of two things, both live.
func stall() *pipeline.Levels {
	c := pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "MUG", Title: "Mug", Stock: 5}, {SKU: "PEN", Title: "Pen", Stock: 9}},
		[]pipeline.Offer{{ID: "mug", Title: "Mug", Price: 1000, Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, State: pipeline.OfferLive},
			{ID: "set", Title: "Desk set", Price: 1500, Lines: []pipeline.Line{{SKU: "MUG", N: 1}, {SKU: "PEN", N: 2}}, State: pipeline.OfferLive}})
	return &pipeline.Levels{Catalogue: c, Stock: []int{5, 9}, Offers: []pipeline.Level{{State: pipeline.OfferLive}, {State: pipeline.OfferLive}}}
}

func TestABundleSaysWhatIsInIt(t *testing.T) {
	var set capture.Scene
	s := New(Config{Levels: stall, Now: func() time.Duration { return 0 }, Set: func(is capture.Scene) { set = is },
		Lower: capture.Lower{Name: "Blue Door"}, Theme: capture.Theme{Light: true}})
	if !s.Update() || s.Update() {
		t.Error("the first look is news, the second is none")
	}
	if len(set.Prompts) != 2 || set.Prompts[0].In != "" || set.Prompts[1].In != "Mug · 2 × Pen" {
		t.Errorf("%+v", set.Prompts)
	}
	if set.Lower.Name != "Blue Door" || !set.Theme.Light || set.QR.Text != "" {
		t.Errorf("%+v", set)
	}
}

// TestWhatCanBeChosenIsInThePicture, and at what price from.
func TestWhatCanBeChosenIsInThePicture(t *testing.T) {
	var skus []pipeline.SKU
	var all []string
	for i, size := range []string{"S", "M", "L", "XL", "XXL"} {
		skus, all = append(skus, pipeline.SKU{SKU: size, Title: "Tee, " + size, Variant: size, Price: 1900 + int64(i), Stock: 2}), append(all, size)
	}
	l := &pipeline.Levels{Catalogue: pipeline.NewCatalogue("EUR", skus, []pipeline.Offer{{ID: "tee", Title: "Tee", Lines: []pipeline.Line{{N: 1, Of: all[:3]}}, Price: 2000},
		{ID: "three", Title: "3 for 2", Lines: []pipeline.Line{{N: 3, Of: all}}, Pay: 2, Price: 3800}}), Stock: []int{2, 2, 2, 2, 2}, Offers: []pipeline.Level{{State: pipeline.OfferLive}, {State: pipeline.OfferLive}}}
	var set capture.Scene
	s := New(Config{Levels: func() *pipeline.Levels { return l }, Now: func() time.Duration { return 0 }, Set: func(is capture.Scene) { set = is }})
	s.Update()
	if p := set.Prompts; len(p) != 2 || p[0].In != "S, M or L" || p[0].Price != "€ 20.00" || p[1].In != "3 × S, M, L, XL …" || p[1].Price != "from € 38.00" || p[1].Left != 3 {
		t.Errorf("%+v", p)
	}
}

func TestCodesTakeTurnsAndAreNewOnceTheyMayHaveBeenUsed(t *testing.T) {
	now, minted := time.Hour, 0
	c := &Codes{Now: func() time.Duration { return now }, Link: func(offer string, life time.Duration) string {
		minted++
		return fmt.Sprint(offer, " ", life, " ", minted)
	}}
	live := stall().Catalogue.Offers
	look := func(offers []pipeline.Offer, want string) {
		t.Helper()
		if got := c.Show(offers); got.Text != want || (got.Label == "") != (want == "") {
			t.Errorf("%+v, want %q", got, want)
		}
	}
	look(nil, "")
	look(live, "mug 1m15s 1")
	now += codeFor - 1
	look(live, "mug 1m15s 1")
	c.Spent()
	look(live, "mug 1m15s 2")
	look(live, "mug 1m15s 2")
	now++
	look(live, "set 1m15s 3")
	look(live[:1], "mug 1m15s 4")
	now += codeFor
	look(live[:1], "mug 1m15s 5")
	look(nil, "")
}

// TestANewCodeIsNoNewsOfOffers: pages need not hear of it, the picture must.
func TestANewCodeIsNoNewsOfOffers(t *testing.T) {
	sets, text := 0, "first"
	s := New(Config{Levels: stall, Now: func() time.Duration { return 0 }, Set: func(capture.Scene) { sets++ },
		Code: func(live []pipeline.Offer) capture.QR { return capture.QR{Text: fmt.Sprint(text, len(live))} }})
	s.Update()
	text = "second"
	if s.Update() || sets != 2 {
		t.Errorf("%d scenes", sets)
	}
}

// TestTheOfferOnShowHasAPrompt, however many there are, and the others stay where they are.
func TestTheOfferOnShowHasAPrompt(t *testing.T) {
	l := &pipeline.Levels{Catalogue: pipeline.NewCatalogue("EUR", nil, []pipeline.Offer{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "e"}, {ID: "f"}, {ID: "g"}}), Offers: make([]pipeline.Level, 7)}
	for i := range l.Offers {
		l.Offers[i].State = pipeline.OfferLive
	}
	l.Offers[1].State, l.Offers[6].State = pipeline.OfferHidden, pipeline.OfferOver
	for shown, want := range map[string]string{"": "a c d e", "a": "a c d e", "e": "a c d e", "f": "a c d f", "g": "a c d e", "b": "a c d e", "gone": "a c d e"} {
		var drawn capture.Scene
		l.Shown = shown
		s := New(Config{Levels: func() *pipeline.Levels { return l }, Now: func() time.Duration { return 0 }, Set: func(is capture.Scene) { drawn = is }})
		s.Update()
		var got []string
		for _, p := range drawn.Prompts {
			got = append(got, p.Offer)
		}
		if fmt.Sprint(got) != "["+want+"]" {
			t.Errorf("%q on show: %v, expected %s", shown, got, want)
		}
	}
}
