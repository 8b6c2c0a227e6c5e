// Package path tells how the way to a viewer does, from transport-wide feedback: what arrived, what did not, and how long
// a queue stands in the way.
//
// The kit sends each picture as a burst, so a burst's first packet finds what stood in the queue before it, and nothing of
// its own. How much later than the best of the last minute it comes is therefore how long the queue is. What a burst adds
// itself is gone before the next, so the least of some bursts is what stands (as CoDel reckons it, RFC 8289 section 3.1),
// and a key picture is no sign of trouble. The viewer's clock need not agree with the kit's, only run about as fast.
package path

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"time"
)

// Bounds of what is remembered.
const (
	bursts    = 64               // two seconds of pictures
	baseEvery = 30 * time.Second // the best of the last and of the current stretch of so long is what queues are reckoned from
)

// ErrFeedback is what Feedback answers to a message it cannot read.
var ErrFeedback = errors.New("path: malformed transport-wide feedback")

// Path is the way to one viewer. The zero value is ready. It is safe for concurrent use: who sends says what it sent, who
// receives what it was told.
type Path struct {
	mu    sync.Mutex
	ring  [bursts]burst
	count int // ever
	since tally
	total Totals
	loss  struct{ all, missing float64 } // packets of late, those of a second ago half

	fresh bool          // the latest least below is of a burst since the last Signs
	least time.Duration // one-way time, offset by the difference of the clocks
	queue time.Duration // as Signs told it last

	base, before time.Duration // the best of this stretch and of the last; 0: none
	turned       time.Duration // when this stretch began
	clock        arrivalClock
}

// burst is what was handed to the kernel at once.
type burst struct {
	first   uint64 // extended sequence number
	packets int
	bytes   int
	at      time.Duration
	came    int  // packets that have arrived, told of
	seen    bool // its first packet, or an early one, has arrived
	resent  bool // some of it was sent again: later arrivals say nothing of the queue
}

// tally is what has happened since the last Signs.
type tally struct {
	at            time.Duration
	sent          int // bytes
	came, missing int // packets
	bytes         int // that came
}

// Totals are counts since the start. A packet sent again may be counted both as missing and as arrived.
type Totals struct{ Arrived, Missing uint64 }

// Signs are how the path did since they were last asked for.
type Signs struct {
	Told      bool          // feedback came; without it the rest is zero, but for Sent and Queue
	Queue     time.Duration // that stands in the way
	Sent      int           // kbit/s handed to the kernel, UDP payload
	Delivered int           // kbit/s that arrived
	Lost      float64       // share of packets that did not, 0 to 1: what it is at least, as few packets say little
}

// Sent takes note of packets with consecutive numbers that were handed to the kernel together.
func (p *Path) Sent(first uint64, packets, bytes int, at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring[p.count%bursts] = burst{first: first, packets: packets, bytes: bytes, at: at}
	p.count++
	p.since.sent += bytes
}

// Resent takes note that a packet was sent again.
func (p *Path) Resent(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.find(uint16(seq)); b != nil {
		b.resent = true
	}
}

// Moved takes note that the way is another from now on: what was the best of the old one says nothing of it.
func (p *Path) Moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turned, p.queue, p.fresh = 0, 0, false
	for i := range p.ring {
		p.ring[i].resent = true // under way on the old one
	}
}

// find is the burst with a packet number; nil: too old, or never sent.
func (p *Path) find(seq uint16) *burst {
	if p.count == 0 {
		return nil
	}
	newest := p.ring[(p.count-1)%bursts]
	next := newest.first + uint64(newest.packets)
	number := next - uint64(uint16(next)-seq)
	from, to := max(p.count-bursts, 0), p.count // the last burst that begins no later is in [from, to)
	for to-from > 1 {
		if mid := (from + to) / 2; p.ring[mid%bursts].first <= number {
			from = mid
		} else {
			to = mid
		}
	}
	if b := &p.ring[from%bursts]; number >= b.first && number < b.first+uint64(b.packets) {
		return b
	}
	return nil
}

