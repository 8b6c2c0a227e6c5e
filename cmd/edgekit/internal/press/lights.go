package press

import (
	"context"
	"time"

	"edgekit.internal/drivers/led"
)

// The lights, by their names in hardware/pins.
const (
	readyLight = "ready-light"
	alertLight = "alert-light"
)

// Lights are their names, in the order of their lines.
var Lights = []string{readyLight, alertLight}

// lookEvery is how often the lights are brought in line with the kit.
const lookEvery = 500 * time.Millisecond

// show keeps the lights in line with the kit until ctx ends.
func (d *Desk) show(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		d.look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (d *Desk) look() {
	ready, alert := d.cfg.Shows()
	if d.Help() {
		alert = led.Help
	}
	d.lights.Show(readyLight, ready)
	d.lights.Show(alertLight, alert)
}

// Sold shows a sale.
func (d *Desk) Sold() { d.lights.Flash(readyLight, led.Sale) }

// Tell answers something done at the counter, such as a scan.
func (d *Desk) Tell(ok bool) {
	if ok {
		d.lights.Flash(alertLight, led.Yes)
	} else {
		d.lights.Flash(alertLight, led.No)
	}
}

// Showing is what each light shows, by its name.
func (d *Desk) Showing() map[string]string { return d.lights.Showing() }
