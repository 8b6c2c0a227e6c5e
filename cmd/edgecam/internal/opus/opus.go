// Package opus encodes sound with libopus (BSD licence), linked from the static libraries that pion/mediadevices carries, and decodes it for
// tests. It is set for a voice at a stall: RFC 6716's hybrid mode, one channel, packets of 20 ms in which a part of the packet before is
// kept once more (in-band FEC), for networks on which some get lost. Nothing is left out in silence (DTX is off): a stall is never silent, and a
// player that hears of each packet knows what was lost.
package opus

/*
#include <stdint.h>

// As libopus's opus.h has them.
typedef struct OpusEncoder OpusEncoder;
typedef struct OpusDecoder OpusDecoder;
extern OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error);
extern void opus_encoder_destroy(OpusEncoder *e);
extern int32_t opus_encode(OpusEncoder *e, const int16_t *pcm, int frames, unsigned char *data, int32_t most);
extern int opus_encoder_ctl(OpusEncoder *e, int request, ...);
extern OpusDecoder *opus_decoder_create(int32_t rate, int channels, int *error);
extern void opus_decoder_destroy(OpusDecoder *d);
extern int opus_decode(OpusDecoder *d, const unsigned char *data, int32_t len, int16_t *pcm, int frames, int fec);
extern const char *opus_strerror(int error);

static int get(OpusEncoder *e, int request, int32_t *value) { return opus_encoder_ctl(e, request, value); }
static int set(OpusEncoder *e, int request, int32_t value) { return opus_encoder_ctl(e, request, value); }
*/
import "C"

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	_ "github.com/pion/mediadevices/pkg/codec/opus" // links libopus

	"edgekit.internal/capture"
)

// What an Encoder is set to.
const (
	Kbps         = 32 // with what is kept twice in it
	expectedLoss = 10 // percent: how much is kept twice
	complexity   = 5  // of 10: above it, little is gained for much of a Pi 3's time
	maxPacket    = 1275
)

// Names of opus_defines.h.
const (
	applicationVoIP   = 2048
	setBitrate        = 4002
	setComplexity     = 4010
	setInbandFEC      = 4012
	setPacketLossPerc = 4014
	setDTX            = 4016
	getLookahead      = 4027
)

// Encoder makes Opus packets, one goroutine at a time.
type Encoder struct {
	c     *C.OpusEncoder
	delay time.Duration
}

// NewEncoder makes an encoder for capture.Samples.
func NewEncoder() (*Encoder, error) {
	var status C.int
	c := C.opus_encoder_create(capture.SoundRate, 1, applicationVoIP, &status)
	if c == nil || status != 0 {
		return nil, fmt.Errorf("opus: make an encoder: %w", explain(status))
	}
	e := &Encoder{c: c}
	for _, s := range [][2]int32{{setBitrate, Kbps * 1000}, {setComplexity, complexity}, {setInbandFEC, 1}, {setPacketLossPerc, expectedLoss}, {setDTX, 0}} {
		if status := C.set(c, C.int(s[0]), C.int32_t(s[1])); status != 0 {
			e.Close()
			return nil, fmt.Errorf("opus: set %d to %d: %w", s[0], s[1], explain(status))
		}
	}
	var samples C.int32_t
	if status := C.get(c, getLookahead, &samples); status != 0 {
		e.Close()
		return nil, fmt.Errorf("opus: ask for the delay: %w", explain(status))
	}
	e.delay = time.Duration(samples) * time.Second / capture.SoundRate
	return e, nil
}

// Encode makes one packet of capture.SoundSamples samples, in a slice that is the caller's.
func (e *Encoder) Encode(pcm []int16) ([]byte, error) {
	if len(pcm) != capture.SoundSamples {
		return nil, fmt.Errorf("opus: %d samples, expected %d", len(pcm), capture.SoundSamples)
	}
	var packet [maxPacket]byte
	n := C.opus_encode(e.c, (*C.int16_t)(&pcm[0]), C.int(len(pcm)), (*C.uchar)(&packet[0]), maxPacket)
	if n < 1 {
		return nil, fmt.Errorf("opus: encode: %w", explain(C.int(n)))
	}
	return append([]byte(nil), packet[:n]...), nil
}

// Delay is how much later sound comes out of a decoder than it was in what went in: what the encoder looks ahead.
func (e *Encoder) Delay() time.Duration { return e.delay }

// Close frees the encoder, which must not be used again.
func (e *Encoder) Close() error {
	C.opus_encoder_destroy(e.c)
	e.c = nil
	return nil
}

// Decoder reads packets of one channel, one goroutine at a time.
type Decoder struct{ c *C.OpusDecoder }

// NewDecoder makes a decoder.
func NewDecoder() (*Decoder, error) {
	var status C.int
	c := C.opus_decoder_create(capture.SoundRate, 1, &status)
	if c == nil || status != 0 {
		return nil, fmt.Errorf("opus: make a decoder: %w", explain(status))
	}
	return &Decoder{c}, nil
}

// Decode reads the packet that is next in order.
func (d *Decoder) Decode(packet []byte) ([]int16, error) {
	if len(packet) == 0 {
		return nil, errors.New("opus: decode: an empty packet")
	}
	return d.decode(packet, 0)
}

// Recover makes up for a packet that was lost, from what the one after it has of it; that one is to be decoded next.
func (d *Decoder) Recover(next []byte) ([]int16, error) { return d.decode(next, 1) }

// Conceal makes up for a packet that was lost, from those before it.
func (d *Decoder) Conceal() ([]int16, error) { return d.decode(nil, 0) }

func (d *Decoder) decode(packet []byte, fec C.int) ([]int16, error) {
	var pcm [capture.SoundSamples]int16
	n := C.opus_decode(d.c, (*C.uchar)(unsafe.SliceData(packet)), C.int32_t(len(packet)), (*C.int16_t)(&pcm[0]), C.int(len(pcm)), fec)
	if n < 0 {
		return nil, fmt.Errorf("opus: decode: %w", explain(n))
	}
	return pcm[:n], nil
}

// Close frees the decoder, which must not be used again.
func (d *Decoder) Close() error {
	C.opus_decoder_destroy(d.c)
	d.c = nil
	return nil
}

func explain(status C.int) error { return errors.New(C.GoString(C.opus_strerror(status))) }
