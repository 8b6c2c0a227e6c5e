package wifiap

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// three are the channels that do not overlap, in the order in which they are taken.
func three() []nl80211.Channel {
	return []nl80211.Channel{{Number: 6, MHz: 2437}, {Number: 1, MHz: 2412}, {Number: 11, MHz: 2462}}
}

// used is a measurement of 100 ms.
func used(mhz, busy, itself int) nl80211.Use {
	return nl80211.Use{MHz: mhz, Heard: 100 * time.Millisecond, Busy: time.Duration(busy) * time.Millisecond, Itself: time.Duration(itself) * time.Millisecond}
}

// networks are so many of the same kind.
func networks(n, mhz, dBm int) (all []nl80211.Neighbour) {
	for range n {
		all = append(all, nl80211.Neighbour{MHz: mhz, SignalDBm: dBm})
	}
	return all
}

// TestTheQuietestChannelIsPicked holds what is heard against where an access point goes that is nowhere yet, and where one goes that is
// on channel 6.
func TestTheQuietestChannelIsPicked(t *testing.T) {
	quiet := []nl80211.Use{used(2412, 10, 0), used(2437, 10, 0), used(2462, 10, 0)}
	for name, c := range map[string]struct {
		air         nl80211.Air
		first, then int
	}{
		"nothing at all":       {nl80211.Air{}, 6, 6},
		"all alike":            {nl80211.Air{Uses: quiet}, 6, 6},
		"alike but for a ms":   {nl80211.Air{Uses: []nl80211.Use{used(2412, 12, 0), used(2437, 13, 0), used(2462, 13, 0)}}, 6, 6},
		"one is a little less": {nl80211.Air{Uses: []nl80211.Use{used(2412, 10, 0), used(2437, 24, 0), used(2462, 12, 0)}}, 1, 6},
		"one is clearly less":  {nl80211.Air{Uses: []nl80211.Use{used(2412, 10, 0), used(2437, 26, 0), used(2462, 12, 0)}}, 1, 1},
		// Nobody's beacons are heard, but the channel is taken: an oven, a camera, a network that is too far away for its beacons.
		"a noise without a network": {nl80211.Air{Uses: []nl80211.Use{used(2412, 60, 0), used(2437, 70, 0), used(2462, 5, 0)}}, 11, 11},
		// What it sends itself is not in its own way.
		"its own sending":           {nl80211.Air{Uses: []nl80211.Use{used(2412, 20, 0), used(2437, 60, 45), used(2462, 20, 0)}}, 6, 6},
		"networks, not measured":    {nl80211.Air{Neighbours: append(networks(3, 2437, -50), networks(1, 2412, -50)...)}, 11, 11},
		"one network is no reason":  {nl80211.Air{Neighbours: networks(1, 2437, -50)}, 1, 6},
		"two near ones are":         {nl80211.Air{Neighbours: networks(2, 2437, -50)}, 1, 1},
		"many that are hardly felt": {nl80211.Air{Neighbours: append(networks(8, 2437, -92), networks(8, 2412, -90)...)}, 11, 6},
		// Two on channel 3: 10 MHz from 1, 15 from 6. Neither 1 nor 6 has a network of its own.
		"between the channels":      {nl80211.Air{Neighbours: networks(6, 2422, -50)}, 11, 11},
		"beside the channel":        {nl80211.Air{Neighbours: networks(3, 2442, -50)}, 1, 1},
		"of unknown strength":       {nl80211.Air{Neighbours: append(networks(4, 2437, 0), networks(2, 2412, -50)...)}, 11, 11},
		"on the other band":         {nl80211.Air{Neighbours: networks(9, 5180, -40)}, 6, 6},
		"one channel not measured":  {nl80211.Air{Uses: quiet[1:], Neighbours: networks(1, 2462, -80)}, 6, 6},
		"measured as nonsense":      {nl80211.Air{Uses: []nl80211.Use{used(2412, 900, 0), used(2437, 10, 50), used(2462, 100, 0)}}, 6, 6},
		"networks and measurements": {nl80211.Air{Uses: []nl80211.Use{used(2412, 10, 0), used(2437, 30, 0), used(2462, 40, 0)}, Neighbours: networks(5, 2412, -50)}, 6, 6},
	} {
		ls := loads(three(), c.air)
		if first, then := pick(ls, 0), pick(ls, 6); first.channel.Number != c.first || then.channel.Number != c.then {
			t.Errorf("%s: first %d, from 6 to %d; want %d, %d: %+v", name, first.channel.Number, then.channel.Number, c.first, c.then, ls)
		}
	}
}

