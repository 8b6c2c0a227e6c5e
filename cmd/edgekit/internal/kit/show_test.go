package kit

import (
	"context"
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
		s := &show{
			levels: func() *pipeline.Levels { return &pipeline.Levels{Catalogue: pipeline.NewCatalogue("EUR", nil, nil)} },
			now:    func() time.Duration { return 0 },
			set: func(is capture.Scene) {
				if last := is.Banners[len(is.Banners)-1]; last.Text == "The Wi-Fi is full" && last.Until > capture.Monotonic() {
					said.Add(1)
				}
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- s.sayFull(ctx, func() ([]crowd.Phone, int) { return make([]crowd.Phone, on.Load()), int(most.Load()) })
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
	s := &show{
		levels: func() *pipeline.Levels { return &pipeline.Levels{Catalogue: pipeline.NewCatalogue("EUR", nil, nil)} },
		now:    func() time.Duration { return 0 },
		set:    func(is capture.Scene) { set = is },
		span:   func(tap, step string) { seen = append(seen, tap+" "+step) },
	}
	sold := func(tap string) uint64 {
		s.confirm(pipeline.Outcome{Tap: tap, Ticket: "A-1", Left: -1})
		return set.Rev
	}
	first, second := sold("1"), sold("2")
	const at = 1<<32 - 2000 // the timestamp wraps in the middle
	s.picture(at)
	s.coming(capture.Areas{RTP: at + 1, Rev: first})
	s.picture(at)
	if len(seen) != 0 {
		t.Errorf("before any picture shows it: %v", seen)
	}
	s.coming(capture.Areas{RTP: (at + 3000) & (1<<32 - 1), Rev: second})
	s.picture(at + 1)
	if len(seen) != 1 || seen[0] != "1 picture" {
		t.Errorf("%v", seen)
	}
	s.picture(1000)
	s.picture(4000)
	if len(seen) != 2 || seen[1] != "2 picture" {
		t.Errorf("%v", seen)
	}
}
