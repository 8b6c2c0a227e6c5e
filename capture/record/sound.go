package record

import (
	"time"

	"edgekit.internal/capture"
)

const (
	packet = int64(capture.SoundLen) * capture.SoundRate / int64(time.Second) // ticks
	// sway is how far packets may be from where they should be, as two clocks are at work. Then silence fills in, or one is left out.
	sway = 2 * packet
	// patience is how long sound may be behind the picture before silence is put in its place.
	patience = capture.SoundRate // one second
)

// silence is an Opus packet of 20 ms in which there is nothing (RFC 6716 section 3.1: CELT, full band, one frame).
var silence = []byte{0xf8, 0xff, 0xfe}

// sound gathers a packet, behind silence for those that did not come.
func (f *film) sound(s capture.Sound) (late, filled int) {
	if f.channels == 0 {
		return 0, 0
	}
	at := f.ticks(s.At, capture.SoundRate)
	if at < 0 {
		return 0, 0 // it was taken before the first picture
	}
	if f.heard == 0 {
		f.heard = at % packet
	}
	if at < f.heard-sway {
		return 1, 0
	}
	if at-f.heard > int64(maxGap/time.Second)*capture.SoundRate {
		return 1, 0 // its clock is not the picture's
	}
	if at >= f.heard+sway {
		filled = f.fill(at)
	}
	f.packet(s.Data)
	return 0, filled
}

// fill puts silence up to an instant.
func (f *film) fill(to int64) (n int) {
	for ; f.heard+packet <= to; n++ {
		f.packet(silence)
	}
	return n
}

func (f *film) packet(data []byte) {
	f.sounds = append(f.sounds, sample{data: data, key: true, at: f.heard, long: uint32(packet)})
	f.heard += packet
}

// hear takes note that there is sound.
func (r *Recorder) hear(s capture.Sound) {
	r.heard, r.stereo = s.At, s.Data[0]&4 != 0 // RFC 6716 section 3.1
}

func (r *Recorder) sound(s capture.Sound) {
	r.hear(s)
	if r.film == nil {
		return
	}
	late, silence := r.film.sound(s)
	r.count(func(n *Stats) { n.Late += uint64(late); n.Silence += uint64(silence) })
}

// channels are the sound's, if there is any at a time; 0: there is none.
func (r *Recorder) channels(at time.Duration) int {
	switch {
	case r.heard == 0 || at-r.heard > time.Second || r.heard-at > time.Second:
		return 0
	case r.stereo:
		return 2
	}
	return 1
}
