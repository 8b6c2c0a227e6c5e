package venue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// absence is the words for a network that cannot be joined now, as there is nothing to join it by.
type absence string

func (a absence) Error() string { return string(a) }

// errOther ends what is done for a network that is wanted no more, or on a radio that the access point takes.
var errOther = errors.New("something else is wanted")

// Run joins what is wanted until ctx ends, which returns nil; then the network is left. To be called once.
func (v *Client) Run(ctx context.Context) error {
	if err := v.makeDir(); err != nil {
		return fmt.Errorf("venue: %w", err)
	}
	for failures := 0; ctx.Err() == nil; {
		v.mu.Lock()
		w := v.wanted
		v.mu.Unlock()
		began := time.Now()
		err := v.session(ctx, w)
		v.use("")
		if time.Since(began) > v.config.timing.settled {
			failures = 0
		}
		wait, state := v.config.timing.scan, State{}
		if w.Network != nil {
			state.SSID = w.Network.SSID
		}
		var away absence
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOther):
			failures = 0
			continue
		case errors.As(err, &away):
			failures = 0
			state.Status = drivers.Status{State: drivers.Absent, Reason: string(away)}
		default:
			wait = min(v.config.timing.retry<<min(failures, 16), v.config.timing.retryMost)
			failures++
			state.Radio, state.Name = v.State().Radio, v.State().Name
			state.State, state.Reason, state.Retry = drivers.Failed, sentence(err)+" The venue's network is not joined; the kit tries again by itself.", time.Now().Add(wait)
			v.config.Log.Warn("venue's network failed", "err", err, "retry", wait)
		}
		v.show(state)
		w.Pause(ctx, wait)
	}
	return nil
}

// session joins the network and stays in it until it fails, or something else is wanted.
func (v *Client) session(ctx context.Context, w wanted) error {
	if w.Network == nil {
		if w.Said {
			if err := v.clear(); err != nil {
				return err
			}
		}
		v.show(State{Status: drivers.Status{State: drivers.Absent, Reason: w.Why}})
		select {
		case <-w.Changed:
			return errOther
		case <-ctx.Done():
			return nil
		}
	}
	n := *w.Network
	v.mu.Lock()
	told, taken := v.told, v.taken
	v.mu.Unlock()
	switch { // a network that is joined already is let be
	case n.Second && taken == "":
		return absence("The venue's network is joined by a second Wi-Fi adapter once the kit's own network is up.")
	case !told:
		return absence("The kit's own network is being taken down first.")
	}
	radio, err := v.radio(n, taken)
	if err != nil {
		return errors.Join(err, v.clear())
	}
	if !v.use(radio.Interface) {
		return errOther
	}
	s := &session{Client: v, network: n, radio: radio}
	s.state = State{Radio: radio.Interface, SSID: n.SSID, Status: drivers.Status{Name: strings.TrimSpace(radio.Interface + " " + n.SSID)}}
	s.looking()
	if n.Country != "" {
		if err := v.config.system.setCountry(n.Country); err != nil {
			v.config.Log.Warn("country not set", "country", n.Country, "err", err)
		}
	}
	if err := v.config.system.stayAwake(radio.Index); err != nil { // phones that ask for the page would wait for a radio that sleeps
		v.config.Log.Warn("the radio may sleep between packets", "radio", radio.Interface, "err", err)
	}
	if err := v.config.system.noIPv6(radio.Interface); err != nil {
		return err
	}
	s.process, s.state.Adopted, err = v.process(radio.Interface, conf(n, radio, v.own(controlName)))
	if err != nil {
		return err
	}
	s.state.PID = s.process.PID
	if !s.state.Adopted {
		if err := v.config.system.clear(radio.Index); err != nil { // what an access point left there
			v.config.Log.Warn("addresses of before not taken away", "radio", radio.Interface, "err", err)
		}
	}
	err = s.run(ctx, w)
	s.process.Stop()
	return errors.Join(err, v.config.system.clear(radio.Index))
}

// radio is the one to use: an adapter before a board's own, which has the smaller aerial.
func (v *Client) radio(n Network, taken string) (r nl80211.Radio, err error) {
	all, err := v.config.system.radios()
	if err != nil {
		return r, err
	}
	all = slices.DeleteFunc(all, func(r nl80211.Radio) bool { return r.Interface == "" || r.Interface == taken })
	switch i := slices.IndexFunc(all, func(r nl80211.Radio) bool { return !r.Firmware }); {
	case i >= 0:
		return all[i], nil
	case len(all) > 0:
		return all[0], nil
	case n.Second:
		return r, absence("There is no second Wi-Fi adapter to join the venue's network by; one is found when it is plugged in.")
	}
	return r, absence("There is no Wi-Fi radio to join the venue's network by. Use a cable; a USB Wi-Fi adapter is found when it is plugged in.")
}

func (v *Client) program() hostap.Program {
	return hostap.Program{Path: v.config.Supplicant, Dir: v.config.Dir, Name: "wpa_supplicant"}
}

// process is a wpa_supplicant with this configuration: one that runs already, so that the connection stays, or a new one.
func (v *Client) process(iface string, conf []byte) (p *hostap.Process, adopted bool, err error) {
	program := v.program()
	program.Args = []string{"-i", iface, "-D", "nl80211", "-c"}
	p, adopted, err = program.Take(conf, func() { v.starts++ })
	if adopted {
		v.config.Log.Info("venue's network taken over as it is joined", "pid", p.PID)
	}
	return p, adopted, err
}

// own is the path of something in the run folder.
func (v *Client) own(name string) string { return filepath.Join(v.config.Dir, name) }

// clear ends a wpa_supplicant that is not wanted.
func (v *Client) clear() error { return v.program().End() }

// sentence is an error for people.
func sentence(err error) string { return hostap.Sentence(err, "venue") }
