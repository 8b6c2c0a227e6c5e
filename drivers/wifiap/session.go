package wifiap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/hostapd"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// session is one hostapd's time.
type session struct {
	*AP
	plan     plan
	radio    nl80211.Radio
	channels []nl80211.Channel // that it may be on
	process  *hostapd.Process
	secret   string
	shows    string // the station whose password is being judged, see overheard; "": none
}

// errHung, errGone and errDown are how an access point fails that was up.
var (
	errHung = errors.New("the access point's program hung, and was ended")
	errGone = errors.New("the radio was taken out, or its driver started it anew")
	errDown = errors.New("the access point went down")
)

// run waits until the access point is up, and watches over it.
func (s *session) run(ctx context.Context, w wanted) error {
	alive, end := s.process.While(ctx)
	defer end()
	control, err := s.up(ctx, alive, w)
	if err != nil {
		return err
	}
	defer control.Close()
	news, err := hostapd.Dial(alive, s.plan.conf.ControlDir, s.radio.Interface, s.own("events"))
	if err != nil {
		return err
	}
	l := hostap.Listen(news.Control)
	defer l.Close()
	if err := s.config.system.setAddress(s.radio.Index, Address); err != nil {
		return err
	}
	if s.plan.state.Adopted {
		if err := s.sync(control); err != nil {
			s.config.Log.Warn("who is kept out may not be who should be", "err", err)
		}
	} else if err := s.left.tell(control); err != nil {
		s.config.Log.Warn("phones that were on may not notice that they are not", "err", err)
	}
	up := &reach{control, s.radio.Index, s.plan.state.Security}
	s.setUp(up) // whoever sees that it is ready may ask
	defer s.setUp(nil)
	s.meet(up)
	if words := s.revivals.words(time.Now()); words != "" {
		s.plan.notes = append(s.plan.notes, words)
	}
	s.plan.state.State, s.plan.state.Reason = drivers.Ready, strings.Join(s.plan.notes, " ")
	s.show(s.plan.state)
	s.config.Log.Info("access point is up", "radio", s.radio.Interface, "channel", s.plan.state.Channel, "why", s.plan.state.Why, "security", s.plan.state.Security, "stations", s.plan.state.Capacity.Stations)
	e := s.ear()
	defer e.close()
	return s.keep(ctx, w, control, l, e)
}

// keep returns when the access point is up no more, or is not to be.
func (s *session) keep(ctx context.Context, w wanted, control *hostapd.Control, l *hostap.Listener, ear *ear) error {
	beat := time.NewTicker(s.config.timing.beat)
	defer beat.Stop()
	pulse := time.NewTicker(s.config.timing.pulse)
	defer pulse.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.Changed:
			return errOther
		case <-s.process.Done:
			return s.ended()
		case <-l.Ended:
			return s.lost(l.Err)
		case e := <-l.Events:
			if e.Name == "AP-DISABLED" || e.Name == "INTERFACE-DISABLED" || e.Name == "INTERFACE-REMOVED" {
				return s.mourn(ctx, errDown)
			}
			s.tried(e, time.Now())
			s.left.hear(e)
			s.came(e)
		case <-pulse.C:
			if err := s.beats(); err != nil {
				return s.why(err)
			}
		case h := <-ear.heard:
			if ear.moves(h, control) {
				return errMoved
			}
		case <-beat.C:
			st, err := control.Status()
			switch {
			case errors.Is(err, hostapd.ErrSilent):
				s.process.Kill()
				return s.mourn(ctx, errHung)
			case err != nil:
				return s.lost(err)
			case st.State != "ENABLED":
				return s.mourn(ctx, errDown)
			case s.config.system.index(s.radio.Interface) != s.radio.Index:
				return errGone
			}
			ear.look(st.Stations, time.Now())
			if err := s.rested(control, time.Now()); err != nil {
				s.config.Log.Warn("a phone that was to be let in again is kept out", "err", err)
			}
			s.overheard(s.process.Said(), time.Now())
			s.process.Trim()
		}
	}
}

// lost is why hostapd cannot be spoken to: mostly that it has ended just now.
func (s *session) lost(err error) error {
	select {
	case <-s.process.Done:
		return s.ended()
	default:
		return fmt.Errorf("%w: %w", errDown, err)
	}
}

// why is errGone where the radio is there no more.
func (s *session) why(err error) error {
	if s.config.system.index(s.radio.Interface) != s.radio.Index {
		return errGone
	}
	return err
}

// ended is why hostapd did, as far as it said.
func (s *session) ended() error {
	if s.config.system.index(s.radio.Interface) != s.radio.Index {
		return errGone
	}
	if said := s.process.Complaint(s.secret); said != "" {
		return fmt.Errorf("the access point's program ended: it said %q", said)
	}
	return errors.New("the access point's program ended")
}

// up waits until the access point is, for as long as a start may take, and returns the way to hostapd. That opens its socket first,
// and answers when it is done with the radio.
func (s *session) up(ctx, alive context.Context, w wanted) (*hostapd.Control, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(s.config.timing.start)
	defer late.Stop()
	for {
		if c, err := hostapd.Dial(alive, s.plan.conf.ControlDir, s.radio.Interface, s.own("control")); err == nil { // else: not yet
			if st, err := c.Status(); err == nil && st.State == "ENABLED" {
				return c, nil
			}
			c.Close()
		}
		select {
		case <-tick.C:
		case <-late.C:
			return nil, s.mourn(ctx, fmt.Errorf("the access point did not come up within %v: %s", s.config.timing.start, s.process.Complaint(s.secret)))
		case <-s.process.Done:
			return nil, s.refused(ctx)
		case <-w.Changed:
			return nil, errOther
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// refused is what hostapd does not like about its configuration or the radio.
func (s *session) refused(ctx context.Context) error {
	if s.config.system.index(s.radio.Interface) != s.radio.Index {
		return errGone
	}
	said := s.process.Complaint(s.secret)
	if said == "" {
		said = "it did not say why"
	}
	return s.mourn(ctx, refusal(fmt.Sprintf("The radio did not become an access point: %q. Set channel 0, band \"auto\" and security \"wpa2\" in [wifi] to see whether that helps; the kit tries again by itself.", said)))
}
