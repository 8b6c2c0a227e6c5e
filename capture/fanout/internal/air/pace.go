package air

import "time"

// Pace lets so many bytes a second through, in small portions, where a rate is set.
type Pace struct {
	Rate  float64 // bytes a second; 0: no bound
	left  float64 // bytes that may go now; below zero: went too early
	at    time.Duration
	Due   *time.Timer // when the next may go
	Waits bool        // for Due; whoever takes that says so
}

// portion is for how long at most what was not sent is saved up.
const portion = 5 * time.Millisecond

// NewPace begins at what is allowed before anything is known. Stop Due at the end.
func NewPace() Pace {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return Pace{Due: t, Rate: Begin * 1000 / 8}
}

// Fill gives what the time since the last has brought.
func (p *Pace) Fill(now time.Duration) {
	p.left = min(p.left+p.Rate*(now-p.at).Seconds(), p.Rate*portion.Seconds())
	if p.at = now; p.Rate == 0 {
		p.left = 0 // nothing is owed from when there was less
	}
}

// May says whether the next picture may go; if not, due comes when it may.
func (p *Pace) May() bool {
	if p.Rate == 0 || p.left > 0 {
		return true
	}
	if !p.Waits {
		p.Waits = true
		p.Due.Reset(p.Wait())
	}
	return false
}

// Wait is how long until something may go.
func (p *Pace) Wait() time.Duration {
	return time.Duration(-p.left/p.Rate*float64(time.Second)) + time.Millisecond
}

// Spend takes note of what was sent.
func (p *Pace) Spend(bytes int) {
	if p.Rate > 0 {
		p.left -= float64(bytes)
	}
}
