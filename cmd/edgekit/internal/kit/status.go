package kit

import (
	"context"
	"fmt"

	"edgekit.internal/cmd/internal/wire"
)

// scheme is how operators reach their listener: in the clear only where nobody else can listen.
func (k *Kit) scheme() string {
	if loopback(k.operators) {
		return "http"
	}
	return "https"
}

// status is the kit in a few lines, for edgectl.
func (k *Kit) status() wire.KitStatus {
	s := wire.KitStatus{Kit: k.id, Viewer: address("http", k.visitors), Console: address(k.scheme(), k.operators) + "/console",
		Pairing: k.console.Code(), Viewers: k.fan.Stats().Viewers}
	if latest, err := k.store.Tickets(context.Background(), 1); err == nil && len(latest) > 0 {
		s.Tickets = latest[0].N
	}
	for _, d := range k.devices() {
		s.Devices = append(s.Devices, wire.Device{Device: d.Device, Name: d.Name, State: string(d.State), Reason: d.Reason})
	}
	b := k.machine.Board()
	s.Board = wire.Board{Model: b.Name, MemoryMB: b.MemoryMB, FreeMB: b.AvailableMB, Celsius: b.Celsius, Throttled: b.Throttled.String(), Dips: b.Dips, Every: b.Load.Every()}
	if now, known := k.machine.Time(); known {
		s.Clock = wire.Clock{Source: string(now.Source), WithinMS: now.Within.Milliseconds()}
	}
	s.Clock.Boot = k.clock.Boot()
	return s
}

// sayCode says the pairing code to who started the kit, once it serves.
func (k *Kit) sayCode(code string) {
	if k.serving.Load() {
		fmt.Fprintln(k.said, "pairing code", code)
	}
}
