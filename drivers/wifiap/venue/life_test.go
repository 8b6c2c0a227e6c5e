package venue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// TestMain makes of the test's program a wpa_supplicant where it is started as one.
func TestMain(m *testing.M) {
	if script := os.Getenv("FAKE_SUPPLICANT"); script != "" && len(os.Args) == 7 && strings.HasSuffix(os.Args[6], "wpa_supplicant.conf") {
		fakeSupplicant(script, os.Args[2], os.Args[6])
		return
	}
	goleak.VerifyTestMain(m)
}

// fakeSupplicant speaks as much of the real one's protocol as is asked here. The script is a file: lines of what it is to be, of which
// the last holds: "joined", "joined KEY_MGMT" or "apart"; "hears SSID-AS-IT-WRITES-IT FLAGS"; or an event, which it tells whoever is
// attached. "complains ..." is what it ends with at its start.
func fakeSupplicant(script, iface, conf string) {
	text, err := os.Open(conf)
	if err != nil {
		panic(err)
	}
	dir := ""
	for lines := bufio.NewScanner(text); lines.Scan(); {
		if d, ok := strings.CutPrefix(lines.Text(), "ctrl_interface="); ok {
			dir = d
		}
	}
	first, err := os.ReadFile(script)
	if err != nil {
		panic(err)
	}
	if said, ok := strings.CutPrefix(string(first), "complains "); ok {
		fmt.Println(said)
		os.Exit(1)
	}
	os.MkdirAll(dir, 0o700)
	path := filepath.Join(dir, iface)
	os.Remove(path)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	var attached *net.UnixAddr
	state, key, heard, told := "SCANNING", "", "", 0
	go func() { // who writes the script is told of by nobody
		for range time.Tick(time.Millisecond) {
			b, _ := os.ReadFile(script)
			mu.Lock()
			lines := strings.Split(string(b), "\n")
			for attached != nil && told < len(lines)-1 {
				line := lines[told]
				told++
				switch word, rest, _ := strings.Cut(line, " "); word {
				case "joined":
					state, key = "COMPLETED", strings.TrimSpace(rest)
				case "apart":
					state = "SCANNING"
				case "hears":
					heard = rest
				default:
					conn.WriteToUnix([]byte("<3>"+line), attached)
				}
			}
			mu.Unlock()
		}
	}()
	b := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFromUnix(b)
		if err != nil {
			panic(err)
		}
		mu.Lock()
		answer := "OK\n"
		switch command, rest, _ := strings.Cut(string(b[:n]), " "); command {
		case "PING":
			answer = "PONG\n"
		case "ATTACH":
			attached = from
		case "STATUS":
			answer = "wpa_state=" + state + "\nfreq=2437\nkey_mgmt=" + key + "\n"
		case "REASSOCIATE":
			os.WriteFile(script+again, nil, 0o600)
			if attached != nil {
				conn.WriteToUnix([]byte("<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]"), attached)
			}
		case "SIGNAL_POLL":
			answer = "RSSI=-55\nLINKSPEED=65\n"
		case "BSS":
			answer = ""
			if ssid, flags, ok := strings.Cut(heard, " "); ok && strings.HasPrefix(rest, "RANGE=0-") {
				answer = "id=0\nflags=[WPA2-EAP-CCMP][ESS]\nssid=Another\nid=7\nflags=" + flags + "\nssid=" + ssid + "\n"
			}
		}
		mu.Unlock()
		conn.WriteToUnix([]byte(answer), from)
	}
}

// again is behind the script's name where the network was joined anew.
const again = ".again"

// machine is a kernel whose radios come and go, and a network that gives addresses.
type machine struct {
	mu      sync.Mutex
	all     []nl80211.Radio
	address map[int]netip.Prefix
	give    *Lease // nil: nobody does
	back    bool   // it is taken back when it is to be renewed
	short   bool   // it is given for a moment
	renewed int
	is      bool // the internet is there
	asked   []netip.Addr
	open    error // why routers in the network can give it addresses of IPv6
}

func (m *machine) set(f func(*machine)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}

