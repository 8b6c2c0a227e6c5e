package wifiap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"edgekit.internal/drivers/wifiap/internal/hostapd"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// choice is a channel, and why it is this one, for people.
type choice struct {
	nl80211.Channel
	why string
}

// How channels are compared. A load is a share of the time of which others will have the air: what was measured just now, and for
// each network that was heard another 10 %, if it is near, for what it may send later. A measurement takes 0.1 s, which is why beacons
// count too; hostapd's own choice (ACS) goes by measurements alone, and fails where a driver has none (oblique/create_ap#435).
const (
	perNetwork = 0.10
	near       = -62  // dBm: from here on a network has its full weight: IEEE 802.11-2020, 17.3.10.6, has the air taken by any energy of it
	far        = -92  // dBm: down here it has next to none
	unknownDBm = -77  // of a network whose driver does not say: between both
	alike      = 0.02 // of the time: a measurement of 0.1 s is not finer
	clearly    = 0.15
)

// load is what is to be expected of a channel.
type load struct {
	channel  nl80211.Channel
	busy     float64 // share of the time; less than 0: not measured
	networks int     // that send in it, or into it
	all      float64 // what channels are compared by
}

// loads says what is to be expected of channels. Measurements count only if there is one of each. A network beside a channel counts by
// what it covers of the channel's 20 MHz. Of wider networks only the 20 MHz of their beacons are known: the rest is in what was measured.
func loads(channels []nl80211.Channel, air nl80211.Air) []load {
	ls := make([]load, len(channels))
	measured := true
	for i, c := range channels {
		ls[i] = load{channel: c, busy: -1}
		for _, u := range air.Uses {
			if u.MHz == c.MHz && u.Heard > 0 {
				ls[i].busy = min(max(0, float64(u.Busy-u.Itself)/float64(u.Heard)), 1)
			}
		}
		measured = measured && ls[i].busy >= 0
		for _, n := range air.Neighbours {
			apart := max(n.MHz-c.MHz, c.MHz-n.MHz)
			if apart >= 20 {
				continue
			}
			dBm := cmp.Or(n.SignalDBm, unknownDBm)
			ls[i].networks++
			ls[i].all += perNetwork * (1 - float64(apart)/20) * min(max(0.05, float64(dBm-far)/(near-far)), 1)
		}
	}
	for i := range ls {
		if !measured {
			ls[i].busy = -1
		}
		ls[i].all += max(0, ls[i].busy)
	}
	return ls
}

// pick is the best of what there is: where the access point is now (0: nowhere), unless another is clearly better, by 15 % of the time;
// of channels that are alike, to 2 %, the first.
func pick(ls []load, current int) load {
	best := ls[0]
	for _, l := range ls[1:] {
		if l.all < best.all-alike {
			best = l
		}
	}
	for _, l := range ls {
		if l.channel.Number == current && l.all < best.all+clearly {
			return l
		}
	}
	return best
}

