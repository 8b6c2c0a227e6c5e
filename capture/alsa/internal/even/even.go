// Package even brings sound from a card's clock to the machine's. A card's crystal is off by up to some 0.1 %, a minute in a day, and its rate may
// be any; pictures have the machine's time. What comes out are pieces of exactly 20 ms, each of samples at 48000 a second of CLOCK_MONOTONIC, read
// between the card's own samples at a pace that follows its clock.
package even

import (
	"math"
	"time"

	"edgekit.internal/capture"
)

const (
	// follow is the time in which a distance from the clock is made up: long, so that pitch does not waver.
	follow = 1.0
	// mostOff is how far a card's rate may be from what it says. Beyond that it is no crystal, and it is not followed.
	mostOff = 0.01
	// mostApart is the distance at which sound is not stretched any more but cut, in seconds. Lips and voice are seen to be apart from 45 ms on
	// (ITU-R BT.1359 gives that as the limit of detection for sound in front of the picture).
	mostApart = 0.03
	// settling is for how many seconds a stream is new. Its first observations may have been late ones; then a little is cut too, as nobody listens yet.
	settling = 3.0
)

// Stream evens out one microphone's sound. It is used by one goroutine.
type Stream struct {
	rate   int
	out    func(capture.Samples)
	kernel *kernel
	pace   pace
	begun  bool

	in    []float32 // what is not used up
	first float64   // the number of in's first frame
}

// New makes a stream for a card of a rate, 8000 to 192000 frames a second. Out gets each piece, in order.
func New(rate int, out func(capture.Samples)) *Stream {
	return &Stream{rate: rate, out: out, kernel: newKernel(rate)}
}

// Add takes frames that follow those before. At is when the first was taken, as far as is known: late, by some
// milliseconds mostly.
func (s *Stream) Add(at time.Duration, frames []float32) {
	if !s.begun {
		// Before the first frame there is nothing, for as long as the kernel looks back.
		s.in = append(s.in[:0], make([]float32, s.kernel.half)...)
		s.first = -float64(s.kernel.half)
		s.pace = newPace(s.rate, at)
		s.begun = true
	} else {
		s.pace.clock.observe(seconds(at - s.pace.origin))
	}
	s.in = append(s.in, frames...)
	s.pace.clock.advance(len(frames))
	for s.piece() {
	}
}

// Break tells that what comes next does not follow: the clock starts anew. Some milliseconds that were not out yet are lost with it.
func (s *Stream) Break() { s.begun = false }

// piece gives the next piece, if there are frames for all of it.
func (s *Stream) piece() bool {
	have := s.first + float64(len(s.in)) - float64(s.kernel.half)
	at, from, step, ok := s.pace.next(have)
	if !ok {
		return false
	}
	pcm := make([]int16, capture.SoundSamples)
	for i := range pcm {
		pcm[i] = round(s.kernel.at(s.in, from+float64(i)*step-s.first))
	}
	s.out(capture.Samples{At: at, PCM: pcm})
	if used := int(s.pace.frame-s.first) - s.kernel.half; used > 0 {
		s.in = s.in[:copy(s.in, s.in[used:])]
		s.first += float64(used)
	}
	return true
}

func round(v float32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(v)*(1<<15)))))
}

// pace decides from where in the card's frames each piece is read.
type pace struct {
	clock  clock
	origin time.Duration // the clock's zero
	at     time.Duration // when the next piece begins
	frame  float64       // in which frame that is
	rate   float64
}

func newPace(rate int, at time.Duration) pace {
	return pace{clock: newClock(rate, 0), origin: at, at: at, rate: float64(rate)}
}

// next takes a piece, if it ends before the frame have: at is when it begins, from in which frame, and step how many frames are
// from one of its samples to the next.
func (p *pace) next(have float64) (at time.Duration, from, step float64, ok bool) {
	apart := p.clock.frameAt(seconds(p.at-p.origin)) - p.frame // frames
	most := mostApart
	if p.clock.age < settling {
		most = far
	}
	if math.Abs(apart) > most*p.rate {
		p.skip(apart)
		apart = 0
	}
	step = (1/p.clock.length + apart/follow) / capture.SoundRate
	step = max(1-mostOff, min(1+mostOff, step*capture.SoundRate/p.rate)) * p.rate / capture.SoundRate
	end := p.frame + step*float64(capture.SoundSamples)
	if end > have {
		return 0, 0, 0, false
	}
	at, from = p.at, p.frame
	p.at, p.frame = p.at+capture.SoundLen, end
	return at, from, step, true
}

// skip goes on where the clock says: by leaving frames out, or, for those that were used already, by leaving whole pieces out.
func (p *pace) skip(apart float64) {
	if apart > 0 {
		p.frame += apart
		return
	}
	behind := time.Duration(-apart / p.rate * float64(time.Second))
	pieces := (behind + capture.SoundLen - 1) / capture.SoundLen
	p.at += pieces * capture.SoundLen
	p.frame = p.clock.frameAt(seconds(p.at - p.origin))
}