func (m *machine) radios() ([]nl80211.Radio, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]nl80211.Radio{}, m.all...), nil
}

func (m *machine) setCountry(string) error { return nil }
func (m *machine) stayAwake(int) error     { return nil }
func (m *machine) mac(string) string       { return "02:00:00:00:00:00" }

func (m *machine) noIPv6(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
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

func (m *machine) lease(ctx context.Context, _, host string, was *Lease) (Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if host != "edgekit" {
		return Lease{}, errors.New("who is that?")
	}
	if was != nil {
		m.asked = append(m.asked, was.Address.Addr())
	}
	if m.give == nil {
		return Lease{}, errors.New("nobody answers")
	}
	l := *m.give
	l.Until = time.Now().Add(time.Hour)
	if m.back || m.short {
		l.Until = time.Now().Add(1900 * time.Millisecond) // below a second it is over
	}
	return l, nil
}

func (m *machine) renew(context.Context, string, Lease) (Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.back {
		m.back, m.asked = false, nil // before that it may be asked for again: who joins twice does
		return Lease{}, errTakenBack
	}
	m.renewed++
	l := *m.give
	l.Until = time.Now().Add(time.Hour)
	return l, nil
}

func (m *machine) configure(index int, l Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.address[index] = l.Address
	return nil
}

func (m *machine) clear(index int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.address, index)
	return nil
}

func (m *machine) online(context.Context, string, []netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.is
}

func (m *machine) addressOf(index int) netip.Prefix {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.address[index]
}

// hall is a test's network, and a client.
type hall struct {
	*Client
	t      *testing.T
	m      *machine
	dir    string
	script string
	stop   func()
}

var (
	own     = nl80211.Radio{Phy: "phy0", Interface: "wlan0", Index: 3, Firmware: true}
	adapter = nl80211.Radio{Phy: "phy1", Interface: "wlan1", Index: 4}
	given   = Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Router: netip.MustParseAddr("192.168.7.1"), Servers: []netip.Addr{netip.MustParseAddr("192.168.7.1")}}
)

func newHall(t *testing.T, radios ...nl80211.Radio) *hall {
	t.Helper()
	h := &hall{t: t, m: &machine{all: radios, address: map[int]netip.Prefix{}, give: &given, is: true}, dir: t.TempDir(), script: filepath.Join(t.TempDir(), "script")}
	t.Setenv("FAKE_SUPPLICANT", h.script)
	h.says("")
	h.start()
	t.Cleanup(func() { h.stop() })
	if err := h.Yield(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hall) start() {
	me, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	timing := standard()
	timing.scan, timing.beat, timing.retry, timing.again, timing.online, timing.grace = 5*time.Millisecond, 20*time.Millisecond, 5*time.Millisecond, 5*time.Millisecond, 25*time.Millisecond, 300*time.Millisecond
	h.Client = New(Config{Dir: h.dir, Supplicant: me, system: h.m, timing: timing})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	})
}

