// Package hear keeps a microphone running, which may come, go and come back, and sends what it hears as Opus. It has nothing to do with
// pictures: no fault of a microphone ends it or keeps a picture waiting.
package hear

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
)

const (
	retryEvery = time.Second // how often a microphone is looked for, and a failed one tried again
	levelOf    = 25          // pieces: half a second
)

// Microphone is something that hears.
type Microphone interface {
	Name() string   // "USB PnP Sound Device"
	Format() string // "48000 Hz 16-bit mono"

	// Run hands out sound until ctx ends or the microphone does; out must not keep it waiting.
	Run(ctx context.Context, out func(capture.Samples)) error
	Close() error
}

// leaky is a Microphone that counts how often it lost sound.
type leaky interface{ Overruns() uint64 }

// Encoder makes packets of pieces of sound.
type Encoder interface {
	Encode(pcm []int16) ([]byte, error)
	Delay() time.Duration // how much later sound comes out of a decoder than it was in what went in
	Close() error
}

// Link takes what is made.
type Link interface {
	SendSound(capture.Sound) error
	SendMicrophone(capture.Microphone) error
}

// ErrAbsent is why there is no microphone when none is plugged in. That is no fault.
var ErrAbsent = errors.New("no microphone is plugged in")

// Config wires an Ear.
type Config struct {
	Open    func() (Microphone, error) // the microphone to use now, ErrAbsent when there is none; nil: none is wanted
	Better  func() bool                // another than the one that was opened last is to be used now; nil: never
	Encoder func() (Encoder, error)
	Link    Link
}

// Ear hears, through whatever microphone there is.
type Ear struct {
	cfg  Config
	open atomic.Bool // the operator lets sound out

	mu    sync.Mutex
	state capture.Microphone
	lost  uint64 // by microphones that are gone
}

// New prepares an ear, which sends silence until SetMute says otherwise.
func New(cfg Config) *Ear { return &Ear{cfg: cfg} }

// SetMute has silence sent for what is heard, or no more, from the next piece on. Silence and not nothing: players then keep the stream's
// clock and know that nothing was lost, and what is said next is heard from its first syllable. Any goroutine may call it.
func (e *Ear) SetMute(on bool) {
	e.open.Store(!on)
	e.change(func(m *capture.Microphone) {})
}

// Run hears until ctx ends, and returns nil then.
func (e *Ear) Run(ctx context.Context) error {
	if e.cfg.Open == nil {
		e.set(capture.Microphone{State: "off"})
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		err := e.microphone(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errLeft):
			continue
		case errors.Is(err, ErrAbsent):
			e.set(capture.Microphone{State: "absent", Reason: err.Error()})
		default:
			e.change(func(m *capture.Microphone) { m.State, m.Level, m.Reason = "failed", 0, err.Error() })
		}
		t := time.NewTimer(retryEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
	return nil
}

// errLeft is why a microphone ended that worked: there is a better one.
var errLeft = errors.New("there is a better microphone")

// microphone runs one microphone to its end.
func (e *Ear) microphone(ctx context.Context) (err error) {
	mic, err := e.cfg.Open()
	if err != nil {
		return err
	}
	defer func() { err = either(err, mic.Close()) }()
	enc, err := e.cfg.Encoder()
	if err != nil {
		return err
	}
	defer func() { err = either(err, enc.Close()) }()
	e.set(capture.Microphone{State: "opening", Name: mic.Name(), Format: mic.Format()})
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	stop := e.watch(ctx, leave)
	defer stop()
	s := session{ear: e, mic: mic, encoder: enc, silence: make([]int16, capture.SoundSamples)}
	err = mic.Run(ctx, func(p capture.Samples) {
		if err := s.take(p); err != nil {
			leave(err)
		}
	})
	e.retire(s.overruns())
	if err == nil {
		err = context.Cause(ctx)
	}
	return either(err, errors.New("the microphone ended by itself"))
}

// either is the first error, if there is one.
func either(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// watch looks whether there is a better microphone, until it is stopped.
func (e *Ear) watch(ctx context.Context, leave context.CancelCauseFunc) (stop func()) {
	if e.cfg.Better == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(retryEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if e.cfg.Better() {
					leave(errLeft)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); running.Wait() }
}

// session is one microphone from its first piece to its last.
type session struct {
	ear     *Ear
	mic     Microphone
	encoder Encoder
	silence []int16

	power  float64 // sum of squares, of the pieces since a level was told
	pieces int
}

// take sends one piece.
func (s *session) take(p capture.Samples) error {
	if len(p.PCM) != capture.SoundSamples {
		return fmt.Errorf("hear: a piece of %d samples, expected %d", len(p.PCM), capture.SoundSamples)
	}
	for _, v := range p.PCM {
		s.power += float64(v) * float64(v)
	}
	first := s.pieces == 0 && s.ear.now().State != "ready"
	if s.pieces++; first || s.pieces == levelOf {
		level := decibels(s.power / float64(s.pieces*capture.SoundSamples))
		s.power, s.pieces = 0, 0
		s.ear.set(capture.Microphone{State: "ready", Name: s.mic.Name(), Format: s.mic.Format(), Level: level, Lost: s.overruns()})
	}
	pcm := p.PCM
	if !s.ear.open.Load() {
		pcm = s.silence
	}
	data, err := s.encoder.Encode(pcm)
	if err != nil {
		return err
	}
	at := max(0, p.At-s.encoder.Delay())
	return s.ear.cfg.Link.SendSound(capture.Sound{RTP: capture.SoundTimestamp(at), At: at, Data: data})
}

func (s *session) overruns() uint64 {
	if l, ok := s.mic.(leaky); ok {
		return l.Overruns()
	}
	return 0
}

// decibels is a mean square of 16-bit samples in dB below full scale, that of a sample that is always the largest.
func decibels(power float64) int {
	if power <= 0 {
		return capture.QuietLevel
	}
	return max(capture.QuietLevel, min(0, int(math.Round(10*math.Log10(power/(1<<30))))))
}

func (e *Ear) now() capture.Microphone {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// retire keeps count of what a microphone lost.
func (e *Ear) retire(lost uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost += lost
}

func (e *Ear) set(m capture.Microphone) { e.change(func(to *capture.Microphone) { *to = m }) }

// change notes a state, and tells the daemon if it is another. It is held while it does, so that states are told in their order.
func (e *Ear) change(f func(*capture.Microphone)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.state
	f(&e.state)
	e.state.Muted = !e.open.Load()
	if e.state == was || e.state.State == "" {
		return
	}
	told := e.state
	told.Lost += e.lost
	// It is refused only if a name is too long, and then nobody is told: there is no one to tell that either.
	_ = e.cfg.Link.SendMicrophone(told)
}
