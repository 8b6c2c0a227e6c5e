package wifiap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/hostapd"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// start runs an access point over a machine; stop ends it as SIGTERM does.
func start(t *testing.T, dir string, m *machine) (a *AP, stop func()) {
	t.Helper()
	return startOn(t, dir, m, Config{Quiet: m.quiet})
}

// startOn is start with more than that decided.
func startOn(t *testing.T, dir string, m system, c Config) (a *AP, stop func()) {
	t.Helper()
	if m, ok := m.(*machine); ok && m.dir == "" {
		m.dir = dir
	}
	if c.timing == (timing{}) {
		c.timing = standard()
		c.timing.scan, c.timing.beat, c.timing.pulse, c.timing.missing, c.timing.retry, c.timing.refused = 5*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond, 5*time.Millisecond, 5*time.Millisecond
	}
	if c.Hostapd == "" {
		c.Hostapd = me(t)
	}
	c.Dir, c.system = dir, m
	a = New(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return a, stop
}

// me is the test's program, as a hostapd: see TestMain.
func me(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// await waits for the access point to come to a state.
func await(t *testing.T, a *AP, yes func(State) bool) State {
	t.Helper()
	late := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond) // not all of it is watched
	defer tick.Stop()
	for {
		_, changed := a.Watch().Get()
		if s := a.State(); yes(s) {
			return s
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-late:
			t.Fatalf("it stays %+v", a.State())
		}
	}
}

func is(state drivers.State) func(State) bool {
	return func(s State) bool { return s.Status.State == state }
}

func network() Network {
	return Network{SSID: "Stall", Password: "correct horse", Security: WPA2, Country: "DE"}
}

// bed is what an access point lives on: a radio, hostapd and phones, made up here or the kernel's own, and how they do.
type bed struct {
	dir        string // the run folder
	system     system
	hostapd    string
	timing     timing
	plug, pull func()              // the radio
	bring      func(n int) handset // a phone that wants in, by the number in its address; 1 or 2
	hasAddress func() bool         // the kernel has the access point's
}

// handset is a phone. It comes back by itself, as long as it is not taken away.
type handset interface {
	try(how, password string) // SAE or WPA-PSK, from now on
	joined() int              // how often it has
	refused() int             // how often it was not let in
	nudge()                   // it need not wait until it tries again
	away()
}

// testLife is the life of an access point, from a hostapd that an earlier program left, through everything that can end, to its being
// switched off.
func testLife(t *testing.T, b bed) {
	const right, wrong = "correct horse", "battery staple"
	n := network()
	n.Security = Mixed
	dir := b.dir
	until := func(what string, yes func() bool, want ...handset) {
		t.Helper()
		until(t, dir, what, yes, want...)
	}
	earlier := leave(t, b, dir, n, 6)
	if err := hostapd.Deny(filepath.Join(dir, hostapd.DenyName), mac(9)); err != nil {
		t.Fatal(err)
	}
	one, two := b.bring(1), b.bring(2)
	one.try("SAE", right)
	until("a phone on what an earlier program left", func() bool { return one.joined() == 1 }, one)
	keepOut(t, dir, mac(8)) // who was to rest for that program
	var log strings.Builder // whose handler takes one at a time
	a, stop := startOn(t, dir, b.system, Config{Hostapd: b.hostapd, timing: b.timing, Log: slog.New(slog.NewTextHandler(&log, nil))})
	state := func(what string, yes func(State) bool) (s State) {
		t.Helper()
		until(what, func() bool { s = a.State(); return yes(s) })
		return s
	}
	up := func(what string, not int) State {
		t.Helper()
		return state(what, func(s State) bool { return s.Status.State == drivers.Ready && s.PID != not })
	}
	on := func(what string, phones ...int) {
		t.Helper()
		until(what, func() bool {
			all, err := a.Stations(t.Context())
			var are []int
			for _, s := range all {
				for n := range 3 {
					if s.Authorized && s.MAC == mac(n) && s.SAE == (n == 1) && s.SignalDBm < 0 {
						are = append(are, n)
					}
				}
			}
			slices.Sort(are)
			return err == nil && slices.Equal(are, phones)
		}, one, two)
	}
	again := func(what string, p handset, do func()) {
		t.Helper()
		was := p.joined()
		do()
		until(what, func() bool { return p.joined() > was }, p)
	}
	no := func(what string, p handset, do func()) {
		t.Helper()
		was := p.refused()
		do()
		until(what, func() bool { return p.refused() > was }, p)
	}
	may := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	}

	a.Want(n)
	is := up("taken over", 0)
	if !is.Adopted || is.PID != earlier.PID || is.Starts != 0 || is.SSID != n.SSID || is.Security != Mixed || is.Channel != 6 || is.Why != "It was quiet." || !b.hasAddress() {
		t.Errorf("%+v, where %d was left", is, earlier.PID)
	}
	on("taken over", 1)
	if one.joined() != 1 {
		t.Errorf("the phone joined %d times", one.joined())
	}
	until("who was to rest is let in again, and who was blocked is not", func() bool { return keptOut(t, a) == mac(9) })
	ends := func(what string, signal syscall.Signal) {
		t.Helper()
		again(what+": a phone comes back that would not notice", one, func() {
			began := time.Now()
			syscall.Kill(is.PID, signal)
			is = up(what, is.PID)
			t.Logf("%s: up again after %v", what, time.Since(began).Round(time.Millisecond))
		})
	}
	ends("hostapd killed that was taken over", syscall.SIGKILL)
	two.try("WPA-PSK", right)
	on("by WPA2", 1, 2)

	no("a wrong password", two, func() { two.away(); two.try("WPA-PSK", wrong) })
	until("it is counted", func() bool { n, _ := a.Wrong(); return n == 1 })
	on("with a wrong password", 1)
	again("the right one", two, func() { two.away(); two.try("WPA-PSK", right) })
	until("it is well", func() bool { n, _ := a.Wrong(); return n == 0 })
	no("a wrong password of WPA3", one, func() { one.away(); one.try("SAE", wrong) })
	until("it is counted too", func() bool { n, _ := a.Wrong(); return n == 1 })
	on("with a wrong password of WPA3", 2)
	again("the right one of WPA3", one, func() { one.away(); one.try("SAE", right) })
	until("it is well too", func() bool { n, _ := a.Wrong(); return n == 0 })

	again("kicked", two, func() { may(a.Kick(t.Context(), mac(2))) })
	again("rested", two, func() { may(a.Rest(t.Context(), mac(2), time.Millisecond)) })
	no("blocked", two, func() { may(a.Block(t.Context(), mac(2))) })
	on("with one blocked", 1)
	again("let in again", two, func() { may(a.Unblock(t.Context(), mac(2))) })
	if err := a.Kick(t.Context(), mac(9)); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}

	ends("hostapd killed", syscall.SIGKILL)
	on("hostapd killed", 1, 2)
	ends("hostapd hangs", syscall.SIGSTOP)
	on("hostapd hangs", 1, 2)
	b.pull()
	state("no radio", func(s State) bool { return s.Status.State == drivers.Absent && strings.Contains(s.Reason, "no radio") })
	if _, err := a.Stations(t.Context()); !errors.Is(err, ErrDown) {
		t.Error(err)
	}
	b.plug()
	if is = up("a radio", is.PID); is.Starts != 4 || is.Adopted {
		t.Errorf("%+v", is)
	}
	on("a radio", 1, 2)
	n.SSID = "Another"
	a.Want(n)
	if s := state("another network", func(s State) bool { return s.Status.State == drivers.Ready && s.SSID == n.SSID }); s.PID == is.PID || s.Adopted {
		t.Errorf("%+v, then %+v", is, s)
	}
	a.Off("Switched off.")
	state("off", func(s State) bool { return s.Reason == "Switched off." })
	if b.hasAddress() {
		t.Error("the address is left, which others would be told as the kit's")
	}
	stop()
	<-earlier.Done
	if strings.Contains(log.String(), right) || strings.Contains(log.String(), mac(1)) {
		t.Errorf("a secret or a phone's address in the log:\n%s", log.String())
	}
}