// says adds lines to the script.
func (h *hall) says(lines ...string) {
	h.t.Helper()
	f, err := os.OpenFile(h.script, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	for _, l := range lines {
		if l != "" {
			fmt.Fprintln(f, l)
		}
	}
}

func (h *hall) await(what string, yes func(State) bool) State {
	h.t.Helper()
	for late := time.Now().Add(30 * time.Second); ; {
		_, changed := h.Watch().Get()
		s := h.State()
		if yes(s) {
			return s
		}
		if time.Now().After(late) {
			h.t.Fatalf("%s: it stays %+v", what, s)
		}
		select { // what is not in the status changes without a sign
		case <-changed:
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (h *hall) reason(words string) State {
	h.t.Helper()
	return h.await(words, func(s State) bool { return strings.Contains(s.Reason, words) })
}

func ready(s State) bool { return s.Status.State == drivers.Ready }

func network() Network { return Network{SSID: "Hall", Password: "correct horse"} }

// TestADayInTheHall goes from no radio to the internet, through all that may end.
func TestADayInTheHall(t *testing.T) {
	h := newHall(t)
	h.Join(network())
	h.reason("no Wi-Fi radio")
	h.m.set(func(m *machine) { m.all = []nl80211.Radio{own} })
	h.reason("Looking for the network \"Hall\"")
	h.says("joined WPA2-PSK", "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]")
	up := h.await("online", func(s State) bool { return ready(s) && s.Internet == Online })
	if up.Radio != "wlan0" || up.SSID != "Hall" || up.Security != "wpa2" || up.MHz != 2437 || up.SignalDBm != -55 || up.Address != given.Address || up.Router != given.Router || up.Reason != "" || up.Starts != 1 {
		t.Errorf("%+v", up)
	}
	if is := h.m.addressOf(3); is != given.Address {
		t.Errorf("the interface has %v", is)
	}

	h.m.set(func(m *machine) { m.is = false })
	if s := h.reason("internet is not reached"); !ready(s) || s.Internet != Offline || !strings.Contains(s.Reason, "Some networks want a sign-in page") || !strings.Contains(s.Reason, "02:00:00:00:00:00") {
		t.Errorf("%+v", s)
	}
	h.m.set(func(m *machine) { m.is = true })
	h.await("online again", func(s State) bool { return ready(s) && s.Internet == Online && s.Reason == "" })

	h.says("apart", "CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:05:00 reason=4 locally_generated=1")
	if s := h.reason("was lost"); s.Address != given.Address || s.Status.State != drivers.Failed {
		t.Errorf("%+v: it may come back at once", s)
	}
	h.says("joined SAE", "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]")
	h.await("back", func(s State) bool { return ready(s) && s.Security == "wpa3" })
	h.await("it asks for the address that it had", func(State) (yes bool) {
		h.m.set(func(m *machine) { yes = len(m.asked) > 0 && m.asked[0] == given.Address.Addr() })
		return yes
	})
	h.says("apart", "CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:05:00 reason=4 locally_generated=1")
	h.await("gone for good", func(s State) bool { return !s.Address.IsValid() })
	h.says("joined WPA-PSK", "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]")

	first := h.await("back after long", ready)
	syscall.Kill(first.PID, syscall.SIGKILL)
	second := h.await("another", func(s State) bool { return ready(s) && s.PID != first.PID })
	syscall.Kill(second.PID, syscall.SIGSTOP) // it hangs
	third := h.await("another", func(s State) bool { return ready(s) && s.PID != second.PID })
	if third.Starts != 3 {
		t.Errorf("%+v", third)
	}
	h.m.set(func(m *machine) { m.all = nil })
	h.reason("no Wi-Fi radio")
	h.m.set(func(m *machine) { m.all = []nl80211.Radio{own, adapter} })
	if s := h.await("an adapter", ready); s.Radio != "wlan1" {
		t.Errorf("%+v: expected the adapter, which has an aerial", s)
	}
	h.Off("Switched off.")
	h.reason("Switched off.")
	if is := h.m.addressOf(4); is.IsValid() {
		t.Errorf("the interface has %v", is)
	}
}

// TestWhatIsInTheWayIsSaid in words that name what to do, and never the password.
func TestWhatIsInTheWayIsSaid(t *testing.T) {
	const none = "CTRL-EVENT-NETWORK-NOT-FOUND "
	for name, c := range map[string]struct {
		network Network
		says    []string
		want    string
	}{
		"nothing there":      {network(), []string{none}, `no network called "Hall" in reach`},
		"another network":    {network(), []string{"hears Mall [WPA2-PSK-CCMP][ESS]", none}, `no network called "Hall" in reach`},
		"wrong password":     {network(), []string{`CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Hall" auth_failures=1 duration=10 reason=WRONG_KEY`}, "does not take the password"},
		"and it stays wrong": {network(), []string{`CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Hall" auth_failures=1 duration=10 reason=WRONG_KEY`, none}, "does not take the password"},
		"WPA3's": {network(), []string{"CTRL-EVENT-AUTH-REJECT 02:00:00:00:05:00 auth_type=3 auth_transaction=2 status_code=15",
			`CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Hall" auth_failures=1 duration=10 reason=CONN_FAILED`}, "does not take the password"},
		"WPA3's, as hostapd 2.10 has it": {network(), []string{"CTRL-EVENT-AUTH-REJECT 02:00:00:00:05:00 auth_type=3 auth_transaction=2 status_code=1",
			`CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Hall" auth_failures=1 duration=10 reason=CONN_FAILED`}, "does not take the password"},
		"the chip's own handshake": {network(), []string{"CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:05:00 reason=15"}, "does not take the password"},
		"no room": {network(), []string{"CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:05:00 status_code=17",
			`CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Hall" auth_failures=1 duration=10 reason=CONN_FAILED`}, "no room"},
		"not let in": {network(), []string{"CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:05:00 status_code=1",
			`CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Hall" auth_failures=1 duration=10 reason=CONN_FAILED`}, "turns the kit away (code 1)"},
		"it wants a password": {Network{SSID: "Hall"}, []string{"hears Hall [WPA2-PSK+SAE-CCMP][ESS]", none}, "asks for a password"},
		"it wants none":       {network(), []string{"hears Hall [ESS]", none}, "is an open network"},
		"it wants names":      {network(), []string{"hears Hall [WPA2-EAP-CCMP][ESS]", none}, "for a name and a password"},
		"it is of old":        {network(), []string{"hears Hall [WEP][ESS]", none}, "uses WEP"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, own)
			h.Join(c.network)
			h.says(c.says...)
			if s := h.reason(c.want); strings.Contains(s.Reason, "correct horse") || s.Status.State != drivers.Failed {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestNoNetworkThatGivesAddressesUnasked: the kit would be found by them where nobody knows of it.
func TestNoNetworkThatGivesAddressesUnasked(t *testing.T) {
	h := newHall(t, own)
	h.m.set(func(m *machine) { m.open = errors.New("read-only") })
	h.Join(network())
	if s := h.reason("Read-only."); s.Starts != 0 || s.State != drivers.Failed {
		t.Errorf("%+v", s)
	}
	h.m.set(func(m *machine) { m.open = nil })
	h.says("joined WPA2-PSK", "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]")
	h.await("joined", ready)
}

func TestNobodyGivesAnAddress(t *testing.T) {
	h := newHall(t, own)
	h.m.set(func(m *machine) { m.give = nil })
	h.Join(network())
	h.says("joined WPA2-PSK", "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]")
	if s := h.reason("nobody there gives it an address"); !strings.Contains(s.Reason, "02:00:00:00:00:00") {
		t.Errorf("%+v", s)
	}
	hotel := given
	hotel.SignIn = true
	h.m.set(func(m *machine) { m.give, m.is = &hotel, false })
	if s := h.reason("It wants a sign-in page"); !ready(s) {
		t.Errorf("%+v", s)
	}
}

// TestAnAccessPointThatLetsNothingThrough, as one that missed the handshake's end: the network is joined anew, and the reason stays until there is an address.
func TestAnAccessPointThatLetsNothingThrough(t *testing.T) {
	h := newHall(t, own)
	h.m.set(func(m *machine) { m.give = nil })
	h.Join(network())
	h.says("joined WPA2-PSK", "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]")
	h.reason("nobody there gives it an address")
	h.await("joining anew", func(s State) bool {
		if !strings.Contains(s.Reason, "nobody there gives it an address") {
			t.Errorf("%+v", s)
		}
		_, err := os.Stat(h.script + again)
		return err == nil
	})
	l := given
	h.m.set(func(m *machine) { m.give = &l })
	h.await("an address", ready)
}

// TestARenewedAddressChangesNothing that is known of the internet.
func TestARenewedAddressChangesNothing(t *testing.T) {
	h := newHall(t, own)
	h.m.set(func(m *machine) { m.short = true })
	h.Join(network())
	h.says("joined WPA2-PSK", "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]")
	h.await("online", func(s State) bool { return ready(s) && s.Internet == Online })
	renewed := 0
	h.await("renewed", func(s State) bool {
		if !ready(s) || s.Internet != Online {
			t.Errorf("%+v", s)
		}
		h.m.set(func(m *machine) { renewed = m.renewed })
		return renewed > 0
	})
}

func TestAnAddressThatIsTakenBackIsGivenUp(t *testing.T) {
	h := newHall(t, own)
	h.m.set(func(m *machine) { m.back = true })
	h.Join(network())
	h.says("joined WPA2-PSK", "CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:05:00 completed [id=0 id_str=]")
	h.await("an address", ready)
	other := given
	other.Address = netip.MustParsePrefix("192.168.8.20/24")
	h.m.set(func(m *machine) { m.give = &other })
	h.await("another", func(s State) bool { return ready(s) && s.Address == other.Address })
	h.m.set(func(m *machine) {
		if len(m.asked) != 0 {
			t.Errorf("asked for %v again", m.asked)
		}
	})
}

// TestTheAccessPointsRadioIsItsOwn: a network for a second radio waits for the first, keeps off it, and leaves one that it wants.
func TestTheAccessPointsRadioIsItsOwn(t *testing.T) {
	h := newHall(t, own)
	n := network()
	n.Second, n.Apart = true, netip.MustParsePrefix("10.66.0.1/24")
	h.Join(n)
	if s := h.reason("once the kit's own network is up"); s.SSID != "Hall" {
		t.Errorf("%+v", s)
	}
	if err := h.Yield(t.Context(), "wlan0"); err != nil {
		t.Fatal(err)
	}
	h.reason("no second Wi-Fi adapter")
	h.m.set(func(m *machine) { m.all = []nl80211.Radio{own, adapter} })
	h.says("joined WPA2-PSK")
	if s := h.await("joined", ready); s.Radio != "wlan1" {
		t.Errorf("%+v", s)
	}
	if err := h.Yield(t.Context(), "wlan1"); err != nil {
		t.Fatal(err)
	}
	if is := h.m.addressOf(4); is.IsValid() {
		t.Errorf("wlan1 still has %v", is)
	}
	h.await("joined by the other", func(s State) bool { return ready(s) && s.Radio == "wlan0" })
	inside := given
	inside.Address = netip.MustParsePrefix("10.66.0.77/16")
	h.m.set(func(m *machine) { m.give = &inside })
	syscall.Kill(h.State().PID, syscall.SIGKILL)
	h.reason("the same addresses as the kit's own")
	if is := h.m.addressOf(3); is.IsValid() {
		t.Errorf("wlan0 has %v", is)
	}
}

// TestTheNextOneStaysInTheNetwork: a wpa_supplicant that was left running is taken over by who wants the same.
func TestTheNextOneStaysInTheNetwork(t *testing.T) {
	h := newHall(t, own)
	program := h.program()
	program.Args = []string{"-i", "wlan0", "-D", "nl80211", "-c"}
	left, err := program.Start(conf(network(), own, h.own(controlName)))
	if err != nil {
		t.Fatal(err)
	}
	h.says("joined WPA2-PSK")
	h.Join(network())
	if s := h.await("joined", ready); !s.Adopted || s.PID != left.PID || s.Starts != 0 {
		t.Errorf("%+v, want %d taken over", s, left.PID)
	}
	other := network()
	other.Password = "battery staple"
	h.Join(other)
	if s := h.await("joined anew", func(s State) bool { return ready(s) && s.PID != left.PID }); s.Adopted {
		t.Errorf("%+v", s)
	}
	<-left.Done
}

func TestWhatTheProgramRefusesIsSaidAndNoSecret(t *testing.T) {
	h := newHall(t, own)
	h.says("complains Line 5: invalid thing\nLine 6: error in 'correct horse'")
	h.Join(network())
	if s := h.reason("Line 5: invalid thing"); strings.Contains(s.Reason, "correct horse") || s.Status.State != drivers.Failed || s.Retry.IsZero() {
		t.Errorf("%+v", s)
	}
}

// TestWhereTheProgramIsNotThereNothingIsAmissUntilItIsNeeded: on a laptop.
func TestWhereTheProgramIsNotThereNothingIsAmissUntilItIsNeeded(t *testing.T) {
	h := newHall(t, own)
	h.stop()
	h.Client = New(Config{Dir: h.dir, Supplicant: filepath.Join(h.dir, "none"), system: h.m})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	h.Off("Nothing to join.")
	if s := h.reason("Nothing to join."); s.Status.State != drivers.Absent {
		t.Errorf("%+v", s)
	}
	if err := h.Yield(ctx, ""); err != nil {
		t.Fatal(err)
	}
	h.Join(network())
	h.reason("no such file")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestConfigurationIsWhatTheRadioCanDo(t *testing.T) {
	for name, c := range map[string]struct {
		network   Network
		radio     nl80211.Radio
		has, lack []string
	}{
		"a board's own": {network(), own, []string{"key_mgmt=WPA-PSK WPA-PSK-SHA256\n", "key_mgmt=SAE\nieee80211w=2\n", "priority=1\n", `psk="correct horse"`, "ssid=48616c6c\n", "# wlan0\n", "scan_ssid=1\n", "sae_pwe=2\n"}, []string{"country"}},
		"an adapter":    {network(), adapter, []string{"key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n", "ieee80211w=1\n"}, []string{"priority"}},
		"open":          {Network{SSID: "Hall", Country: "DE"}, own, []string{"key_mgmt=NONE\n", "country=DE\n"}, []string{"psk", "SAE\n"}},
		"the key":       {Network{SSID: "Hall", Password: strings.Repeat("ab", 32)}, adapter, []string{"psk=" + strings.Repeat("ab", 32) + "\n"}, []string{`"`, "SAE\n"}},
		"quotes":        {Network{SSID: "\"\n}", Password: `a"b\"c"}`}, adapter, []string{"ssid=220a7d\n", `psk="a"b\"c"}"` + "\n"}, nil},
	} {
		text := string(conf(c.network, c.radio, "/run/x"))
		for _, line := range c.has {
			if !strings.Contains(text, line) {
				t.Errorf("%s: lacks %q:\n%s", name, line, text)
			}
		}
		for _, line := range c.lack {
			if strings.Contains(text, line) {
				t.Errorf("%s: has %q:\n%s", name, line, text)
			}
		}
	}
}

func FuzzBSS(f *testing.F) {
	f.Add("id=0\nflags=[WPA2-PSK-CCMP][ESS]\nssid=Hall\nid=1\nflags=\nssid=\n")
	f.Add("flags=x\nid=99999999999999999999\nid=-1\nid=3\nssid")
	f.Fuzz(func(t *testing.T, answer string) {
		all, last := bssOf(answer)
		if (len(all) == 0) != (last == -1) || len(all) > last+1 {
			t.Errorf("%q: %v, %d", answer, all, last)
		}
		for _, b := range all {
			if strings.Contains(b.ssid+b.flags, "\n") {
				t.Errorf("%q: %+v", answer, b)
			}
		}
	})
}

func TestAllThatWasHeardIsReadInParts(t *testing.T) {
	for answer, want := range map[string]int{"": -1, "id=4\nflags=[ESS]\nssid=a\nid=9\nssid=b\n": 9, "FAIL\n": -1, "ssid=x\n": -1} {
		if all, last := bssOf(answer); last != want || want == 9 && (len(all) != 2 || all[0] != bss{"[ESS]", "a"} || all[1] != bss{"", "b"}) {
			t.Errorf("%q: %+v, %s", answer, all, strconv.Itoa(last))
		}
	}
}

func TestNamesAreComparedAsTheyAreWritten(t *testing.T) {
	for ssid, want := range map[string]string{"Blau; Tür": `Blau; T\xc3\xbcr`, "\"\\\n\r\t\x1b\x7f\x00": `\"\\\n\r\t\e\x7f\x00`, "": ""} {
		if got := escaped(ssid); got != want {
			t.Errorf("%q: %s, want %s", ssid, got, want)
		}
	}
}
