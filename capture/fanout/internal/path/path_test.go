package path

import (
	"encoding/binary"
	"testing"
	"time"
)

// viewer makes feedback of what arrives, as a browser does, of packets whose arrival is at; below zero: lost.
func feedback(first uint16, at []time.Duration) []byte {
	reference := int64(-1)
	var chunks, deltas []byte
	last := time.Duration(0)
	for _, a := range at {
		if a < 0 {
			chunks = append(chunks, 0, 1) // a run of one that did not come
			continue
		}
		if reference < 0 {
			reference = int64(a / (64 * time.Millisecond))
			last = time.Duration(reference) * 64 * time.Millisecond
		}
		chunks = append(chunks, 0x40, 1) // a run of one with two bytes of time
		d := (a - last).Round(tick) / tick
		deltas = binary.BigEndian.AppendUint16(deltas, uint16(int16(d)))
		last += d * tick
	}
	body := binary.BigEndian.AppendUint16(nil, first)
	body = binary.BigEndian.AppendUint16(body, uint16(len(at)))
	body = append(body, byte(reference>>16), byte(reference>>8), byte(reference), 0)
	return append(append(body, chunks...), deltas...)
}

// link is a bottleneck: packets wait in its queue, and take their time by its rate.
type link struct {
	kbps  float64
	delay time.Duration
	free  time.Duration // when the last packet was through
	skew  time.Duration // of the viewer's clock
}

func (l *link) arrive(sent time.Duration, bytes int) time.Duration {
	l.free = max(l.free, sent) + time.Duration(float64(bytes)*8/l.kbps*float64(time.Millisecond))
	return l.free + l.delay + l.skew
}

// play sends so many pictures of some packets through a link, with the feedback of each at once, and returns the signs of
// the last half second.
func play(t *testing.T, p *Path, l *link, now *time.Duration, seq *uint64, pictures, packets int) (s Signs) {
	t.Helper()
	const size = 1000
	for i := range pictures {
		*now += time.Second / 30
		p.Sent(*seq, packets, packets*size, *now)
		var at []time.Duration
		for range packets {
			at = append(at, l.arrive(*now, size))
		}
		if err := p.Feedback(feedback(uint16(*seq), at)); err != nil {
			t.Fatal(err)
		}
		*seq += uint64(packets)
		if i%15 == 14 {
			s = p.Signs(*now)
		}
	}
	return s
}

func near(got, want, within time.Duration) bool { return got >= want-within && got <= want+within }

// TestAQueueIsSeenForWhatItIs: none where the path carries the stream, key pictures included; the whole of it where it does
// not; and it is over when it is over. The viewer's clock is another one.
func TestAQueueIsSeenForWhatItIs(t *testing.T) {
	var p Path
	l := link{kbps: 2000, delay: 20 * time.Millisecond, skew: 400 * 24 * time.Hour}
	now, seq := time.Hour, uint64(1<<16-50)
	s := play(t, &p, &l, &now, &seq, 60, 6) // 1440 kbit/s
	if !near(s.Queue, 0, tick) || s.Delivered < 1380 || s.Delivered > 1500 || s.Lost != 0 || !s.Told {
		t.Errorf("a path that carries it: %+v", s)
	}
	play(t, &p, &l, &now, &seq, 1, 40) // a key picture: 160 ms of queue, for five pictures
	if s = play(t, &p, &l, &now, &seq, 15, 6); !near(s.Queue, 0, tick) {
		t.Errorf("a key picture: %+v", s)
	}
	l.kbps = 1000
	s = play(t, &p, &l, &now, &seq, 30, 6)
	if s.Queue < 200*time.Millisecond || s.Queue > 450*time.Millisecond || s.Delivered < 1380 { // all has been told of, late or not
		t.Errorf("a path too small: %+v", s)
	}
	s = play(t, &p, &l, &now, &seq, 60, 1)          // 240 kbit/s: drained in half a second or so
	if !near(s.Queue, 4*time.Millisecond, 2*tick) { // a packet takes 8 ms now, 4 before
		t.Errorf("drained: %+v", s)
	}
}

// TestAnotherNetworkHasItsOwnBest: what is a longer way is no queue.
func TestAnotherNetworkHasItsOwnBest(t *testing.T) {
	var p Path
	l := link{kbps: 5000, delay: 5 * time.Millisecond}
	now, seq := time.Hour, uint64(100)
	play(t, &p, &l, &now, &seq, 60, 6)
	l.delay = 80 * time.Millisecond
	if s := play(t, &p, &l, &now, &seq, 30, 6); !near(s.Queue, 75*time.Millisecond, 2*tick) {
		t.Errorf("before: %+v", s)
	}
	p.Moved()
	if s := play(t, &p, &l, &now, &seq, 30, 6); !near(s.Queue, 0, 2*tick) {
		t.Errorf("after: %+v", s)
	}
}

// TestTheBestIsForgotten after a minute: clocks run apart, and a way may become longer for good.
func TestTheBestIsForgotten(t *testing.T) {
	var p Path
	l := link{kbps: 5000, delay: 5 * time.Millisecond}
	now, seq := time.Hour, uint64(100)
	play(t, &p, &l, &now, &seq, 30, 6)
	l.delay = 30 * time.Millisecond
	if s := play(t, &p, &l, &now, &seq, 30*30, 6); !near(s.Queue, 25*time.Millisecond, 2*tick) {
		t.Errorf("after half a minute: %+v", s)
	}
	if s := play(t, &p, &l, &now, &seq, 32*30, 6); !near(s.Queue, 0, 2*tick) {
		t.Errorf("after a minute: %+v", s)
	}
}