// until waits for something that takes a radio its time, and has phones that it waits for try at once now and then.
func until(t *testing.T, dir, what string, yes func() bool, want ...handset) {
	t.Helper()
	tick, again, late := time.NewTicker(20*time.Millisecond), time.NewTicker(10*time.Second), time.After(3*time.Minute)
	defer tick.Stop()
	defer again.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-again.C:
			for _, p := range want {
				p.nudge()
			}
		case <-late:
			said, _ := os.ReadFile(filepath.Join(dir, "hostapd.log"))
			t.Fatalf("%s: not in time\n%s", what, said)
		}
	}
}

// mac is a phone's address, as the kernel makes them up for its virtual radios.
func mac(n int) string { return fmt.Sprintf("02:00:00:00:%02d:00", n) }

// leave is a hostapd that a program started that is gone.
func leave(t *testing.T, b bed, dir string, n Network, channel int) *hostapd.Process {
	t.Helper()
	all, err := b.system.radios()
	if err != nil {
		t.Fatal(err)
	}
	capacity := func(r nl80211.Radio) Capacity {
		driver, chip := b.system.hardware(r.Phy)
		return capacityOf(driver, chip, r)
	}
	r, _ := choose(all, capacity)
	at := slices.IndexFunc(r.Channels, func(c nl80211.Channel) bool { return c.Number == channel })
	p, err := planFor(n, r, capacity(r), choice{r.Channels[at], "It was quiet."}, n.Country, dir)
	if err != nil {
		t.Fatal(err)
	}
	left, _, err := hostapd.Take(b.hostapd, dir, p.conf.Text(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestLifeOverTheTwin(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	testLife(t, twin(t))
}

// TestHowAStationJoinedIsKnownWhenItDid, of those that could choose: the kernel does not tell, and no list asks.
func TestHowAStationJoinedIsKnownWhenItDid(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	b := twin(t)
	a, _ := startOn(t, b.dir, b.system, Config{})
	known := func(n int) {
		t.Helper()
		await(t, a, func(State) bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			return len(a.sae) == n
		})
	}
	for _, security := range []Security{WPA2, WPA3, Mixed} {
		how, n := "SAE", network()
		if n.Security = security; security == WPA2 {
			how = "WPA-PSK"
		}
		a.Want(n)
		await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.Security == security })
		hears(b.dir, mac(1), how, n.Password, "off")
		known(map[bool]int{true: 1}[security == Mixed])
		if all, err := a.Stations(t.Context()); err != nil || len(all) != 1 || all[0].SAE != (how == "SAE") {
			t.Errorf("%s: %+v, %v", security, all, err)
		}
	}
	hears(b.dir, mac(1), "SAE", network().Password, "leaves")
	known(0)
}

