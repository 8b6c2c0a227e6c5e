package capture

import "sync/atomic"

// Pace lets one of every so many pictures through. A camera asks it before it does any work for a picture. The zero value and nil
// let all through. Set may be called from any goroutine, Due from one at a time.
type Pace struct {
	every atomic.Int32
	n     int32 // pictures since the last one that was let through
}

// Set lets one of every so many through from now on; below 2: all.
func (p *Pace) Set(every int) { p.every.Store(int32(every)) }

// Due tells whether the next picture is one of those.
func (p *Pace) Due() bool {
	if p == nil {
		return true
	}
	if p.n++; p.n < p.every.Load() {
		return false
	}
	p.n = 0
	return true
}