func TestWhatWasHeardIsToldBestFirst(t *testing.T) {
	air := nl80211.Air{Uses: []nl80211.Use{used(2412, 9, 0), used(2437, 31, 0), used(2462, 2, 0)}, Neighbours: append(networks(1, 2437, -50), networks(2, 2412, -50)...)}
	ls := loads(three(), air)
	if got := heard(ls, ls[2]); got != "11 (busy 2 %, 0 networks), 1 (busy 9 %, 2 networks), 6 (busy 31 %, 1 network)" {
		t.Error(got)
	}
	var many []nl80211.Channel
	for n := 36; n <= 56; n += 4 {
		many = append(many, nl80211.Channel{Number: n, MHz: 5000 + 5*n, Band: nl80211.Band5})
	}
	ls = loads(many, nl80211.Air{Neighbours: networks(1, 5180, -50)})
	if got := heard(ls, ls[2]); got != "44 (0 networks), 40 (0 networks), 48 (0 networks), 52 (0 networks), and 2 more" {
		t.Error(got)
	}
}

func TestAllOfTheBandIsListenedTo(t *testing.T) {
	r := nl80211.Radio{Channels: []nl80211.Channel{{Number: 1, MHz: 2412}, {Number: 3, MHz: 2422}, {Number: 6, MHz: 2437}, {Number: 12, MHz: 2467, Silent: true},
		{Number: 13, MHz: 2472, Off: true}, {Number: 14, MHz: 2484}, {Number: 36, MHz: 5180, Band: nl80211.Band5}, {Number: 52, MHz: 5260, Band: nl80211.Band5, Radar: true}}}
	if d := cmp.Diff([]int{2412, 2422, 2437, 2467}, listenTo(r.Channels[:1], r)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int{5180}, listenTo(r.Channels[6:7], r)); d != "" {
		t.Error(d)
	}
}

func TestTheChannelIsChosenByListeningAndKeptThroughRestarts(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m := &machine{}
	m.plug(pi())
	m.hear(nl80211.Air{Neighbours: networks(2, 2437, -50)}, nil)
	a, _ := start(t, t.TempDir(), m)
	a.Want(network())
	up := await(t, a, is(drivers.Ready))
	if up.Channel != 1 || !strings.Contains(up.Why, "1 (0 networks), 6 (2 networks)") {
		t.Errorf("%+v", up)
	}
	m.hear(nl80211.Air{Neighbours: networks(2, 2412, -50)}, nil)
	syscall.Kill(up.PID, syscall.SIGKILL) // phones look for it where it was
	again := await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.PID != up.PID })
	if again.Channel != 1 || again.Why != up.Why {
		t.Errorf("%+v", again)
	}
	if n := m.hear(nl80211.Air{}, errors.New("broken")); n != 1 {
		t.Errorf("listened %d times", n)
	}
	a.Off("Switched off.") // and on: that is to choose again
	await(t, a, func(s State) bool { return s.Reason == "Switched off." })
	a.Want(network())
	if s := await(t, a, is(drivers.Ready)); s.Channel != 6 || !strings.Contains(s.Why, "could not listen") {
		t.Errorf("%+v", s)
	}
	there := network()
	there.Channel = 1
	a.Want(there)
	if s := await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.Channel == 1 }); s.Why != asked {
		t.Errorf("%+v", s)
	}
	m.hear(nl80211.Air{Neighbours: networks(1, 2437, -50)}, nil)
	a.Want(network()) // to choose is not to stay where it was sent
	if s := await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.Why != asked }); s.Channel != 1 || !strings.Contains(s.Why, "quietest") {
		t.Errorf("%+v", s)
	}
}