func TestWhatIsSentAgainIsNoQueue(t *testing.T) {
	var p Path
	l := link{kbps: 5000, delay: 5 * time.Millisecond}
	now, seq := time.Hour, uint64(100)
	play(t, &p, &l, &now, &seq, 30, 6)
	p.Sent(seq, 1, 1000, now)
	p.Resent(seq)
	if err := p.Feedback(feedback(uint16(seq), []time.Duration{now + 300*time.Millisecond})); err != nil {
		t.Fatal(err)
	}
	if s := p.Signs(now); !near(s.Queue, 0, tick) {
		t.Errorf("%+v", s)
	}
}

func TestWhatDidNotComeIsCounted(t *testing.T) {
	var p Path
	p.Sent(7, 4, 4000, time.Second)
	if err := p.Feedback(feedback(7, []time.Duration{time.Second, -1, -1, time.Second + 5*time.Millisecond})); err != nil {
		t.Fatal(err)
	}
	if got := p.Totals(); got != (Totals{Arrived: 2, Missing: 2}) {
		t.Errorf("%+v", got)
	}
	if s := p.Signs(2 * time.Second); s.Lost != 0 || !s.Told || s.Delivered != 8 { // two packets are two packets
		t.Errorf("%+v", s)
	}
	if s := p.Signs(3 * time.Second); s.Told || s.Delivered != 0 {
		t.Errorf("nothing since: %+v", s)
	}
}

// TestLossIsWhatItIsAtLeast: some tens of packets with 3 % lost say nothing, a second with a third lost says what it must.
func TestLossIsWhatItIsAtLeast(t *testing.T) {
	var p Path
	lose := func(every, of int) Signs {
		at := make([]time.Duration, of)
		for i := range at {
			if at[i] = time.Duration(i) * time.Millisecond; i%every == 0 {
				at[i] = -1
			}
		}
		if err := p.Feedback(feedback(7, at)); err != nil {
			t.Fatal(err)
		}
		return p.Signs(time.Second)
	}
	if s := lose(33, 60); s.Lost > 0.005 {
		t.Errorf("3 %% of 60: %+v", s)
	}
	if s := lose(3, 100); s.Lost < 0.15 || s.Lost > 0.3 {
		t.Errorf("a third of 100: %+v", s)
	}
	for range 10 {
		lose(1000, 100)
	}
	if s := lose(1000, 100); s.Lost > 0.02 {
		t.Errorf("long ago: %+v", s)
	}
}

// The messages are of the draft's own forms: runs, and symbols of one and two bits.
func TestEveryFormOfChunkIsRead(t *testing.T) {
	head := []byte{0, 9, 0, 0, 0, 0, 1, 0}
	for name, c := range map[string]struct {
		n    byte
		rest []byte
		want Totals
	}{
		"a run that came":         {3, []byte{0x20, 3, 4, 4, 4}, Totals{3, 0}},
		"a run that did not":      {200, []byte{0x00, 200}, Totals{0, 200}},
		"a run with large times":  {2, []byte{0x40, 2, 0, 9, 0xFF, 0xFE}, Totals{2, 0}},
		"symbols of one bit":      {14, []byte{0xA0, 0x01, 1, 2}, Totals{2, 12}},
		"symbols of two bits":     {7, []byte{0xC0 | 1<<4, 2, 1, 0, 9}, Totals{2, 5}},
		"symbols after the last":  {3, []byte{0xBF, 0xFF, 1, 1, 1}, Totals{3, 0}},
		"reserved: did not come":  {1, []byte{0x60, 1}, Totals{0, 1}},
		"a run of the reserved":   {200, []byte{0x60, 200}, Totals{0, 200}},
		"padding after the times": {1, []byte{0x20, 1, 4, 0}, Totals{1, 0}},
	} {
		var p Path
		b := append(append([]byte{}, head...), c.rest...)
		b[3] = c.n
		if err := p.Feedback(b); err != nil || p.Totals() != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, p.Totals(), err, c.want)
		}
	}
}

// BenchmarkHostileFeedback: some thirty bytes may claim to be about 65,535 packets. By either symbol that has no time that costs
// what thirty bytes cost.
func BenchmarkHostileFeedback(b *testing.B) {
	for name, symbol := range map[string]uint16{"not received": 0, "reserved": 3} {
		body := []byte{0, 0, 0xFF, 0xFF, 0, 0, 0, 0}
		for range 9 {
			body = binary.BigEndian.AppendUint16(body, symbol<<13|0x1FFF)
		}
		b.Run(name, func(b *testing.B) {
			var p Path
			for b.Loop() {
				if err := p.Feedback(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzFeedback(f *testing.F) {
	f.Add(feedback(7, []time.Duration{time.Second, -1, time.Second + 3*time.Millisecond}), uint64(7))
	f.Add([]byte{0, 9, 0xFF, 0xFF, 0, 0, 1, 0, 0x1F, 0xFF, 0x1F, 0xFF}, uint64(1<<40))
	f.Fuzz(func(t *testing.T, b []byte, first uint64) {
		var p Path
		first %= 1 << 47
		for i := range uint64(70) {
			p.Sent(first+3*i, 3, 3000, time.Duration(i)*time.Millisecond)
		}
		_ = p.Feedback(b)
		_ = p.Feedback(b)
		if got := p.Totals(); got.Arrived > uint64(2*len(b)) || got.Missing > 2*65535 {
			t.Errorf("%+v of %d bytes", got, len(b))
		}
		if s := p.Signs(time.Second); s.Lost < 0 || s.Lost > 1 || s.Queue < 0 || s.Delivered > 2*s.Sent+8 && s.Delivered > 2*len(b)*8 {
			t.Errorf("%+v", s)
		}
	})
}
