package wifiap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/hostapd"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// TestMain makes of the test's program a hostapd where it is started as one.
func TestMain(m *testing.M) {
	if how := os.Getenv("FAKE_HOSTAPD"); how != "" && len(os.Args) == 2 && strings.HasSuffix(os.Args[1], "hostapd.conf") {
		fakeHostapd(how, os.Args[1])
		return
	}
	goleak.VerifyTestMain(m)
}

// fakeHostapd speaks as much of the real one's protocol as is asked here. how: "good", "crowd" to have everybody on who is asked
// about, or a line it complains with and ends.
func fakeHostapd(how, conf string) {
	if how != "good" && how != "crowd" {
		fmt.Println(how)
		os.Exit(1)
	}
	text, err := os.Open(conf)
	if err != nil {
		panic(err)
	}
	is, denied := map[string]string{}, map[string]bool{}
	for lines := bufio.NewScanner(text); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		is[key] = value
	}
	os.MkdirAll(is["ctrl_interface"], 0o700)
	path := filepath.Join(is["ctrl_interface"], is["interface"])
	os.Remove(path)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		panic(err)
	}
	b := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFromUnix(b)
		if err != nil {
			panic(err)
		}
		answer := "OK\n"
		if word := strings.Fields(string(b[:n])); word[0] == "DENY_ACL" {
			switch word[1] {
			case "ADD_MAC":
				denied[word[2]] = true
			case "DEL_MAC":
				deaf := filepath.Join(filepath.Dir(conf), "deaf") // as the test has it: once
				if os.Rename(deaf, deaf+".was") == nil {
					answer = "FAIL\n"
					break
				}
				delete(denied, word[2])
			case "CLEAR":
				clear(denied)
			case "SHOW":
				answer = strings.Join(slices.Sorted(maps.Keys(denied)), "\n")
			}
		}
		switch command, _, _ := strings.Cut(string(b[:n]), " "); command {
		case "STATUS":
			stations, _ := os.ReadFile(filepath.Join(filepath.Dir(conf), "stations")) // as the test has it; none: 0
			answer = fmt.Sprintf("state=ENABLED\nfreq=2437\nnum_sta[0]=%s\n", stations)
		case "STA":
			mac := strings.Fields(string(b[:n]))[1]
			if answer = "FAIL\n"; how == "crowd" || strings.HasSuffix(mac, "01:00") {
				answer = mac + "\nAKMSuiteSelector=00-0f-ac-8\n"
			}
		}
		conn.WriteToUnix([]byte(answer), from)
		switch text := string(b[:n]); {
		case text == "ATTACH":
			events, _ := os.ReadFile(filepath.Join(filepath.Dir(conf), "news")) // as the test has them; none: none
			for event := range strings.Lines(string(events)) {
				conn.WriteToUnix([]byte(event), from)
			}
		case strings.HasPrefix(text, "DEAUTHENTICATE"):
			os.WriteFile(filepath.Join(filepath.Dir(conf), "goodbye"), []byte(text), 0o600)
		}
	}
}

// machine is a kernel whose radios come and go.
type machine struct {
	mu      sync.Mutex
	all     []nl80211.Radio
	address netip.Prefix
	country error
	air     nl80211.Air
	deaf    error
	quiet   time.Duration
	during  func() // the listening
	listens int    // how often it was listened
	halt    error  // what the radio's driver answers; nil: its chip lives
	rebinds []chip
	out     bool // the radio was pulled out
}

func (m *machine) listen(context.Context, int, []int) (nl80211.Air, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listens++
	if m.during != nil {
		m.during()
	}
	return m.air, m.deaf
}

// hear has networks be in the air, and is how often it was listened so far.
func (m *machine) hear(air nl80211.Air, deaf error) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.air, m.deaf = air, deaf
	return m.listens
}

func (m *machine) plug(all ...nl80211.Radio) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = all
}

// pull takes the radios out of the machine.
func (m *machine) pull() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all, m.out = nil, true
}

func (m *machine) radios() ([]nl80211.Radio, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all, nil
}

func (m *machine) chip(phy string) (chip, error) { return chip{device: "of " + phy}, nil }

func (m *machine) plugged(chip) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.out
}

