// Package remote is the stream to viewers elsewhere, as the console sees and switches it. What was switched off stays off,
// through restarts and power cuts: a camera that is on air again by itself would be one that nobody asked for.
package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/push"
	"edgekit.internal/cmd/internal/wire"
)

// Config says where the stream goes.
type Config struct {
	Push push.Config
	Keep func(off bool) // told when it is switched, to know it at the next start
}

// Remote is the stream. The methods of a nil one say and do nothing: there is no server to send to.
type Remote struct {
	push *push.Push
	keep func(off bool)
	mu   sync.Mutex // of Set: what is kept is what runs

	picture, sound once // the first of each has come
}

// once is closed once.
type once struct {
	sync.Once
	c chan struct{}
}

func (o *once) close() { o.Do(func() { close(o.c) }) }

// New makes the stream to a server.
func New(c Config) (*Remote, error) {
	p, err := push.New(c.Push)
	if err != nil {
		return nil, err
	}
	return &Remote{push: p, keep: c.Keep, picture: once{c: make(chan struct{})}, sound: once{c: make(chan struct{})}}, nil
}

// soundMay is how long after the first picture sound may come to be in the stream from the start: a microphone is found while the
// camera is. Later it makes the connection anew.
const soundMay = time.Second

// Run sends until ctx ends, from when there is something to send.
func (r *Remote) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.picture.c:
	}
	select {
	case <-ctx.Done():
		return nil
	case <-r.sound.c:
	case <-time.After(soundMay):
	}
	return r.push.Run(ctx)
}

// SetLayers, Picture and Sound are the stream's, see push.Push.
func (r *Remote) SetLayers(layers []capture.Layer) { r.push.SetLayers(layers) }

// Picture takes the next picture.
func (r *Remote) Picture(au capture.AccessUnit) {
	r.picture.close()
	r.push.Picture(au)
}

// Sound takes the next packet of sound.
func (r *Remote) Sound(s capture.Sound) {
	r.sound.close()
	r.push.Sound(s)
}

// Set switches the stream on or off. It reports false when there is none.
func (r *Remote) Set(on bool) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(!on)
	r.push.Set(on)
	return true
}

// Status is how the stream does; nil: there is no server to send to. Figures are rounded: the console is told of each change.
func (r *Remote) Status() *wire.Push {
	if r == nil {
		return nil
	}
	s := r.push.Status()
	return &wire.Push{State: string(s.State), Server: s.Server, Reason: s.Reason, Kbps: (s.Kbps + 50) / 100 * 100,
		RTTMS: s.RTT.Round(20 * time.Millisecond).Milliseconds(), Lost: int(100 * s.Loss), Sound: s.Sound}
}

// Dropped is how many pictures and packets of sound did not fit since the start; 0 where there is no stream.
func (r *Remote) Dropped() uint64 {
	if r == nil {
		return 0
	}
	return r.push.Status().Dropped
}

// Live tells whether the server has the stream.
func (r *Remote) Live() bool { return r != nil && r.push.Status().State == push.Live }

// maxToken bounds a file with a token, in bytes.
const maxToken = 4 << 10

// ReadToken reads a token from a file, without the line's end.
func ReadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", err
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 || len(b) > maxToken || bytes.ContainsFunc(b, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s holds no token: expected one line of at most %d letters, digits and signs", path, maxToken)
	}
	return string(b), nil
}