// heard puts what was heard in words: the channel that was picked first, then the others, the best first.
func heard(ls []load, picked load) string {
	ls = slices.Clone(ls)
	slices.SortStableFunc(ls, func(a, b load) int {
		switch picked.channel {
		case a.channel:
			return -1
		case b.channel:
			return 1
		}
		return cmp.Compare(a.all, b.all)
	})
	var words []string
	for _, l := range ls[:min(len(ls), 4)] {
		networks := fmt.Sprintf("%d networks", l.networks)
		if l.networks == 1 {
			networks = "1 network"
		}
		if l.busy >= 0 {
			networks = fmt.Sprintf("busy %.0f %%, %s", 100*l.busy, networks)
		}
		words = append(words, fmt.Sprintf("%d (%s)", l.channel.Number, networks))
	}
	if more := len(ls) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

// listenTo are the channels to listen to: in the 2.4 GHz band all, as networks between those that are chosen from count too.
func listenTo(channels []nl80211.Channel, r nl80211.Radio) (mhz []int) {
	if channels[0].Band == nl80211.Band2 {
		channels = slices.DeleteFunc(slices.Clone(r.Channels), func(c nl80211.Channel) bool { return c.Band != nl80211.Band2 || c.Off || c.Number > 13 })
	}
	for _, c := range channels {
		mhz = append(mhz, c.MHz)
	}
	return mhz
}

// Why there was nothing to choose.
const (
	asked    = "The settings ask for it."
	onlyThis = "It is the only one that this radio may use here."
)

// choose takes one of the channels that the access point may be on. A radio that was on one of them before stays there, so that phones
// find the network where they lost it: no time is spent on listening when hostapd has to be started again.
func (a *AP) choose(ctx context.Context, n Network, r nl80211.Radio, channels []nl80211.Channel) choice {
	if a.next != nil {
		to := *a.next
		a.next = nil
		if slices.Contains(channels, to.Channel) {
			return to
		}
	}
	switch {
	case n.Channel != 0:
		return choice{channels[0], asked}
	case len(channels) == 1:
		return choice{channels[0], onlyThis}
	}
	if was, ok := hostapd.ReadLast(a.config.Dir); ok && was.Interface == r.Interface && was.Why != asked && was.Why != onlyThis {
		if i := slices.IndexFunc(channels, func(c nl80211.Channel) bool { return c.Number == was.Channel }); i >= 0 {
			return choice{channels[i], was.Why}
		}
	}
	air, err := a.config.system.listen(ctx, r.Index, listenTo(channels, r))
	if err != nil {
		a.config.Log.Warn("channels not listened to", "err", err)
		return choice{channels[0], "The kit could not listen before it began, so it took the usual one; its log says why."}
	}
	ls := loads(channels, air)
	best := pick(ls, 0)
	return choice{best.channel, "It is the quietest that the kit heard: " + heard(ls, best) + "."}
}

// ear has a session's radio listen while nobody is on, if there is anything to choose from.
type ear struct {
	*session
	heard chan sound // one at a time
	empty time.Time  // since when nobody is on, or was listened to
	deaf  bool       // nothing is listened to any more
	busy  bool       // it listens
	end   func()     // nil: it never did
}

// sound is what was heard, or why nothing was.
type sound struct {
	air nl80211.Air
	err error
}

func (s *session) ear() *ear {
	return &ear{session: s, heard: make(chan sound, 1), empty: time.Now(), deaf: len(s.channels) < 2}
}

// look begins to listen once nobody has been on for long enough, and again when that much time has passed since.
func (e *ear) look(stations int, now time.Time) {
	if stations > 0 {
		e.empty = now
	}
	if e.deaf || e.busy || now.Sub(e.empty) < e.config.Quiet {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	e.empty, e.busy, e.end = now, true, func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		air, err := e.config.system.listen(ctx, e.radio.Index, listenTo(e.channels, e.radio))
		e.heard <- sound{air, err}
	}()
}

// close returns when nothing is listened to any more.
func (e *ear) close() {
	if e.end != nil {
		e.end()
	}
}

// moves takes in what was heard, and is whether the access point is to go to another channel: never while anybody is on.
func (e *ear) moves(h sound, control *hostapd.Control) bool {
	e.busy = false
	e.close()
	state := &e.plan.state
	switch {
	case errors.Is(h.err, nl80211.ErrDeaf):
		e.deaf = true
		state.Why += " This radio cannot listen while it is an access point: the kit chooses again when it is switched on again."
		e.show(*state)
		return false
	case h.err != nil:
		e.config.Log.Warn("channels not listened to", "err", h.err)
		return false
	}
	ls := loads(e.channels, h.air)
	best := pick(ls, state.Channel)
	if best.channel.Number == state.Channel {
		state.Why = "No other is clearly quieter: " + heard(ls, best) + "."
		e.show(*state)
		return false
	}
	if st, err := control.Status(); err != nil || st.Stations > 0 {
		state.Why = "Another is clearly quieter, but somebody came while the kit listened: " + heard(ls, best) + "."
		e.show(*state)
		return false
	}
	e.next = &choice{best.channel, "It is clearly quieter than the one before, which was left while nobody was on: " + heard(ls, best) + "."}
	return true
}
