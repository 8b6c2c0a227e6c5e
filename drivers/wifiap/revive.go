package wifiap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// A chip's firmware halts, mostly with too many stations or too little power. Newer kernels' brcmfmac often hears of it and starts the
// chip anew by itself ("Firmware has halted or crashed", then "card 0001 removed": RPi-Distro/firmware-nonfree#43), which is seen by the
// interface's number; where that does not work, the radio is gone and its device is there. Else the interface stays, hostapd says that
// all is well, and every question to the chip fails: with ETIMEDOUT after 2 s ("GET STA INFO failed, -110": raspberrypi/linux#3408) or,
// when the driver has given up, with EIO ("bus is down": raspberrypi/firmware#1768). What helps is to take its controller from its
// driver and give it back (raspberrypi/linux#2453), which loads the firmware again.

// errDead is how an access point fails whose chip answers no more.
var errDead = errors.New("the radio's firmware stopped")

// deadAfter is how many questions in a row a chip does not answer until it counts as dead.
const deadAfter = 3

// pulse judges whether a chip lives by how its driver answers the question who is on.
type pulse struct {
	index  int  // of the interface that is spoken of
	lives  bool // it has answered
	missed int  // questions, in a row
}

// hear takes an answer in, and is whether the chip is dead.
func (p *pulse) hear(index int, err error) (dead bool) {
	if p.index != index { // it was bound anew
		*p = pulse{index: index}
	}
	switch {
	case err == nil:
		p.lives, p.missed = true, 0
	case isSilence(err), p.lives && errors.Is(err, unix.EOPNOTSUPP): // as brcmfmac says of a list that it did not get
		p.missed++
	}
	return p.missed >= deadAfter
}

// isSilence tells whether an error of a driver's is that its chip did not answer: by time (also the kernel's as a whole, whose lock a
// driver holds that waits), as SDIO's and USB's drivers call a bus on which nobody answers. That the interface is gone is none.
func isSilence(err error) bool {
	for _, is := range []error{unix.ETIMEDOUT, os.ErrDeadlineExceeded, unix.EIO, unix.EREMOTEIO, unix.EPROTO, unix.EPIPE, unix.EILSEQ} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// How often a chip is started anew: one that stops again at once is not helped by it, and phones are better told so.
const (
	revivalsApart = time.Minute // see AP.revive for its words
	revivalsMost  = 10
	revivalsIn    = 24 * time.Hour
)

// revivals are when a chip was started anew, within the last 24 hours.
type revivals []time.Time

// may notes one more, if there may be one now.
func (r *revivals) may(now time.Time) bool {
	n := r.count(now)
	if n >= revivalsMost || n > 0 && now.Sub((*r)[n-1]) < revivalsApart {
		return false
	}
	*r = append(*r, now)
	return true
}

func (r *revivals) count(now time.Time) int {
	for len(*r) > 0 && now.Sub((*r)[0]) >= revivalsIn {
		*r = (*r)[1:]
	}
	return len(*r)
}

// words are for people; "" where nothing happened.
func (r *revivals) words(now time.Time) string {
	switch n := r.count(now); n {
	case 0:
		return ""
	case 1:
		return "The radio's firmware stopped; it was started anew, once within the last 24 hours."
	default:
		return fmt.Sprintf("The radio's firmware stopped; it was started anew, %d times within the last 24 hours. A stronger power supply, fewer phones or a USB Wi-Fi adapter helps.", n)
	}
}

// beats is one answer of the driver's. Its error is errDead when the chip is.
func (s *session) beats() error {
	_, err := s.config.system.stations(s.radio.Index)
	if s.pulse.hear(s.radio.Index, err) {
		return fmt.Errorf("%w: %w", errDead, err)
	}
	return nil
}

// mourn is errDead where a failure, of hostapd as it seems, is one of a chip that answers nothing. It asks again after a while: a driver
// that hears of it by itself takes the interface away within two or three seconds.
func (s *session) mourn(ctx context.Context, failed error) error {
	for range deadAfter {
		if err := s.beats(); err != nil {
			return s.why(err)
		}
		if s.pulse.missed == 0 {
			break
		}
		drivers.Pause(ctx, s.config.timing.beat)
	}
	return s.why(failed)
}

// know keeps which chip the radio is on, for when it has to be started anew.
func (a *AP) know(r nl80211.Radio) {
	a.missing = time.Time{}
	if a.chip, a.unknown = a.config.system.chip(r.Phy); a.unknown != nil {
		a.config.Log.Debug("the radio could not be started anew if its firmware stopped", "err", a.unknown)
	}
}

// misses is whether a radio that was there is away for longer than it takes its driver to bring it back, and was not pulled out.
func (a *AP) misses(now time.Time) bool {
	if a.missing.IsZero() {
		a.missing = now
	}
	if a.chip == (chip{}) || now.Sub(a.missing) < a.config.timing.missing || !a.config.system.plugged(a.chip) {
		return false
	}
	a.missing = now
	return true
}

// revive starts the chip anew, if that is not done too often, and is what to say of it.
func (a *AP) revive(dead error) error {
	now := time.Now()
	a.pulse = pulse{}
	if a.unknown != nil {
		return fmt.Errorf("%w, and cannot be started anew (%w): switch the kit off and on", dead, a.unknown)
	}
	if !a.revivals.may(now) {
		if n := a.revivals.count(now); n >= revivalsMost {
			return fmt.Errorf("%w; it was started anew %d times within 24 hours, which did not help: switch the kit off and on, or plug in a USB Wi-Fi adapter", dead, n)
		}
		return fmt.Errorf("%w; it was started anew less than a minute ago, and is not so again at once", dead)
	}
	a.config.Log.Warn("radio bound anew", "device", a.chip.device, "why", dead, "times", len(a.revivals))
	if err := a.config.system.rebind(a.chip); err != nil {
		return fmt.Errorf("%w, and could not be started anew (%w): switch the kit off and on", dead, err)
	}
	return dead
}
