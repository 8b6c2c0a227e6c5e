package alsa

import (
	"errors"
	"fmt"

	"edgekit.internal/capture"
)

// format is how a sample is written, by its number in asound.h (SNDRV_PCM_FORMAT_…).
type format uint32

const (
	s16  format = 2  // S16_LE
	s32  format = 10 // S32_LE
	s243 format = 32 // S24_3LE: 24 bits in three bytes
)

// bytes is the length of one sample.
func (f format) bytes() int {
	switch f {
	case s32:
		return 4
	case s243:
		return 3
	}
	return 2
}

func (f format) String() string {
	switch f {
	case s32:
		return "32-bit"
	case s243:
		return "24-bit"
	}
	return "16-bit"
}

// mode is one way in which a card records.
type mode struct {
	format   format
	channels int
	rate     int // frames a second; a frame is one sample of each channel

	period int // frames after which the card says that there is something
	buffer int // frames that it keeps
}

func (m mode) frameBytes() int { return m.format.bytes() * m.channels }

// String is such as "48000 Hz 16-bit mono".
func (m mode) String() string {
	of := "mono"
	switch {
	case m.channels == 2:
		of = "stereo"
	case m.channels > 2:
		of = fmt.Sprintf("%d channels", m.channels)
	}
	return fmt.Sprintf("%d Hz %v %s", m.rate, m.format, of)
}

// errNoMode: it records, but in no way that this package reads.
var errNoMode = errors.New("it records neither 16, 24 nor 32 bits at a rate of 8000 to 96000 Hz")

// What is tried, in this order: the rate that needs no other bandwidth first, then those that lose least; the fewest bytes on the bus.
var (
	rates   = []int{capture.SoundRate, 44100, 96000, 32000, 24000, 22050, 16000, 11025, 8000}
	formats = []format{s16, s243, s32}
)

const maxChannels = 8

// choose takes the first mode that refine lets pass.
func choose(refine func(*hwParams) error) (hwParams, mode, error) {
	for _, rate := range rates {
		for _, f := range formats {
			for n := 1; n <= maxChannels; n++ {
				m := mode{format: f, channels: n, rate: rate}
				if p := m.params(); refine(&p) == nil {
					return m.buffered(refine), m, nil
				}
			}
		}
	}
	return hwParams{}, mode{}, errNoMode
}

// params asks for a mode, with any buffer.
func (m mode) params() hwParams {
	p := hwParams{rmask: ^uint32(0)}
	for i := range p.masks {
		p.masks[i].any()
	}
	for i := range p.intervals {
		p.intervals[i] = interval{max: ^uint32(0)}
	}
	p.masks[maskAccess].only(accessInterleaved)
	p.masks[maskFormat].only(uint32(m.format))
	p.set(channelCount, m.channels, m.channels)
	p.set(rateHz, m.rate, m.rate)
	return p
}

func (p *hwParams) set(which, least, most int) {
	p.intervals[which] = interval{min: uint32(least), max: uint32(most)}
}

// buffered adds what is wanted of the buffer: to be told every 10 ms or so, and room for a fifth of a second at least, while this
// program waits for a processor. What a card has not is left away.
func (m mode) buffered(refine func(*hwParams) error) hwParams {
	try := func(period, buffer bool) (hwParams, bool) {
		p := m.params()
		if period {
			p.set(periodFrames, m.rate/200, m.rate/50)
		}
		if buffer {
			p.set(bufferFrames, m.rate/5, m.rate/2)
		}
		q := p // refine narrows what it is given; the kernel chooses out of what was asked for
		return p, refine(&q) == nil
	}
	for _, t := range [][2]bool{{true, true}, {false, true}, {true, false}} {
		if p, ok := try(t[0], t[1]); ok {
			return p
		}
	}
	return m.params()
}

// settled reads what a card was set to.
func (m mode) settled(p *hwParams) (mode, error) {
	m.period, m.buffer = int(p.intervals[periodFrames].min), int(p.intervals[bufferFrames].min)
	if m.period < 1 || m.buffer < m.period || m.buffer > 60*m.rate {
		return m, fmt.Errorf("it offers a buffer of %d frames in periods of %d", m.buffer, m.period)
	}
	return m, nil
}

// read appends the frames in b as one channel, full scale being 1. Of two channels it is their mean, which is right for one microphone on both
// and for one on each; of more the first, which is where arrays of microphones put what they made of them.
func (m mode) read(out []float32, b []byte) []float32 {
	step, size := m.frameBytes(), m.format.bytes()
	for ; len(b) >= step; b = b[step:] {
		v := m.format.sample(b)
		if m.channels == 2 {
			v = (v + m.format.sample(b[size:])) / 2
		}
		out = append(out, v)
	}
	return out
}

// sample reads one sample, full scale being 1.
func (f format) sample(b []byte) float32 {
	switch f {
	case s32:
		return float32(int32(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24)) / (1 << 31)
	case s243:
		return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
	}
	return float32(int16(uint16(b[0])|uint16(b[1])<<8)) / (1 << 15)
}
