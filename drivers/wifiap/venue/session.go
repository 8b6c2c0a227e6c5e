package venue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// session is one wpa_supplicant's time.
type session struct {
	*Client
	network Network
	radio   nl80211.Radio
	process *hostap.Process
	control *hostap.Control
	state   State // as shown; its first half stays

	joined bool
	fault  string    // why it has not, for people; "": it is not known
	since  time.Time // of the fault
	code   string    // of the last refusal
	missed int       // looks in a row that did not find the network
	gone   *time.Timer

	lease   *Lease // that holds; nil: none
	trouble string // with addresses, for people
	vain    int    // times in a row that nobody gave one
	online  Internet

	work sync.WaitGroup
	stop context.CancelFunc // of hold
	look context.CancelFunc // of watchInternet
	news chan news
}

// rejoins is after how many times without an address the network is joined anew.
const rejoins = 2

// news are what the goroutines beside a session's own find out.
type news struct {
	from   context.Context // that of the goroutine: of one that was stopped nothing counts
	lease  *Lease
	err    error // why there is no lease, or none any more
	online Internet
}

// errHung, errGone and errDown are how a session fails.
var (
	errHung = errors.New("the program that joins networks hung, and was ended")
	errGone = errors.New("the radio was taken out, or its chip halted")
	errDown = errors.New("the radio was switched off")
)

// run waits until wpa_supplicant answers, and watches over it.
func (s *session) run(ctx context.Context, w wanted) error {
	alive, end := s.process.While(ctx)
	defer end()
	s.news, s.gone = make(chan news), time.NewTimer(time.Hour)
	s.gone.Stop()
	var err error
	if s.control, err = s.up(ctx, alive, w); err != nil {
		return err
	}
	defer s.control.Close()
	conn, err := hostap.Dial(alive, "wpa_supplicant", s.own(controlName), s.radio.Interface, s.own(newsName))
	if err != nil {
		return err
	}
	l := hostap.Listen(conn)
	defer l.Close()
	defer func() {
		s.leave()
		s.work.Wait()
	}()
	return s.keep(ctx, w, l)
}

