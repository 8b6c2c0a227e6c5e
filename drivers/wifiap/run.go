package wifiap

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/hostapd"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// absence is the words for an access point that there cannot be now.
type absence string

func (a absence) Error() string { return string(a) }

// errOther ends what is done for a network that is wanted no more, errMoved what was done for it on another channel.
var (
	errOther = errors.New("something else is wanted")
	errMoved = errors.New("another channel is quieter")
)

// Run keeps up what is wanted until ctx ends, which returns nil; then the access point is taken down. To be called once.
func (a *AP) Run(ctx context.Context) error {
	if err := a.makeDir(); err != nil {
		return fmt.Errorf("wifiap: %w", err)
	}
	a.run(ctx)
	if err := errors.Join(a.config.system.takeAddress(Address), a.config.Guard("")); err != nil {
		return fmt.Errorf("wifiap: after the access point was taken down: %w", err)
	}
	return nil
}

func (a *AP) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		a.mu.Lock()
		w := a.wanted
		a.mu.Unlock()
		began, starts := time.Now(), a.starts
		err := a.session(ctx, w)
		if time.Since(began) > a.config.timing.settled {
			failures = 0
		}
		wait, state := time.Duration(0), a.State()
		var away absence
		var no refusal
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errOther), errors.Is(err, errMoved): // hostapd said goodbye
			clear(a.left)
			failures = 0
			continue
		case errors.As(err, &away):
			failures, wait = 0, a.config.timing.scan
			state = State{Status: drivers.Status{State: drivers.Absent, Reason: string(away)}}
			if a.misses(time.Now()) {
				err = a.revive(errDead)
				state.State, state.Reason = drivers.Failed, sentence(err)+" Phones cannot join; the kit tries again by itself."
			}
		case errors.As(err, &no):
			if a.starts == starts {
				failures = 0 // it was seen before hostapd was started, which costs nothing
			}
			wait = min(a.config.timing.refused<<min(failures, 16), a.config.timing.refusedMost)
			failures++
			state.State, state.Reason, state.Retry = drivers.Failed, string(no), time.Now().Add(wait)
		default:
			wait = min(a.config.timing.retry<<min(failures, 16), a.config.timing.retryMost)
			failures++
			state.State, state.Reason, state.Retry = drivers.Failed, sentence(err)+" Phones cannot join; the kit tries again by itself.", time.Now().Add(wait)
			a.config.Log.Warn("access point failed", "err", err, "retry", wait)
		}
		state.PID = 0
		a.show(state)
		w.Pause(ctx, wait)
	}
}

// session brings the access point up and keeps it so until it fails, or something else is wanted.
func (a *AP) session(ctx context.Context, w wanted) error {
	if w.Network == nil {
		if w.Said {
			if err := errors.Join(a.clear(), hostapd.Forget(a.config.Dir), a.config.system.takeAddress(Address), a.config.Guard("")); err != nil {
				return err
			}
		}
		a.show(State{Status: drivers.Status{State: drivers.Absent, Reason: w.Why}})
		select {
		case <-w.Changed:
			return errOther
		case <-ctx.Done():
			return nil
		}
	}
	n := *w.Network
	radio, capacity, err := a.radio(n)
	if err != nil {
		return errors.Join(err, a.clear())
	}
	a.know(radio)
	opening := State{Radio: radio.Interface, SSID: n.SSID, Capacity: capacity, Status: drivers.Status{Name: radio.Interface, State: drivers.Opening}}
	a.show(opening)
	country, noCountry := n.Country, error(nil)
	if country != "" {
		if noCountry = a.config.system.setCountry(country); noCountry != nil {
			a.config.Log.Warn("country not set", "country", country, "err", noCountry)
			country = ""
		}
		if radio, capacity, err = a.radio(n); err != nil { // its channels are others now
			return err
		}
	}
	channels, err := channelsFor(n, radio, country)
	if err != nil {
		return errors.Join(err, a.clear())
	}
	if err := a.config.Guard(radio.Interface); err != nil { // no network is better than one that is open to the kit
		return errors.Join(err, a.clear())
	}
	p, err := planFor(n, radio, capacity, a.choose(ctx, n, radio, channels), country, a.config.Dir)
	if err != nil {
		return errors.Join(err, a.clear())
	}
	if noCountry != nil {
		p.notes = append(p.notes, fmt.Sprintf("The rules of %s could not be set; the network keeps to those that hold everywhere.", n.Country))
	}
	process, adopted, err := a.process(p.conf.Text())
	if err != nil {
		return err
	}
	p.state.PID, p.state.Adopted = process.PID, adopted
	s := &session{AP: a, plan: p, radio: radio, channels: channels, process: process, secret: n.Password}
	err = s.run(ctx, w)
	process.Stop()
	if errors.Is(err, errDead) {
		err = a.revive(err)
	}
	return err
}

// radio is the one to use.
func (a *AP) radio(n Network) (nl80211.Radio, Capacity, error) {
	all, err := a.config.system.radios()
	if err != nil {
		return nl80211.Radio{}, Capacity{}, err
	}
	capacity := func(r nl80211.Radio) Capacity {
		driver, chip := a.config.system.hardware(r.Phy)
		return capacityOf(driver, chip, r)
	}
	r, ok := choose(all, capacity)
	if !ok {
		return r, Capacity{}, absence("There is no radio that can be an access point. Phones come by cable or the venue's network; a USB Wi-Fi adapter is found when it is plugged in.")
	}
	return r, capacity(r).with(n.Phones), nil
}

// process is a hostapd with this configuration: one that runs already, so that its stations stay on, or a new one.
func (a *AP) process(conf []byte) (p *hostapd.Process, adopted bool, err error) {
	p, adopted, err = hostapd.Take(a.config.Hostapd, a.config.Dir, conf, func() { a.starts++ })
	if adopted {
		a.config.Log.Info("access point taken over as it runs", "pid", p.PID)
	}
	return p, adopted, err
}

// clear ends a hostapd that is not wanted.
func (a *AP) clear() error { return hostapd.End(a.config.Hostapd, a.config.Dir) }

// sentence is an error for people.
func sentence(err error) string { return hostap.Sentence(err, "wifiap") }

// own is the path of a socket of this process's.
func (a *AP) own(what string) string { return filepath.Join(a.config.Dir, what) }
