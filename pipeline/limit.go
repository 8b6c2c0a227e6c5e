package pipeline

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter allows each key so many events a second. It remembers a bounded number of keys and forgets the longest
// unused first; a forgotten key starts with a full burst, which is why the bound should be well above the keys that can
// be busy at once. Safe for concurrent use.
type Limiter struct {
	rate  rate.Limit
	burst int
	keys  int

	mu    sync.Mutex
	byKey map[string]*list.Element
	order *list.List // of *bucket, latest used in front
}

type bucket struct {
	key string
	*rate.Limiter
}

// NewLimiter allows perSecond events a second and key on average, and burst at once, for the latest keys keys.
func NewLimiter(perSecond float64, burst, keys int) *Limiter {
	return &Limiter{rate: rate.Limit(perSecond), burst: burst, keys: keys, byKey: map[string]*list.Element{}, order: list.New()}
}

// Allow takes one event of a key; when there is none to take it says how long until there is.
func (l *Limiter) Allow(key string, now time.Time) (ok bool, retry time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byKey[key]
	if e == nil {
		if l.order.Len() >= l.keys {
			delete(l.byKey, l.order.Remove(l.order.Back()).(*bucket).key)
		}
		e = l.order.PushFront(&bucket{key, rate.NewLimiter(l.rate, l.burst)})
		l.byKey[key] = e
	}
	l.order.MoveToFront(e)
	r := e.Value.(*bucket).ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return false, wait
	}
	return true, 0
}
