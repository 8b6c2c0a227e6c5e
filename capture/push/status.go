package push

import "time"

// State is how far the stream is.
type State string

// The states.
const (
	Off        State = "off"        // it is not to be sent
	Connecting State = "connecting" // the server is being asked
	Live       State = "live"       // the server has it
	Waiting    State = "waiting"    // it does not, and will be asked again
)

// Status is how the stream does. There is nothing secret in it.
type Status struct {
	State  State
	Server string        // its name, and port
	Reason string        // of Waiting, for people
	Again  time.Duration // of Waiting, until it is asked again
	Since  time.Duration // for how long it is in this state

	// Of Live.
	Layer  uint8
	Kbps   int           // what was sent in the last second, headers apart
	Usable int           // what the way carries, kbit/s, as far as its feedback tells; 0: it does not
	RTT    time.Duration // 0: not known yet
	Loss   float64       // 0 to 1, in the last second
	Sound  bool          // there is sound in it

	Dropped uint64 // pictures and packets of sound that did not fit, since the start
	Lives   uint64 // how often it became Live, since the start
}

// Status is how the stream does now.
func (p *Push) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, now := p.is.status, time.Now()
	s.Since = now.Sub(p.is.since)
	if s.State == Waiting {
		s.Again = max(0, p.is.due.Sub(now))
	}
	s.Dropped = p.feed.dropped.Load()
	return s
}

// told is what was last said, and when. Times are time.Time for their monotonic part: the kit's date may jump.
type told struct {
	status     Status
	since, due time.Time
}

// say makes a state the present one.
func (p *Push) say(s Status, due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	is := &p.is
	if s.State != is.status.State {
		is.since = time.Now()
		if s.State == Live {
			is.status.Lives++
		}
	}
	s.Server, s.Lives = is.status.Server, is.status.Lives
	is.status, is.due = s, due
}
