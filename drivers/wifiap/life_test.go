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
	l := &life{bed: b, t: t, network: network(), one: b.bring(1), two: b.bring(2)}
	l.network.Security = Mixed
	stop := l.takenOver()
	l.passwords()
	l.sentAway()
	l.ends("hostapd killed", syscall.SIGKILL)
	l.on("hostapd killed", 1, 2)
	l.ends("hostapd hangs", syscall.SIGSTOP)
	l.on("hostapd hangs", 1, 2)
	l.radio()
	l.otherwise()
	stop()
	if log := l.log.String(); strings.Contains(log, l.network.Password) || strings.Contains(log, mac(1)) {
		t.Errorf("a secret or a phone's address in the log:\n%s", log)
	}
}

// life is one that goes on.
type life struct {
	bed
	t        *testing.T
	network  Network
	one, two handset // by WPA3, with protected management frames, and by WPA2
	ap       *AP
	is       State           // as of the last time it came up
	log      strings.Builder // whose handler takes one line at a time
}

// takenOver has the access point go on with a hostapd that was left running, with a phone on.
func (l *life) takenOver() (stop func()) {
	t := l.t
	left := leave(t, l.bed, l.network, 6)
	if err := hostapd.Deny(filepath.Join(l.dir, hostapd.DenyName), mac(9)); err != nil {
		t.Fatal(err)
	}
	l.one.try("SAE", l.network.Password)
	l.until("a phone on what an earlier program left", func() bool { return l.one.joined() == 1 }, l.one)
	keepOut(t, l.dir, mac(8)) // who was to rest for that program
	l.ap, stop = startOn(t, l.dir, l.system, Config{Hostapd: l.hostapd, timing: l.timing, Log: slog.New(slog.NewTextHandler(&l.log, nil))})
	l.ap.Want(l.network)
	s := l.up("taken over")
	if !s.Adopted || s.PID != left.PID || s.Starts != 0 || s.SSID != l.network.SSID || s.Security != Mixed || s.Channel != 6 || s.Why != "It was quiet." || !l.hasAddress() {
		t.Errorf("%+v, where %d was left", s, left.PID)
	}
	l.on("taken over", 1)
	if n := l.one.joined(); n != 1 {
		t.Errorf("the phone joined %d times", n)
	}
	l.until("who was to rest is let in again, and who was blocked is not", func() bool { return keptOut(t, l.ap) == mac(9) })
	l.ends("hostapd killed that was taken over", syscall.SIGKILL)
	<-left.Done
	l.two.try("WPA-PSK", l.network.Password)
	l.on("by WPA2", 1, 2)
	return stop
}

// passwords has phones try wrong ones, which are counted until they have the right one.
func (l *life) passwords() {
	wrong := func(want int) {
		l.t.Helper()
		l.until(fmt.Sprint(want, " known by a wrong password"), func() bool { n, _ := l.ap.Wrong(); return n == want })
	}
	try := func(p handset, how string, other int) {
		l.t.Helper()
		l.no("a wrong password, by "+how, p, func() { p.away(); p.try(how, "not "+l.network.Password) })
		wrong(1)
		l.on("with a wrong password, by "+how, other)
		l.again("the right one, by "+how, p, func() { p.away(); p.try(how, l.network.Password) })
		wrong(0)
	}
	try(l.two, "WPA-PSK", 1)
	try(l.one, "SAE", 2)
}

// sentAway has a phone be so, by every way that there is.
func (l *life) sentAway() {
	t := l.t
	may := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	l.again("kicked", l.two, func() { may(l.ap.Kick(t.Context(), mac(2))) })
	l.again("rested", l.two, func() { may(l.ap.Rest(t.Context(), mac(2), time.Millisecond)) })
	l.no("blocked", l.two, func() { may(l.ap.Block(t.Context(), mac(2))) })
	l.on("with one blocked", 1)
	l.again("let in again", l.two, func() { may(l.ap.Unblock(t.Context(), mac(2))) })
	if err := l.ap.Kick(t.Context(), mac(9)); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// radio takes it out and puts it in again.
func (l *life) radio() {
	l.pull()
	l.state("no radio", func(s State) bool { return s.Status.State == drivers.Absent && strings.Contains(s.Reason, "no radio") })
	if _, err := l.ap.Stations(l.t.Context()); !errors.Is(err, ErrDown) {
		l.t.Error(err)
	}
	l.plug()
	if s := l.up("a radio"); s.Starts != 4 || s.Adopted {
		l.t.Errorf("%+v", s)
	}
	l.on("a radio", 1, 2)
}

// otherwise has another network be wanted, and none.
func (l *life) otherwise() {
	n := l.network
	n.SSID = "Another"
	l.ap.Want(n)
	if s := l.up("another network"); s.SSID != n.SSID || s.Adopted {
		l.t.Errorf("%+v", s)
	}
	l.ap.Off("Switched off.")
	l.state("off", func(s State) bool { return s.Reason == "Switched off." })
	if l.hasAddress() {
		l.t.Error("the address is left, which others would be told as the kit's")
	}
}

// ends has hostapd end, or hang, and a phone come back that would not notice.
func (l *life) ends(what string, signal syscall.Signal) {
	l.t.Helper()
	l.again(what+": a phone comes back", l.one, func() {
		began := time.Now()
		syscall.Kill(l.is.PID, signal)
		l.up(what)
		l.t.Logf("%s: up again after %v", what, time.Since(began).Round(time.Millisecond))
	})
}

func (l *life) until(what string, yes func() bool, want ...handset) {
	l.t.Helper()
	until(l.t, l.dir, what, yes, want...)
}

func (l *life) state(what string, yes func(State) bool) (s State) {
	l.t.Helper()
	l.until(what, func() bool { s = l.ap.State(); return yes(s) })
	return s
}

// up waits until the access point is, with another hostapd than before.
func (l *life) up(what string) State {
	l.t.Helper()
	l.is = l.state(what, func(s State) bool { return s.Status.State == drivers.Ready && s.PID != l.is.PID })
	return l.is
}

// on waits until those phones are, and no others.
func (l *life) on(what string, phones ...int) {
	l.t.Helper()
	l.until(what, func() bool {
		all, err := l.ap.Stations(l.t.Context())
		var are []int
		for n := range 3 {
			if slices.ContainsFunc(all, func(s Station) bool { return s.Authorized && s.MAC == mac(n) && s.SAE == (n == 1) && s.SignalDBm < 0 }) {
				are = append(are, n)
			}
		}
		return err == nil && slices.Equal(are, phones)
	}, l.one, l.two)
}

// again waits until a phone has joined once more.
func (l *life) again(what string, p handset, do func()) {
	l.t.Helper()
	was := p.joined()
	do()
	l.until(what, func() bool { return p.joined() > was }, p)
}

// no waits until a phone is refused.
func (l *life) no(what string, p handset, do func()) {
	l.t.Helper()
	was := p.refused()
	do()
	l.until(what, func() bool { return p.refused() > was }, p)
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
func leave(t *testing.T, b bed, n Network, channel int) *hostapd.Process {
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
	p, err := planFor(n, r, capacity(r), choice{r.Channels[at], "It was quiet."}, n.Country, b.dir)
	if err != nil {
		t.Fatal(err)
	}
	left, _, err := hostapd.Take(b.hostapd, b.dir, p.conf.Text(), func() {})
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