// TestNobodyListensWhileAnybodyIsOn goes through an evening by the clock of whoever looks.
func TestNobodyListensWhileAnybodyIsOn(t *testing.T) {
	m := &machine{}
	s := &session{AP: New(Config{system: m}), radio: pi(), channels: three()}
	e := s.ear()
	defer e.close()
	at := e.empty
	for i, step := range []struct {
		after    time.Duration
		stations int
		listens  int // so far
	}{
		{9 * time.Minute, 0, 0},
		{time.Minute, 0, 1},
		{9 * time.Minute, 0, 1},
		{time.Minute, 0, 2},
		{time.Hour, 1, 2},
		{time.Hour, 1, 2},
		{9 * time.Minute, 0, 2},
		{time.Second, 2, 2},
		{9 * time.Minute, 0, 2},
		{time.Minute, 0, 3},
	} {
		at = at.Add(step.after)
		if e.look(step.stations, at); e.busy {
			<-e.heard
			e.busy = false
		}
		if m.listens != step.listens {
			t.Errorf("step %d: listened %d times, want %d", i, m.listens, step.listens)
		}
	}
	e.look(0, at.Add(time.Hour))
	e.look(0, at.Add(2*time.Hour)) // while it listens
	if <-e.heard; m.listens != 4 {
		t.Errorf("listened %d times", m.listens)
	}
	s.channels = s.channels[:1]
	one := s.ear()
	if one.look(0, at.Add(time.Hour)); one.busy {
		t.Error("it listens with nothing to choose from")
	}
}

// TestTheChannelIsLeftOnlyForAClearlyBetterOne and while nobody is on.
func TestTheChannelIsLeftOnlyForAClearlyBetterOne(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	dir, m := t.TempDir(), &machine{quiet: time.Nanosecond}
	m.plug(pi())
	phone := func(thinks, want string) {
		if is := hears(dir, mac(1), "WPA-PSK", network().Password, thinks); is != want {
			t.Errorf("a phone that is %s hears %q", thinks, is)
		}
	}
	a, _ := start(t, dir, m)
	a.Want(network())
	up := await(t, a, is(drivers.Ready))
	same := func(s State) {
		t.Helper()
		if s.PID != up.PID || s.Channel != 6 {
			t.Errorf("%+v", s)
		}
	}
	m.hear(nl80211.Air{Neighbours: networks(1, 2437, -50)}, nil)
	same(await(t, a, func(s State) bool {
		return strings.Contains(s.Why, "No other is clearly quieter: 6 (1 network), 1 (0 networks)")
	}))
	m.mu.Lock()
	m.air, m.during = nl80211.Air{Neighbours: networks(2, 2437, -50)}, func() { phone("off", "on") }
	m.mu.Unlock()
	same(await(t, a, func(s State) bool { return strings.Contains(s.Why, "somebody came") }))
	m.mu.Lock()
	m.during = nil
	m.mu.Unlock()
	phone("leaves", "off")
	moved := await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.Channel == 1 })
	if moved.PID == up.PID || !strings.Contains(moved.Why, "while nobody was on: 1 (0 networks), 6 (2 networks)") {
		t.Errorf("%+v", moved)
	}
	m.hear(nl80211.Air{Neighbours: networks(2, 2412, -50)}, nl80211.ErrDeaf)
	deaf := await(t, a, func(s State) bool { return strings.Contains(s.Why, "cannot listen while it is an access point") })
	if deaf.PID != moved.PID || deaf.Channel != 1 {
		t.Errorf("%+v", deaf)
	}
}
