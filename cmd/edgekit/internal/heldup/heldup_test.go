package heldup

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stall is a watch with a catalogue, on synctest's clock: what it puts on show is in shown, and is on show.
type stall struct {
	*Watch
	levels *pipeline.Levels
	shown  []string
	slips  int // that were looked up
	refuse string
}

func newStall(ask bool) *stall {
	one := func(sku string) []pipeline.Line { return []pipeline.Line{{SKU: sku, N: 1}} }
	skus := []pipeline.SKU{{SKU: "MUG", Title: "Mug", Barcode: "4006381333931"}, {SKU: "PEN", Title: "Pen"}, {SKU: "OLD", Title: "Old"}, {SKU: "BOX", Title: "Box"}}
	offers := []pipeline.Offer{{ID: "mug", Title: "Mug", Lines: one("MUG")}, {ID: "pen", Title: "Pen", Lines: one("PEN")}, {ID: "old", Title: "Old", Lines: one("OLD")}}
	s := &stall{levels: &pipeline.Levels{Catalogue: pipeline.NewCatalogue("EUR", skus, offers),
		Offers: []pipeline.Level{{State: pipeline.OfferHidden}, {State: pipeline.OfferLive}, {State: pipeline.OfferOver}}}}
	s.Watch = New(Config{Ask: ask, Levels: func() *pipeline.Levels { return s.levels }, Now: func() time.Duration { return 0 }, Log: slog.New(slog.DiscardHandler),
		Listed: func(_ context.Context, code string) bool { return code == "GUEST-7" },
		Ticket: func(context.Context, string) wire.Scan {
			s.slips++
			return wire.Scan{Detail: fmt.Sprint(s.slips, " to pay.")}
		},
		Show: func(_ context.Context, offer string) wire.Press {
			if s.refuse != "" {
				return wire.Press{Detail: s.refuse}
			}
			s.shown = append(s.shown, offer)
			_, i, _ := s.levels.Catalogue.Offer(offer)
			s.levels = s.levels.Clone()
			s.levels.Shown, s.levels.Offers[i].State = offer, pipeline.OfferLive
			return wire.Press{OK: true, Detail: offer + " is live."}
		}})
	return s
}

// hold holds codes up for a while, as the camera tells of it.
func (s *stall) hold(d time.Duration, texts ...string) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		for _, text := range texts {
			s.take(context.Background(), capture.Code{Kind: "qr", Text: text}, time.Now())
		}
	}
}

const mug, pen = "4006381333931", "PEN"

// TestAProductIsShownOnceWhileItIsHeldUp: flickers, two in turn, two together, one that comes back.
func TestAProductIsShownOnceWhileItIsHeldUp(t *testing.T) {
	type step struct {
		texts string
		for_  time.Duration
		shown string // from the start
	}
	for name, steps := range map[string][]step{
		"held for a minute":         {{mug, time.Minute, "mug"}},
		"hidden for two seconds":    {{mug, time.Second, "mug"}, {"", 2 * time.Second, "mug"}, {mug, time.Second, "mug"}},
		"on show already":           {{mug, time.Second, "mug"}, {"", time.Minute, "mug"}, {mug, time.Second, "mug"}},
		"one, the other, the first": {{mug, 5 * time.Second, "mug"}, {pen, 5 * time.Second, "mug pen"}, {mug, 5 * time.Second, "mug pen mug"}},
		"swapped, and soon back":    {{mug, 5 * time.Second, "mug"}, {pen, 2 * time.Second, "mug pen"}, {mug, 2 * time.Second, "mug pen"}, {mug, 4 * time.Second, "mug pen mug"}},
		"both together":             {{mug + " " + pen, time.Minute, "mug pen"}, {mug, 5 * time.Second, "mug pen mug"}},
		"nothing of the kit's":      {{"edgekit:A-001:01J0000000000000000000ZYXW", time.Minute, ""}, {"http://10.66.0.1/t/abc", time.Minute, ""}, {"WIFI:T:WPA;S:x;P:y;;", time.Minute, ""}},
		"over":                      {{"OLD", time.Minute, ""}},
		"in no offer":               {{"BOX", time.Minute, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStall(false)
				for i, st := range steps {
					if st.texts == "" {
						time.Sleep(st.for_)
					} else {
						s.hold(st.for_, strings.Fields(st.texts)...)
					}
					if got := strings.Join(s.shown, " "); got != st.shown {
						t.Errorf("step %d: shown %q, expected %q", i, got, st.shown)
					}
				}
			})
		})
	}
}

// TestADropThatEndsDoesNotBeginTheNext, while its product is still held up; held up anew it does.
func TestADropThatEndsDoesNotBeginTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(false)
		c := s.levels.Catalogue
		s.levels.Catalogue = pipeline.NewCatalogue("EUR", c.SKUs, append(slices.Clone(c.Offers), pipeline.Offer{ID: "second", Title: "Mug again", Lines: c.Offers[0].Lines}))
		s.levels.Offers = append(s.levels.Offers, pipeline.Level{State: pipeline.OfferHidden})
		s.hold(2*time.Second, mug)
		s.levels = s.levels.Clone()
		s.levels.Offers[0].State = pipeline.OfferOver
		s.hold(time.Minute, mug)
		if got := strings.Join(s.shown, " "); got != "mug" {
			t.Errorf("shown %q", got)
		}
		time.Sleep(gone + time.Second)
		s.hold(2*time.Second, mug)
		if got := strings.Join(s.shown, " "); got != "mug second" {
			t.Errorf("shown %q", got)
		}
	})
}

