package wifi

import (
	"sync"
	"time"

	"edgekit.internal/cmd/internal/wire"
)

// away is for how long a phone may be out of the network and is the same when it is back: one that was let go to make room, and came
// back as soon as it might.
const away = wire.WifiRest + time.Minute

// stays are since when phones are in the kit's own network, with breaks of less than away. It is in memory only. Safe for concurrent use.
type stays struct {
	mu sync.Mutex
	of map[string]stay // by MAC
}

type stay struct{ from, last time.Time }

// see notes who is in the network, and forgets who has been away.
func (s *stays) see(in []wire.WifiStation, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range in {
		s.note(w.MAC, now)
	}
	for mac, is := range s.of {
		if now.Sub(is.last) > away {
			delete(s.of, mac)
		}
	}
}

// since is when a phone came that is in the network now: it may have come after the last look.
func (s *stays) since(mac string, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.note(mac, now)
}

// note is see of one; s.mu is held.
func (s *stays) note(mac string, now time.Time) time.Time {
	is, ok := s.of[mac]
	if !ok || now.Sub(is.last) > away {
		is.from = now
	}
	is.last = now
	s.of[mac] = is
	return is.from
}
