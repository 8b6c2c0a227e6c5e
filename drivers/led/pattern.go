package led

import "time"

// Pattern is how a light shows something: on and off in turn, beginning with on, for so long each, over and over. None: Off.
type Pattern struct {
	Name  string
	steps []time.Duration
}

// What a light can show all the time. They differ in rhythm, not only in speed, so that each is known by itself.
var (
	Off   = Pattern{Name: "off"}
	Ready = Pattern{"ready", []time.Duration{time.Hour}}                                                 // on
	Live  = Pattern{"live", []time.Duration{1800 * ms, 200 * ms}}                                        // on, with a short dip every 2 s
	Fault = Pattern{"fault", []time.Duration{500 * ms, 500 * ms}}                                        // on and off alike
	Help  = Pattern{"help", []time.Duration{100 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 700 * ms}} // three flashes and a pause
)

// What a light can show once, between. Each begins with a pause, in which it is dark, so that it is seen on a light that is on.
var (
	Sale = Pattern{"sale", []time.Duration{0, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms}}                                                  // two flashes
	Yes  = Pattern{"yes", []time.Duration{0, 150 * ms, 600 * ms, 150 * ms}}                                                                       // a long one
	No   = Pattern{"no", []time.Duration{0, 150 * ms, 70 * ms, 70 * ms, 70 * ms, 70 * ms, 70 * ms, 70 * ms, 70 * ms, 70 * ms, 70 * ms, 150 * ms}} // five quick ones
	Held = Pattern{"held", []time.Duration{0, 100 * ms, 80 * ms, 100 * ms}}                                                                       // a short one
)

const ms = time.Millisecond

// Length is how long it takes once.
func (p Pattern) Length() (d time.Duration) {
	for _, s := range p.steps {
		d += s
	}
	return d
}

// at is whether the light is on so long after the pattern began, and after how long that is to be looked at again; 0: never.
func (p Pattern) at(since time.Duration) (on bool, next time.Duration) {
	whole := p.Length()
	if whole <= 0 {
		return false, 0
	}
	since %= whole
	for i, s := range p.steps {
		if since < s {
			return i%2 == 0, s - since
		}
		since -= s
	}
	return false, 0 // not reached: since is less than the steps' sum
}

// shown is what one light shows.
type shown struct {
	base  Pattern
	since time.Duration // base's begin
	once  Pattern
	from  time.Duration // once's begin
}

func (s *shown) show(p Pattern, now time.Duration) {
	if p.Name != s.base.Name { // else its rhythm is not broken
		s.base, s.since = p, now
	}
}

func (s *shown) flash(p Pattern, now time.Duration) { s.once, s.from = p, now }

// at is whether the light is on at a time, and after how long that is to be looked at again; 0: only when it is told something.
func (s *shown) at(now time.Duration) (on bool, next time.Duration) {
	if now-s.from < s.once.Length() {
		return s.once.at(now - s.from)
	}
	s.once = Pattern{}
	return s.base.at(now - s.since)
}
