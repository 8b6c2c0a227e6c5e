// Package drivers holds what every driver of a thing that plugs in has in common: the states of its life and the way
// they are watched. Drivers are found by re-scanning, not configured; each goes
//
//	absent ▶ opening ▶ ready ▶ failed(reason, retry at) ▶ opening …
//
// in one goroutine of its own and may be watched by any number of others.
package drivers

import (
	"context"
	"sync"
	"time"
)

// State is where a driver is in its life.
type State string

// The states of a driver.
const (
	Absent  State = "absent"  // nothing that it drives is plugged in
	Opening State = "opening" // found, being set up
	Ready   State = "ready"   // works
	Failed  State = "failed"  // see Status.Reason; tried again at Status.Retry
)

// Status is what the operator sees of a device.
type Status struct {
	Device string    `json:"device"` // what it is to people: "printer", "camera"
	Name   string    `json:"name"`   // which one: "usb:/dev/usb/lp0", a product name
	State  State     `json:"state"`
	Reason string    `json:"reason,omitempty"` // what happened, what it means, what to do
	Retry  time.Time `json:"retry,omitzero"`   // when it is tried again
}

// Watch keeps the latest Status and wakes those who wait for the next. Safe for concurrent use; the zero value is ready.
type Watch struct {
	mu      sync.Mutex
	now     Status
	changed chan struct{}
}

// Set stores a status; an unchanged one wakes nobody.
func (w *Watch) Set(s Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s == w.now {
		return
	}
	w.now = s
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// Get returns the latest status, and a channel that is closed when there is a newer one.
func (w *Watch) Get() (Status, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.now, w.changed
}

// Pause waits, at most until ctx ends.
func Pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