// Feedback reads the body of a transport-wide feedback message, from the base sequence number on
// (draft-holmer-rmcat-transport-wide-cc-extensions section 3.1). It costs no more than the message is long, whatever
// number of packets that claims to be about.
func (p *Path) Feedback(body []byte) error {
	if len(body) < 8 {
		return ErrFeedback
	}
	seq, n := binary.BigEndian.Uint16(body), int(binary.BigEndian.Uint16(body[2:]))
	deltas, err := afterChunks(body[8:], n)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.clock.reference(body[4:7])
	for c := body[8:]; n > 0; c = c[2:] {
		chunk := binary.BigEndian.Uint16(c)
		symbol, width, count := chunk>>13&3, uint(0), int(chunk&0x1FFF) // a run of one symbol
		if chunk>>15 == 1 {
			width = uint(1 + chunk>>14&1) // or 14 symbols of one bit, or 7 of two
			count = int(14 / width)
		}
		if count = min(count, n); width == 0 && (symbol == 0 || symbol == 3) {
			p.missed(count)
			seq, n = seq+uint16(count), n-count
			continue
		}
		for i := range count {
			if width != 0 {
				symbol = chunk >> (14 - width*uint(i+1)) & (1<<width - 1)
			}
			size, delta := readDelta(symbol, deltas)
			if size > len(deltas) {
				return ErrFeedback
			}
			if deltas = deltas[size:]; size == 0 {
				p.missed(1)
			} else {
				at += delta
				p.came(seq, at)
			}
			seq, n = seq+1, n-1
		}
	}
	return nil
}

// afterChunks is what comes after the chunks that speak of n packets.
func afterChunks(b []byte, n int) ([]byte, error) {
	for ; n > 0; b = b[2:] {
		if len(b) < 2 {
			return nil, ErrFeedback
		}
		chunk := binary.BigEndian.Uint16(b)
		count := int(chunk & 0x1FFF)
		if chunk>>15 == 1 {
			count = 14 >> (chunk >> 14 & 1)
		}
		if count == 0 {
			return nil, ErrFeedback
		}
		n -= count
	}
	return b, nil
}

// readDelta is how many bytes a symbol's time takes, and the time since the packet before: of 250 µs each, one byte
// unsigned or two signed. A packet of the reserved symbol has none and did not arrive.
func readDelta(symbol uint16, b []byte) (size int, d time.Duration) {
	switch {
	case symbol == 1 && len(b) >= 1:
		return 1, time.Duration(b[0]) * tick
	case symbol == 2 && len(b) >= 2:
		return 2, time.Duration(int16(binary.BigEndian.Uint16(b))) * tick
	case symbol == 1, symbol == 2:
		return len(b) + 1, 0
	}
	return 0, 0
}

const tick = 250 * time.Microsecond

func (p *Path) missed(n int) {
	p.since.missing += n
	p.total.Missing += uint64(n)
}

// came takes note of a packet's arrival, by the viewer's clock.
func (p *Path) came(seq uint16, at time.Duration) {
	p.since.came++
	p.total.Arrived++
	b := p.find(seq)
	if b == nil || b.came == b.packets {
		return // too old, or told of twice
	}
	b.came++
	p.since.bytes += b.bytes / b.packets
	if b.seen || b.resent {
		return
	}
	b.seen = true
	way := at - b.at
	if !p.fresh || way < p.least {
		p.fresh, p.least = true, way
	}
}

// Signs tells how the path did since it was last asked, for which half a second is a good time.
func (p *Path) Signs(now time.Duration) Signs {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.since
	p.since = tally{at: now}
	s := Signs{Sent: kbps(t.sent, now-t.at)}
	if t.came+t.missing > 0 {
		s.Told, s.Lost, s.Delivered = true, p.lost(t), kbps(t.bytes, now-t.at)
	}
	if p.fresh {
		p.queue = p.least - p.best(now)
		p.fresh = false
	}
	s.Queue = p.queue
	return s
}

// lost is the share of packets lost of late, less twice what chance may add to it.
func (p *Path) lost(t tally) float64 {
	l := &p.loss
	l.all = l.all/2 + float64(t.came+t.missing)
	l.missing = l.missing/2 + float64(t.missing)
	return max(0, l.missing-2*math.Sqrt(l.missing)) / l.all
}

// best is the least one-way time of the last two stretches, the latest included.
func (p *Path) best(now time.Duration) time.Duration {
	if p.turned == 0 {
		p.turned, p.base, p.before = now, p.least, p.least
	}
	if now-p.turned > baseEvery {
		p.turned, p.before, p.base = now, p.base, p.least
	}
	p.base = min(p.base, p.least)
	return min(p.base, p.before)
}

// Totals are the counts since the start.
func (p *Path) Totals() Totals {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

func kbps(bytes int, in time.Duration) int {
	if in <= 0 {
		return 0
	}
	return int(float64(bytes) * 8 / in.Seconds() / 1000)
}

// arrivalClock unfolds reference times: 24 bits, signed, of 64 ms each, which come round after 12 days.
type arrivalClock struct {
	begun bool
	last  uint32
	at    time.Duration
}

func (c *arrivalClock) reference(b []byte) time.Duration {
	now := uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	if !c.begun {
		c.begun, c.last = true, now
	}
	c.at += time.Duration(int32((now-c.last)<<8)>>8) * 64 * time.Millisecond
	c.last = now
	return c.at
}
