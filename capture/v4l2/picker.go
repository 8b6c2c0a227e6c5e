package v4l2

import (
	"bytes"
	"errors"
	"image"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
)

// picker turns what a camera sends into pictures and hands them out in order. Raw ones and H.264 are read at once. A JPEG of 1280x720 takes
// a Pi longer than the 33 ms to the next, so several are read side by side, on all cores but one; when those are busy too, the
// picture is dropped.
type picker struct {
	mode    Mode
	stride  int
	full    bool
	chain   *chain // of H.264 only
	out     func(capture.Frame)
	skipped *skipped
	row     atomic.Int32 // broken pictures in a row

	pending chan chan result // JPEGs being read but the oldest, which the emitter has; nil for all but JPEG
	emitter sync.WaitGroup
}

type result struct {
	img  *image.YCbCr
	err  error
	at   time.Duration
	hide bool
}

func (d *Device) newPicker(out func(capture.Frame)) *picker {
	p := &picker{mode: d.mode, stride: d.stride, full: d.full, out: out, skipped: &d.skipped}
	if d.mode.Format == AVC {
		p.chain = d.newChain()
	}
	if d.mode.Format.jpeg() {
		p.pending = make(chan chan result, max(1, min(3, runtime.NumCPU()-1)))
		p.emitter.Go(func() {
			for r := range p.pending {
				p.deliver(<-r)
			}
		})
	}
	return p
}

// take reads one buffer's bytes, which it does not keep. If the picture is not due, it is read only for others to build on.
func (p *picker) take(at time.Duration, data []byte, due bool) {
	switch {
	case p.chain == nil && !due:
		return
	case p.pending == nil:
		img, err := p.read(data)
		p.deliver(result{img, err, at, !due || img == nil})
		return
	}
	r := make(chan result, 1)
	select {
	case p.pending <- r:
		mine := bytes.Clone(data)
		go func() {
			img, err := p.read(mine)
			r <- result{img, err, at, false}
		}()
	default:
		p.skipped.late.Add(1)
	}
}

func (p *picker) read(data []byte) (*image.YCbCr, error) {
	var img *image.YCbCr
	var err error
	switch {
	case p.mode.Format.jpeg():
		return p.mode.decodeJPEG(data)
	case p.chain != nil:
		img, err = p.chain.read(data)
	default:
		img, err = toI420(p.mode.Format, p.mode.Width, p.mode.Height, p.stride, data)
	}
	if err == nil && p.full {
		limited.apply(img)
	}
	return img, err
}

var errBroken = errors.New("marked as broken by the driver")

func (p *picker) deliver(r result) {
	if r.err != nil {
		p.skipped.bad.Add(1)
		p.row.Add(1)
		return
	}
	p.row.Store(0)
	if r.hide {
		return
	}
	p.out(capture.Frame{Image: r.img, At: r.at})
}

// close waits for what is being read.
func (p *picker) close() {
	if p.pending != nil {
		close(p.pending)
		p.emitter.Wait()
	}
	if p.chain != nil {
		p.chain.Close()
	}
}
