package synth

import (
	"context"
	"math"
	"time"

	"edgekit.internal/capture"
)

// Microphone hears the ball of Camera's picture touch the counter: a knock each second, which begins as a second of CLOCK_MONOTONIC does. Between
// them it is as quiet as a room is.
type Microphone struct {
	now func() time.Duration // CLOCK_MONOTONIC
}

// NewMicrophone makes one.
func NewMicrophone() *Microphone { return &Microphone{now: capture.Monotonic} }

// The knock: a tone that dies away.
const (
	KnockHz  = 1000                   // its pitch
	KnockLen = 100 * time.Millisecond // after which it cannot be heard any more

	knockLoud = .5  // of full scale
	knockFade = 20. // times in a second by which it gets e times quieter
)

// Name is what the operator sees as the microphone's name.
func (*Microphone) Name() string { return Name }

// Format says what it gives, in the form of alsa.Device.Format.
func (*Microphone) Format() string { return "48000 Hz 16-bit mono" }

// Run hands sound to out, on this goroutine, until ctx ends, and then returns nil. Pieces begin at whole capture.SoundLen of CLOCK_MONOTONIC and
// come when they are over, as a microphone's do. When out takes so long that a piece is over 200 ms old, pieces are left out.
func (m *Microphone) Run(ctx context.Context, out func(capture.Samples)) error {
	wait := time.NewTimer(0)
	defer wait.Stop()
	at := m.now() / capture.SoundLen * capture.SoundLen
	for {
		now := m.now()
		if now-at > 200*time.Millisecond {
			at = now / capture.SoundLen * capture.SoundLen
		}
		wait.Reset(at + capture.SoundLen - now)
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		out(capture.Samples{At: at, PCM: hear(at)})
		at += capture.SoundLen
	}
}

// hear is the sound of a piece.
func hear(at time.Duration) []int16 {
	pcm := make([]int16, capture.SoundSamples)
	room := uint32(at/capture.SoundLen) | 1
	for i := range pcm {
		room ^= room << 13 // xorshift, by G. Marsaglia: noise 70 dB below full scale
		room ^= room >> 17
		room ^= room << 5
		v := float64(int(room%23) - 11)
		since := at%time.Second + time.Duration(i)*time.Second/capture.SoundRate
		if since >= time.Second {
			since -= time.Second
		}
		if since < KnockLen {
			s := since.Seconds()
			v += knockLoud * (1 << 15) * math.Exp(-knockFade*s) * math.Sin(2*math.Pi*KnockHz*s)
		}
		pcm[i] = int16(v)
	}
	return pcm
}
