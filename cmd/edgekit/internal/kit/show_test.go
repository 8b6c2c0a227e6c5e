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