// rebind has the chip live again under another number.
func (m *machine) rebind(c chip) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rebinds = append(m.rebinds, c)
	m.halt = nil
	r := pi()
	r.Index += 10 * len(m.rebinds)
	m.all = []nl80211.Radio{r}
	return nil
}

func (m *machine) stations(int) ([]Station, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.halt != nil {
		return nil, m.halt
	}
	return []Station{{MAC: "02:00:00:00:01:00", Authorized: true, SignalDBm: -40}, {MAC: "02:00:00:00:02:00"}}, nil
}

func (m *machine) setCountry(string) error          { return m.country }
func (m *machine) hardware(string) (string, string) { return "brcmfmac", "0xa9bf" }

func (m *machine) setAddress(_ int, a netip.Prefix) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.address = a
	return nil
}

func (m *machine) takeAddress(a netip.Prefix) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.address == a {
		m.address = netip.Prefix{}
	}
	return nil
}

func (m *machine) index(iface string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.all {
		if r.Interface == iface {
			return r.Index
		}
	}
	return 0
}

// start runs an access point over a machine; stop ends it as SIGTERM does.
func start(t *testing.T, dir string, m *machine) (a *AP, stop func()) {
	t.Helper()
	return startOn(t, dir, m, Config{Quiet: m.quiet})
}

// startOn is start with more than that decided.
func startOn(t *testing.T, dir string, m system, c Config) (a *AP, stop func()) {
	t.Helper()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	timing := standard()
	timing.scan, timing.beat, timing.pulse, timing.missing, timing.retry, timing.refused = 5*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond, 5*time.Millisecond, 5*time.Millisecond
	c.Dir, c.Hostapd, c.system, c.timing = dir, me, m, timing
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

func TestLifeFollowsRadioProgramAndWishes(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m := &machine{}
	a, stop := start(t, t.TempDir(), m)
	a.Want(network())
	await(t, a, func(s State) bool { return s.Status.State == drivers.Absent && strings.Contains(s.Reason, "no radio") })
	if _, err := a.Stations(t.Context()); !errors.Is(err, ErrDown) {
		t.Error(err)
	}
	m.plug(pi())
	up := await(t, a, is(drivers.Ready))
	if up.Radio != "wlan0" || up.SSID != "Stall" || up.Channel != 6 || up.Capacity.Stations != 7 || up.Country != "DE" || m.address != Address {
		t.Errorf("%+v, address %v", up, m.address)
	}
	if all, err := a.Stations(t.Context()); err != nil || len(all) != 2 || all[0].SignalDBm != -40 || all[0].SAE || all[1].SAE {
		t.Error(all, err)
	}
	if err := errors.Join(a.Kick(t.Context(), "02:00:00:00:01:00"), a.Block(t.Context(), "02:00:00:00:09:00"), a.Unblock(t.Context(), "02:00:00:00:09:00")); err != nil {
		t.Error(err)
	}
	if err := a.Kick(t.Context(), "02:00:00:00:09:00"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}

	syscall.Kill(up.PID, syscall.SIGKILL)
	second := await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.PID != up.PID })
	syscall.Kill(second.PID, syscall.SIGSTOP) // it hangs
	third := await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.PID != second.PID })
	if third.Starts != 3 {
		t.Errorf("%+v", third)
	}
	m.pull()
	await(t, a, is(drivers.Absent))
	again := pi()
	again.Index++
	m.plug(again)
	await(t, a, is(drivers.Ready))
	a.Off("Switched off.")
	await(t, a, func(s State) bool { return s.Reason == "Switched off." })
	if m.address.IsValid() {
		t.Errorf("%v is left, which others would be told as the kit's", m.address)
	}
	stop()
}

// TestHowAStationJoinedIsKnownOfThoseThatCouldChoose: the kernel does not tell.
func TestHowAStationJoinedIsKnownOfThoseThatCouldChoose(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m := &machine{}
	m.plug(stick())
	a, _ := start(t, t.TempDir(), m)
	known := func(n int) {
		t.Helper()
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.sae) != n {
			t.Errorf("asked of %v, want %d", a.sae, n)
		}
	}
	for _, security := range []Security{WPA2, WPA3, Mixed} {
		sae := security != WPA2
		n := network()
		n.Security = security
		a.Want(n)
		await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.Security == security })
		for range 2 {
			if all, err := a.Stations(t.Context()); err != nil || len(all) != 2 || all[0].SAE != sae || all[1].SAE {
				t.Errorf("%s: %+v, %v", security, all, err)
			}
		}
		known(map[bool]int{true: 1}[security == Mixed])
	}
	a.tried(hostap.Event{Name: "AP-STA-DISCONNECTED", MAC: "02:00:00:00:01:00"}, time.Now())
	known(0)
}

