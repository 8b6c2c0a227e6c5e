package portal

import (
	"sync"
	"time"
)

// Rate is how often something may happen: so many times at once, and then so many a second.
type Rate struct {
	Burst     float64
	PerSecond float64
}

// maxStations bounds what is remembered of stations: an access point lets in 2007 at most, and one that a Pi can have, 64.
const maxStations = 512

// Ration is how much stations may ask for: each, and all together. Whoever asks for more harms only itself, because what it is
// refused for its own sake is not taken from the others. The least recently seen of 512 stations is forgotten for the next. Safe for
// concurrent use.
type Ration struct {
	each, all Rate
	now       func() time.Duration

	mu       sync.Mutex
	stations map[MAC]*bucket
	common   bucket
}

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Duration
}

// NewRation makes one that goes by a clock which only rises.
func NewRation(each, all Rate, now func() time.Duration) *Ration {
	return &Ration{each: each, all: all, now: now, stations: map[MAC]*bucket{}, common: bucket{all.Burst, now()}}
}

// Take is whether a station may have one more.
func (r *Ration) Take(m MAC) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	b := r.stations[m]
	if b == nil {
		if len(r.stations) >= maxStations {
			r.forget()
		}
		b = &bucket{r.each.Burst, now}
		r.stations[m] = b
	}
	b.fill(r.each, now)
	r.common.fill(r.all, now)
	if b.tokens < 1 || r.common.tokens < 1 {
		return false
	}
	b.tokens--
	r.common.tokens--
	return true
}

func (b *bucket) fill(rate Rate, now time.Duration) {
	b.tokens = min(rate.Burst, b.tokens+rate.PerSecond*max(0, now-b.at).Seconds())
	b.at = now
}

func (r *Ration) forget() {
	var oldest MAC
	first := true
	for m, b := range r.stations {
		if first || b.at < r.stations[oldest].at {
			oldest, first = m, false
		}
	}
	delete(r.stations, oldest)
}