// TestTheConsoleSaysWhatIsHeldUp, and for a while what was.
func TestTheConsoleSaysWhatIsHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(false)
		says := func(want string) {
			t.Helper()
			if got := s.Latest(); got.Detail != want || got.Offer != "" {
				t.Errorf("%+v, expected %q", got, want)
			}
		}
		says("No product's code is held up.")
		s.hold(time.Second, mug)
		says("mug is live.")
		s.hold(time.Second, "poster") // behind it
		says("mug is live.")
		s.hold(5*time.Second, "poster")
		says("No product has that code. Give it as barcode to its SKU in the catalogue.")
		s.hold(5*time.Second, slip.Code(pipeline.Ticket{Number: "A-001", Tap: "01J0000000000000000000ZYXW"}))
		says("1 to pay.")
		s.hold(2*time.Second, "poster")
		s.hold(5*time.Second, slip.Code(pipeline.Ticket{Number: "A-002", Tap: "01J0000000000000000000ZYXW"}))
		says("2 to pay.")
		s.hold(4*time.Second, "poster")
		s.hold(time.Second, slip.Code(pipeline.Ticket{Number: "A-001", Tap: "01J0000000000000000000ZYXW"}))
		says("3 to pay.")
		s.hold(5*time.Second, "OLD")
		says("Old is not for sale now: start it in the console.")
		s.hold(5*time.Second, "BOX")
		says("Box is in no offer.")
		for text, said := range map[string]string{"4006381333948": "4006381333948", "MUG-03": "MUG-03", "WIFI:T:WPA;S:x;P:secret;;": "", "http://10.66.0.1/t/abc": "", "Ann Example": ""} {
			s.hold(5*time.Second, text)
			if got := s.Latest().Text; got != said {
				t.Errorf("of %q the console says %q", text, got)
			}
		}
		s.hold(5*time.Second, "BOX")
		since := s.Latest().At
		s.hold(5*time.Second, "BOX")
		if now := s.Latest().At; !now.Equal(since) {
			t.Errorf("held up since %v, and a moment later since %v: an open console would be told all the time", since, now)
		}
		time.Sleep(shown + time.Second)
		says("No product's code is held up.")

		var none *Watch
		none.Saw(capture.Code{Text: mug})
		if none.Latest() != nil || none.Dropped() != 0 {
			t.Error("a camera that does not look says something")
		}
	})
}

// TestTheOperatorIsAsked, shows it by hand or not, and is not asked about what is on show.
func TestTheOperatorIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(true)
		s.hold(2*time.Second, mug, "poster")
		if got := s.Latest(); got.Offer != "mug" || got.Title != "Mug" || got.Detail != "Mug is held up: show it?" || len(s.shown) > 0 {
			t.Fatalf("%+v", got)
		}
		time.Sleep(shown / 2)
		s.hold(time.Second, "poster")
		if got := s.Latest(); got.Offer != "mug" {
			t.Errorf("the question is gone before a hand can answer it: %+v", got)
		}
		s.cfg.Show(t.Context(), "mug") // the button
		if got := s.Latest(); got.Offer != "" || got.Detail != "Mug is on show." {
			t.Errorf("%+v", got)
		}
		s.hold(10*time.Second, mug)
		if got := s.Latest(); got.Offer != "" {
			t.Errorf("asked about what is on show: %+v", got)
		}
		s.hold(10*time.Second, pen)
		if got := s.Latest(); got.Offer != "pen" {
			t.Errorf("%+v", got)
		}
		time.Sleep(shown + time.Second)
		if got := s.Latest(); got.Offer != "" {
			t.Errorf("asked about what is long gone: %+v", got)
		}
	})
}

// TestWhatCouldNotBeShownIsTriedAgain while it is held up, not more often than once a second.
func TestWhatCouldNotBeShownIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(false)
		s.refuse = "The kit is busy."
		s.hold(3*time.Second, mug)
		if got := s.Latest(); got.Detail != s.refuse || got.Offer != "mug" {
			t.Errorf("%+v", got)
		}
		s.refuse = ""
		s.hold(3*time.Second, mug)
		if !slices.Equal(s.shown, []string{"mug"}) {
			t.Errorf("%v", s.shown)
		}
	})
}

// TestNoFlappingWhateverIsWaved: never two within a second, never the same twice in a row while it is on show, and who holds up one alone
// for long enough has it on show.
func TestNoFlappingWhateverIsWaved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Uint8Range(0, 3), 1, 120).Draw(rt, "half seconds") // bit 0: the mug is seen, bit 1: the pen
		synctest.Test(t, func(*testing.T) {
			s := newStall(false)
			var at []time.Time
			show := s.cfg.Show
			s.cfg.Show = func(ctx context.Context, offer string) wire.Press {
				at = append(at, time.Now())
				return show(ctx, offer)
			}
			for _, seen := range steps {
				for bit, text := range []string{mug, pen} {
					if seen>>bit&1 == 1 {
						s.take(context.Background(), capture.Code{Text: text}, time.Now())
					}
				}
				time.Sleep(500 * time.Millisecond)
			}
			for i := range at {
				if i > 0 && (at[i].Sub(at[i-1]) < time.Second || s.shown[i] == s.shown[i-1]) {
					rt.Fatalf("shown %v at %v", s.shown, at)
				}
			}
			s.hold(2*gone, pen)
			if s.levels.Shown != "pen" {
				rt.Fatalf("the pen alone is held up, and %q is on show", s.levels.Shown)
			}
		})
	})
}

// TestAFloodIsBounded: a camera program gone mad is heard as far as the queue goes, and nothing waits for it.
func TestAFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(false)
		for range 1000 {
			s.Saw(capture.Code{Text: mug})
		}
		if s.Dropped() != 1000-maxWaiting {
			t.Errorf("%d dropped", s.Dropped())
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		synctest.Wait()
		if got := s.Latest(); got.Detail != "mug is live." {
			t.Errorf("%+v", got)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
