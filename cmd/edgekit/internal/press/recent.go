package press

import (
	"context"
	"slices"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// remember brings back what the console showed before a restart.
func (d *Desk) remember(ctx context.Context) {
	ps, err := d.cfg.Book.Presses(ctx, shown)
	if err != nil {
		d.cfg.Log.Warn("earlier presses are not shown", "err", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range ps { // a console may have been quicker
		if !slices.ContainsFunc(d.recent, func(w wire.Press) bool { return w.ID == p.ID }) {
			d.recent = append(d.recent, toWire(p))
		}
	}
}

// Recent are the latest presses and what became of them, newest first.
func (d *Desk) Recent() []wire.Press {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.recent)
}

// Help tells whether help is called.
func (d *Desk) Help() bool { return d.cfg.Book.Help() }

// Dropped counts presses that were not taken, since too many waited.
func (d *Desk) Dropped() int64 { return d.dropped.Load() }

func toWire(p pipeline.PressOutcome) wire.Press {
	w := wire.Press{ID: p.ID, Button: p.Button, Gesture: p.Gesture, Action: string(p.Action), Via: string(p.Via), OK: p.OK(), Detail: p.Details, Offer: p.Offer, At: p.Wall.UTC()}
	if p.Ticket > 0 {
		w.Ticket = pipeline.TicketNumber(p.Ticket)
	}
	return w
}