func TestWhatHostapdRefusesIsSaidAndNoSecret(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "Line 7: invalid channel\nLine 8: error in 'correct horse'")
	m := &machine{}
	m.plug(pi())
	a, _ := start(t, t.TempDir(), m)
	a.Want(network())
	s := await(t, a, is(drivers.Failed))
	if !strings.Contains(s.Reason, "Line 7: invalid channel") || strings.Contains(s.Reason, "correct horse") || s.Retry.IsZero() {
		t.Errorf("%+v", s)
	}
}

func TestACountryThatCannotBeSetIsSaidAndLeavesTheNetworkUp(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m := &machine{country: errors.New("no regulatory.db")}
	m.plug(pi())
	a, _ := start(t, t.TempDir(), m)
	a.Want(network())
	if s := await(t, a, is(drivers.Ready)); s.Country != "" || !strings.Contains(s.Reason, "rules of DE could not be set") {
		t.Errorf("%+v", s)
	}
}

// TestNoNetworkWithoutItsGuard: it is there before the first phone can be, stays while hostapd is started anew, and goes last.
func TestNoNetworkWithoutItsGuard(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m, dir, path := &machine{}, t.TempDir(), me(t)
	m.plug(pi())
	var mu sync.Mutex
	var calls []string
	broken := true
	guard := func(i string) error {
		mu.Lock()
		defer mu.Unlock()
		if p, _, err := (hostap.Program{Path: path, Dir: dir, Name: "hostapd"}).Find(nil); err != nil || i == "" && p != nil {
			t.Errorf("taken away while hostapd runs: %v %v", p, err)
		}
		calls = append(calls, i)
		if broken && i != "" {
			return errors.New("no nf_tables")
		}
		return nil
	}
	a, stop := startOn(t, dir, m, Config{Guard: guard})
	a.Want(network())
	await(t, a, func(s State) bool {
		return s.Status.State == drivers.Failed && strings.Contains(s.Reason, "No nf_tables.") && s.Starts == 0
	})
	mu.Lock()
	broken = false
	mu.Unlock()
	up := await(t, a, is(drivers.Ready))
	mu.Lock()
	calls = nil
	mu.Unlock()
	syscall.Kill(up.PID, syscall.SIGKILL)
	await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.PID != up.PID })
	a.Off("Switched off.")
	await(t, a, func(s State) bool { return s.Reason == "Switched off." })
	stop()
	if got := strings.Join(calls, ","); got != "wlan0,," {
		t.Errorf("%q", got)
	}
}