// up waits until wpa_supplicant answers, for as long as a start may take.
func (s *session) up(ctx, alive context.Context, w wanted) (*hostap.Control, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(s.config.timing.start)
	defer late.Stop()
	for {
		if c, err := hostap.Dial(alive, "wpa_supplicant", s.own(controlName), s.radio.Interface, s.own(questionName)); err == nil { // else: not yet
			if answer, err := c.Ask("PING"); err == nil && answer == "PONG" {
				return c, nil
			}
			c.Close()
		}
		select {
		case <-tick.C:
		case <-late.C:
			return nil, fmt.Errorf("the program that joins networks did not start within %v: %s", s.config.timing.start, s.process.Complaint(s.network.Password))
		case <-s.process.Done:
			return nil, s.ended()
		case <-w.Changed:
			return nil, errOther
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// keep returns when the radio is of no more use, or something else is wanted.
func (s *session) keep(ctx context.Context, w wanted, l *hostap.Listener) error {
	beat := time.NewTicker(s.config.timing.beat)
	defer beat.Stop()
	if err := s.check(ctx); err != nil { // one that was taken over may have joined
		return err
	}
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
			if err := s.hear(ctx, e); err != nil {
				return err
			}
		case n := <-s.news:
			if n.from.Err() == nil {
				if err := s.learn(ctx, n); err != nil {
					return err
				}
			}
		case <-s.gone.C:
			s.drop()
		case <-beat.C:
			if err := s.check(ctx); err != nil {
				return err
			}
			s.process.Trim()
		}
		s.tell()
	}
}

// check asks wpa_supplicant how it does.
func (s *session) check(ctx context.Context) error {
	is, err := statusOf(s.control)
	switch {
	case errors.Is(err, hostap.ErrSilent):
		s.process.Kill()
		return errHung
	case err != nil:
		return s.lost(err)
	case s.config.system.index(s.radio.Interface) != s.radio.Index:
		return errGone
	case is.state == "INTERFACE_DISABLED":
		return errDown
	}
	s.state.MHz, s.state.SignalDBm, s.state.Security = is.mhz, is.dBm, is.security
	if is.state == "COMPLETED" && !s.joined { // the event was missed
		s.enter(ctx)
	}
	return nil
}

// hear takes what wpa_supplicant tells by itself (hostap 2.10, src/common/wpa_ctrl.h).
func (s *session) hear(ctx context.Context, e hostap.Event) error {
	switch e.Name {
	case "CTRL-EVENT-CONNECTED":
		s.enter(ctx)
		return s.check(ctx)
	case "CTRL-EVENT-DISCONNECTED":
		if s.joined {
			s.leave()
			s.state.Security = ""
			s.gone.Reset(s.config.timing.grace)
		} else if e.Value("reason") == "15" && s.network.Password != "" { // the handshake with the password was not ended (IEEE 802.11-2020, table 9-49)
			s.blame(wrongPassword(s.network.SSID))
		}
	case "CTRL-EVENT-AUTH-REJECT":
		s.code = e.Value("status_code")
		if e.Value("auth_type") == "3" && e.Value("auth_transaction") == "2" { // WPA3's last step, where the two came to different keys
			s.blame(wrongPassword(s.network.SSID))
		}
	case "CTRL-EVENT-ASSOC-REJECT":
		s.code = e.Value("status_code")
	case "CTRL-EVENT-SSID-TEMP-DISABLED":
		switch wrong := wrongPassword(s.network.SSID); {
		case e.Value("reason") == "WRONG_KEY":
			s.blame(wrong)
		case s.code != "" && s.fault != wrong:
			s.blame(refused(s.network.SSID, s.code))
		}
	case "CTRL-EVENT-NETWORK-NOT-FOUND":
		return s.seek()
	}
	return nil
}

// seek finds out why no network was chosen, and has the next look come later the longer that goes on.
func (s *session) seek() error {
	all, err := heard(s.control)
	if err != nil {
		return s.lost(err)
	}
	s.missed++
	if err := s.control.Do(fmt.Sprintf("SCAN_INTERVAL %d", min(5+s.missed/2*5, 30))); err != nil {
		return s.lost(err)
	}
	name, why, there := escaped(s.network.SSID), "", false
	for _, b := range all {
		if b.ssid == name {
			there = true
			if why = unfit(s.network, b.flags); why == "" {
				break // one of them would do: it was tried, or will be
			}
		}
	}
	switch stubborn := s.fault != "" && time.Since(s.since) < s.config.timing.stubborn; {
	case why != "":
		s.blame(why)
	case !there && !stubborn:
		s.blame(notFound(s.network.SSID))
	}
	return nil
}

func (s *session) blame(fault string) { s.fault, s.since = fault, time.Now() }

// enter begins to look for an address: the one it has, if there is one.
func (s *session) enter(ctx context.Context) {
	s.leave()
	s.joined, s.fault, s.code, s.missed = true, "", "", 0
	if s.vain == 0 {
		s.trouble = ""
	}
	s.gone.Stop()
	var was *Lease
	if s.lease != nil {
		l := *s.lease
		was = &l
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.work.Go(func() { s.hold(ctx, was) })
}

// leave ends what is done in the network; the address stays.
func (s *session) leave() {
	s.joined = false
	if s.stop != nil {
		s.stop()
	}
	s.lookAway()
}

// lookAway ends the looks whether the internet is there.
func (s *session) lookAway() {
	if s.look != nil {
		s.look()
	}
	s.look = nil
}

// learn takes what another goroutine found out.
func (s *session) learn(ctx context.Context, n news) error {
	switch {
	case n.online != Unknown:
		s.online = n.online
	case n.err != nil:
		s.config.Log.Warn("no address in the venue's network", "err", n.err)
		s.drop()
		s.trouble = noAddress(s.network.SSID, s.config.system.mac(s.radio.Interface))
		// An access point may take the kit for one that has not joined yet, and let nothing through: a lost or late packet of the handshake does it.
		if s.vain++; s.vain%rejoins == 0 {
			if err := s.control.Do("REASSOCIATE"); err != nil {
				return s.lost(err)
			}
		}
	case s.network.Apart.IsValid() && s.network.Apart.Overlaps(n.lease.Address):
		s.drop()
		s.trouble = clash(s.network.SSID)
	default:
		if err := s.config.system.configure(s.radio.Index, *n.lease); err != nil {
			s.config.Log.Warn("address not taken", "err", err)
			s.trouble = sentence(err)
			return nil
		}
		if s.lease == nil || s.lease.Address != n.lease.Address {
			s.config.Log.Info("in the venue's network", "radio", s.radio.Interface, "address", n.lease.Address, "router", n.lease.Router, "security", s.state.Security)
		}
		renewed := s.look != nil && s.lease != nil && s.lease.Address == n.lease.Address && s.lease.Router == n.lease.Router && slices.Equal(s.lease.Servers, n.lease.Servers)
		s.vain = 0
		if s.lease, s.trouble = n.lease, ""; renewed {
			return nil
		}
		s.lookAway()
		s.online = Unknown
		ctx, s.look = context.WithCancel(ctx)
		s.work.Go(func() { s.watchInternet(ctx, *n.lease) })
	}
	return nil
}

// drop gives the address up.
func (s *session) drop() {
	s.lookAway()
	s.lease, s.online = nil, Unknown
	if err := s.config.system.clear(s.radio.Index); err != nil {
		s.config.Log.Warn("address not taken away", "err", err)
	}
}

func (s *session) looking() {
	s.state.State, s.state.Reason = drivers.Opening, fmt.Sprintf("Looking for the network %q.", s.network.SSID)
	s.show(s.state)
}

// tell shows how it goes.
func (s *session) tell() {
	is := s.state
	if s.lease != nil {
		is.Address, is.Router, is.Servers, is.Internet = s.lease.Address, s.lease.Router, s.lease.Servers, s.online
	}
	is.State, is.Reason = drivers.Failed, ""
	switch {
	case s.joined && s.trouble != "":
		is.Reason = s.trouble
	case s.joined && s.lease == nil:
		is.State, is.Reason = drivers.Opening, fmt.Sprintf("The kit is in %q, and waits for an address.", s.network.SSID)
	case s.joined:
		if is.State = drivers.Ready; s.online == Offline {
			is.Reason = offline(s.network.SSID, s.config.system.mac(s.radio.Interface), s.lease.SignIn)
		}
	case s.fault != "":
		is.Reason = s.fault
	case s.lease != nil:
		is.Reason = lost(s.network.SSID)
	default:
		s.looking()
		return
	}
	s.show(is)
}

// lost is why wpa_supplicant cannot be spoken to: mostly that it has ended just now.
func (s *session) lost(err error) error {
	select {
	case <-s.process.Done:
		return s.ended()
	default:
		return err
	}
}

// ended is why wpa_supplicant did, as far as it said.
func (s *session) ended() error {
	if s.config.system.index(s.radio.Interface) != s.radio.Index {
		return errGone
	}
	if said := s.process.Complaint(s.network.Password); said != "" {
		return fmt.Errorf("the program that joins networks ended: it said %q", said)
	}
	return errors.New("the program that joins networks ended")
}