// TestPhonesAreToldThatHostapdForgotThem when it ended without a word, and not when it said goodbye.
func TestPhonesAreToldThatHostapdForgotThem(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	dir, m := t.TempDir(), &machine{}
	m.plug(pi())
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const came = "<3>AP-STA-CONNECTED 02:00:00:00:01:00\n<3>AP-STA-CONNECTED 02:00:00:00:02:00\n<3>AP-STA-DISCONNECTED 02:00:00:00:02:00\n"
	write("news", came+"<3>AP-STA-POSSIBLE-PSK-MISMATCH 02:00:00:00:03:00\n")
	write("goodbye", "")
	a, _ := start(t, dir, m)
	a.Want(network())
	up := await(t, a, func(s State) bool { n, _ := a.Wrong(); return s.Status.State == drivers.Ready && n == 1 })
	a.tried(hostap.Event{Name: "AP-STA-CONNECTED", MAC: "02:00:00:00:03:00"}, time.Now()) // so that the next one's news are known from these
	other := network()
	other.SSID = "Another"
	a.Want(other)
	second := await(t, a, func(s State) bool {
		n, _ := a.Wrong()
		return s.Status.State == drivers.Ready && s.PID != up.PID && n == 1
	})
	if text, err := os.ReadFile(filepath.Join(dir, "goodbye")); err != nil || len(text) > 0 {
		t.Errorf("after an orderly end: %q %v", text, err)
	}
	syscall.Kill(second.PID, syscall.SIGKILL)
	await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.PID != second.PID })
	await(t, a, func(State) bool {
		text, _ := os.ReadFile(filepath.Join(dir, "goodbye"))
		return string(text) == "DEAUTHENTICATE 02:00:00:00:01:00 reason=7"
	})
}

// TestTheNextOneTakesOver: a hostapd that was left running is taken over by one that wants the same, and replaced by one
// that wants something else.
func TestTheNextOneTakesOver(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	dir, m := t.TempDir(), &machine{}
	m.plug(pi())
	p, err := planFor(network(), pi(), capacityOf("brcmfmac", "0xa9bf", pi()), choice{pi().Channels[0], "It was quiet."}, "DE", dir)
	if err != nil {
		t.Fatal(err)
	}
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	left, _, err := hostapd.Take(me, dir, p.conf.Text(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	if err := hostapd.Deny(filepath.Join(dir, hostapd.DenyName), "02:00:00:00:09:00"); err != nil {
		t.Fatal(err)
	}
	keepOut(t, dir, "02:00:00:00:08:00") // who was to rest for the program before
	a, _ := start(t, dir, m)
	a.Want(network())
	if s := await(t, a, is(drivers.Ready)); !s.Adopted || s.PID != left.PID || s.Starts != 0 || s.Channel != 1 || s.Why != "It was quiet." {
		t.Errorf("%+v, want %d taken over", s, left.PID)
	}
	await(t, a, func(State) bool { return keptOut(t, a) == "02:00:00:00:09:00" })
	other := network()
	other.SSID = "Another"
	a.Want(other)
	if s := await(t, a, func(s State) bool { return s.Status.State == drivers.Ready && s.SSID == "Another" }); s.Adopted || s.PID == left.PID {
		t.Errorf("%+v, want another than %d", s, left.PID)
	}
	<-left.Done
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
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m, dir := &machine{}, t.TempDir()
	m.plug(pi())
	var mu sync.Mutex
	var calls []string
	broken := true
	guard := func(i string) error {
		mu.Lock()
		defer mu.Unlock()
		if p, _, err := (hostap.Program{Path: me, Dir: dir, Name: "hostapd"}).Find(nil); err != nil || i == "" && p != nil {
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
	return answer
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