// keptOut is who hostapd lets in no more.
func keptOut(t *testing.T, a *AP) string {
	t.Helper()
	c, err := a.ask()
	if err != nil {
		return err.Error()
	}
	answer, err := c.Ask("DENY_ACL SHOW")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(answer) {
		mac, _, _ := strings.Cut(strings.TrimSpace(line), " ") // what follows is its VLAN
		all = append(all, mac)
	}
	return strings.Join(all, "\n")
}

// keepOut tells a hostapd that nobody watches over.
func keepOut(t *testing.T, dir, mac string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		c, err := hostapd.Dial(t.Context(), filepath.Join(dir, hostapd.ControlName), "wlan0", filepath.Join(dir, "test"))
		if err == nil {
			defer c.Close()
			err = c.Do("DENY_ACL ADD_MAC " + mac)
		}
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestManyAreKeptOutAtOnce: and none of them is forgotten, here or by hostapd.
func TestManyAreKeptOutAtOnce(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m := &machine{}
	m.plug(pi())
	a, _ := start(t, t.TempDir(), m)
	a.Want(network())
	await(t, a, is(drivers.Ready))
	at := func(n int) string { return fmt.Sprintf("02:00:00:00:09:%02d", n) }
	together := func(do func(n int) error) {
		t.Helper()
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				if err := do(n); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	same := func(want int) {
		t.Helper()
		noted, err := a.Blocked()
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(noted)
		if is := keptOut(t, a); len(noted) != want || is != strings.Join(noted, "\n") {
			t.Errorf("%d are kept out, want %d; the file has %q, hostapd %q", len(noted), want, noted, is)
		}
	}
	together(func(n int) error { return a.Block(t.Context(), at(n)) })
	same(50)
	together(func(n int) error {
		if n%2 == 0 {
			return a.Unblock(t.Context(), at(n))
		}
		return a.Block(t.Context(), at(n))
	})
	same(25)
}

// TestAPhoneThatRestsComesBack by itself after its time, unless it was blocked meanwhile, though hostapd has to be told again.
func TestAPhoneThatRestsComesBack(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m := &machine{}
	m.plug(pi())
	dir := t.TempDir()
	a, _ := start(t, dir, m)
	a.Want(network())
	await(t, a, is(drivers.Ready))
	if err := a.Rest(t.Context(), "02:00:00:00:01:00", longestRest+1); err == nil {
		t.Error("for ever")
	}
	for _, mac := range []string{"02:00:00:00:01:00", "02:00:00:00:02:00"} {
		if err := a.Rest(t.Context(), mac, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Block(t.Context(), "02:00:00:00:02:00"); err != nil {
		t.Fatal(err)
	}
	if is := keptOut(t, a); is != "02:00:00:00:01:00\n02:00:00:00:02:00" {
		t.Errorf("kept out: %q", is)
	}
	deaf := filepath.Join(dir, "deaf")
	if err := os.WriteFile(deaf, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a.out.Lock()
	for mac := range a.resting {
		a.resting[mac] = time.Now() // the time has passed
	}
	a.out.Unlock()
	late := time.Now().Add(30 * time.Second)
	for keptOut(t, a) != "02:00:00:00:02:00" {
		if time.Now().After(late) {
			t.Fatalf("kept out: %q", keptOut(t, a))
		}
	}
	if _, err := os.Stat(deaf + ".was"); err != nil {
		t.Errorf("hostapd took it at once, so nothing was tried again: %v", err)
	}
}
