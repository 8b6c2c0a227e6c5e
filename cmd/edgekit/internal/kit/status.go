package kit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture/camlink"
	"edgekit.internal/cmd/edgekit/internal/listen"
	"edgekit.internal/cmd/edgekit/internal/upkeep"
	"edgekit.internal/cmd/internal/wire"
)

// scheme is how operators reach their listener: in the clear only where nobody else can listen.
func (k *Kit) scheme() string {
	if listen.Loopback(k.operators) {
		return "http"
	}
	return "https"
}

// status is the kit in a few lines, for edgectl.
func (k *Kit) status() wire.KitStatus {
	s := wire.KitStatus{Kit: k.id, Viewer: listen.Address("http", k.visitors), Console: listen.Address(k.scheme(), k.operators) + "/console",
		Pairing: k.console.Code(), Viewers: k.watching(), Disk: k.diskState()}
	if n, err := k.store.Count(context.Background()); err == nil {
		s.Tickets = n
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

// screens are devices at the kit itself, for whoever stands before it.
type screens []string

// alsoOn is standard output, and those screens.
func alsoOn(devices string, said io.Writer) io.Writer {
	if devices == "" {
		return said
	}
	return io.MultiWriter(said, screens(strings.Split(devices, ",")))
}

// Write never fails: a screen that is not plugged in is none.
func (s screens) Write(text []byte) (int, error) {
	for _, path := range s {
		if f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0); err == nil {
			f.Write(text)
			f.Close()
		}
	}
	return len(text), nil
}

// Reboot is how Run ends when an update is installed: once all is closed, update.Restart is to be called with it.
type Reboot string

func (r Reboot) Error() string { return "an update is installed: the machine restarts" }

// untilUpdated ends the kit when an update is installed.
func (k *Kit) untilUpdated(ctx context.Context) error {
	select {
	case argument := <-k.upkeep.Restart():
		return Reboot(argument)
	case <-ctx.Done():
		return nil
	}
}

// health is what an update is judged by: visitors get offers, sales get to the disk, the camera program lives, the radio that
// there is makes the network that is asked for. What is plugged in, and the venue's network, are no matter of the system's.
func (k *Kit) health(ctx context.Context) (h wire.Health) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, check := range []struct {
		what string
		ask  func(context.Context) error
	}{
		{"Visitors get no offers", k.offersAnswer},
		{"Sales cannot be recorded", k.store.Probe},
		{"The data folder cannot be written", func(context.Context) error { return upkeep.Writable(k.config.Data) }},
		{"The camera program does not run", k.cameraLives},
		{"The access point is not up", k.wifi.Up},
	} {
		if err := check.ask(ctx); err != nil {
			h.Sick = append(h.Sick, fmt.Sprintf("%s: %v.", check.what, err))
		}
	}
	return h
}

// offersAnswer asks the kit what a visitor's page asks first.
func (k *Kit) offersAnswer(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, listen.Address("http", k.visitors)+"/api/offers", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("it answered %s", res.Status)
	}
	return nil
}

func (k *Kit) cameraLives(context.Context) error {
	if s := k.cam.Stats(); s.PID == 0 || s.Beat == (camlink.Beat{}) {
		return fmt.Errorf("it was started %d times, and does not answer", s.Starts)
	}
	return nil
}
