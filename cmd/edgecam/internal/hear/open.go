package hear

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"edgekit.internal/capture"
	"edgekit.internal/capture/alsa"
	"edgekit.internal/capture/synth"
)

// Opener gives the functions by which Config opens the microphone of a name: auto, none, synthetic or hw:CARD,DEVICE. Only a name of no known form is an
// error here; a microphone that is not there is one when it is opened, since it may come.
func Opener(name string) (open func() (Microphone, error), better func() bool, err error) {
	switch {
	case name == "none":
		return nil, nil, nil
	case name == "synthetic":
		return func() (Microphone, error) { return synthetic{synth.NewMicrophone()}, nil }, nil, nil
	case name == "auto":
		f := &finder{find: alsa.Find, nodes: alsa.Nodes, open: openDevice}
		return f.microphone, f.better, nil
	case strings.HasPrefix(name, "hw:"):
		path, err := alsa.Path(name)
		if err != nil {
			return nil, nil, err
		}
		return func() (Microphone, error) { return openDevice(path) }, nil, nil
	}
	return nil, nil, fmt.Errorf("microphone %.40q, expected auto, none, synthetic or hw:CARD,DEVICE", name)
}

// synthetic is the microphone for which nothing need be closed.
type synthetic struct{ *synth.Microphone }

func (synthetic) Close() error { return nil }

// device is a microphone whose unplugging is an absence, not a fault.
type device struct{ *alsa.Device }

func openDevice(path string) (Microphone, error) {
	d, err := alsa.Open(path)
	if err != nil {
		return nil, gone(err)
	}
	return device{d}, nil
}

func (d device) Run(ctx context.Context, out func(capture.Samples)) error {
	return gone(d.Device.Run(ctx, out))
}

func gone(err error) error {
	if errors.Is(err, alsa.ErrUnplugged) {
		return fmt.Errorf("%w (%w)", ErrAbsent, err)
	}
	return err
}

// finder opens the likeliest of the microphones that are plugged in. Those that cannot be opened are passed over, so that one which another
// program uses hides no other.
type finder struct {
	find  func() []alsa.Info
	nodes func() []string // what there is to find microphones in: cheap to look at
	open  func(path string) (Microphone, error)

	mu   sync.Mutex
	seen []string
	runs string // the path that was opened last
}

func (f *finder) microphone() (Microphone, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.runs = f.nodes(), ""
	err := ErrAbsent
	for i, info := range f.find() {
		mic, e := f.open(info.Path)
		if e == nil {
			f.runs = info.Path
			return mic, nil
		}
		if i == 0 {
			err = e
		}
	}
	return nil, err
}

// better tells whether a likelier one than that which runs was plugged in meanwhile.
func (f *finder) better() bool {
	now := f.nodes()
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(now, f.seen) {
		return false
	}
	f.seen = now
	found := f.find()
	return len(found) > 0 && found[0].Path != f.runs
}
