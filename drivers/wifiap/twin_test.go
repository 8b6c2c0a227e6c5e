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
	"testing"
	"time"

	"go.uber.org/goleak"

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

// fake is as much of hostapd as is asked here, and the air: phones ask it too whether they are on.
type fake struct {
	dir    string
	is     map[string]string // its configuration
	denied map[string]bool
	on     map[string]string // how they joined, by MAC
	told   map[string]bool   // that they are not on
	heard  []*net.UnixAddr   // who is told of events
	conn   *net.UnixConn
}

// fakeHostapd is its program. how: "good", or a line it complains with and ends.
func fakeHostapd(how, conf string) {
	if how != "good" {
		fmt.Println(how)
		os.Exit(1)
	}
	text, err := os.Open(conf)
	if err != nil {
		panic(err)
	}
	f := &fake{dir: filepath.Dir(conf), is: map[string]string{}, denied: map[string]bool{}, on: map[string]string{}, told: map[string]bool{}}
	for lines := bufio.NewScanner(text); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		f.is[key] = value
	}
	if b, err := os.ReadFile(f.is["deny_mac_file"]); err == nil {
		for mac := range strings.FieldsSeq(string(b)) {
			f.denied[mac] = true
		}
	}
	f.list()
	os.MkdirAll(f.is["ctrl_interface"], 0o700)
	path := filepath.Join(f.is["ctrl_interface"], f.is["interface"])
	os.Remove(path)
	if f.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}); err != nil {
		panic(err)
	}
	b := make([]byte, 4096)
	for {
		n, from, err := f.conn.ReadFromUnix(b)
		if err != nil {
			panic(err)
		}
		word := strings.Fields(string(b[:n]) + " . . . .")
		f.conn.WriteToUnix([]byte(f.answer(word)), from)
		if word[0] == "ATTACH" {
			f.heard = append(f.heard, from)
		}
	}
}

func (f *fake) answer(word []string) string {
	mac := word[1]
	switch word[0] {
	case "STATUS":
		return fmt.Sprintf("state=ENABLED\nfreq=2437\nnum_sta[0]=%d\n", len(f.on))
	case "STA":
		switch f.on[mac] {
		case "":
			return "FAIL\n"
		case "SAE":
			return mac + "\nAKMSuiteSelector=00-0f-ac-8\n"
		}
		return mac + "\nAKMSuiteSelector=00-0f-ac-2\n"
	case "DEAUTHENTICATE":
		f.off(mac)
	case "DENY_ACL":
		switch mac = word[2]; word[1] {
		case "ADD_MAC":
			f.denied[mac] = true
			f.off(mac)
		case "DEL_MAC":
			deaf := filepath.Join(f.dir, "deaf") // as the test has it: once
			if os.Rename(deaf, deaf+".was") == nil {
				return "FAIL\n"
			}
			delete(f.denied, mac)
		case "CLEAR":
			clear(f.denied)
		case "SHOW":
			return strings.Join(slices.Sorted(maps.Keys(f.denied)), " VLAN_ID=0\n")
		}
	case "PHONE":
		return f.phone(mac, word[2], word[3], word[4])
	}
	return "OK\n"
}

// phone is what a phone hears in the air that wants to be on, thinks it is, or leaves: on, refused, or off when it has just heard that it
// is not. One whose management frames are protected, as WPA3 has them, hears of a hostapd that forgot it by its own goodbye only.
func (f *fake) phone(mac, how, password, thinks string) string {
	switch {
	case thinks == "leaves":
		f.off(mac)
		return "off"
	case f.on[mac] != "", thinks == "on" && how == "SAE" && !f.told[mac]:
		return "on"
	case thinks == "on":
		return "off"
	case f.denied[mac], fmt.Sprint(len(f.on)) == f.is["max_num_sta"], !strings.Contains(f.is["wpa_key_mgmt"], how):
		return "refused"
	}
	if how == "SAE" && f.is["logger_stdout_level"] == "1" {
		fmt.Printf("%s: STA %s IEEE 802.11: SAE authentication (RX confirm, status=0 (SUCCESS))\n", f.is["interface"], mac)
	}
	switch {
	case password != strings.ReplaceAll(f.is["wpa_passphrase"], " ", "_"):
		if how != "SAE" {
			f.tell("AP-STA-POSSIBLE-PSK-MISMATCH", mac)
		}
		return "refused"
	case how == "SAE":
		fmt.Printf("%s: STA %s MLME: MLME-AUTHENTICATE.indication(%s, SAE)\n", f.is["interface"], mac, mac)
	}
	f.on[mac] = how
	delete(f.told, mac)
	f.list()
	f.tell("AP-STA-CONNECTED", mac)
	return "on"
}

func (f *fake) off(mac string) {
	f.told[mac] = true
	if f.on[mac] != "" {
		delete(f.on, mac)
		f.list()
		f.tell("AP-STA-DISCONNECTED", mac)
	}
}

func (f *fake) tell(event, mac string) {
	for _, to := range f.heard {
		f.conn.WriteToUnix([]byte("<3>"+event+" "+mac), to)
	}
}

// list has the kernel know who is on.
func (f *fake) list() {
	path := filepath.Join(f.dir, "air")
	if err := errors.Join(os.WriteFile(path+".new", []byte(strings.Join(slices.Sorted(maps.Keys(f.on)), "\n")), 0o600), os.Rename(path+".new", path)); err != nil {
		panic(err)
	}
}

// hears is what a phone at the access point of a run folder hears; off where there is none, unless it cannot tell.
func hears(dir, mac, how, password, thinks string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond) // one that hangs is not waited for
	defer cancel()
	c, err := hostapd.Dial(ctx, filepath.Join(dir, hostapd.ControlName), "wlan0", filepath.Join(dir, "phone "+mac))
	if err == nil {
		defer c.Close()
		var answer string
		if answer, err = c.Ask(strings.Join([]string{"PHONE", mac, how, strings.ReplaceAll(password, " ", "_"), thinks}, " ")); err == nil {
			return answer
		}
	}
	if how == "SAE" {
		return thinks
	}
	return "off"
}

// machine is a kernel whose radios come and go.
type machine struct {
	dir     string // the run folder of what is over it
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

func (m *machine) stations(int) (all []Station, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.halt != nil {
		return nil, m.halt
	}
	on, err := os.ReadFile(filepath.Join(m.dir, "air"))
	for mac := range strings.FieldsSeq(string(on)) {
		all = append(all, Station{MAC: mac, Authorized: true, SignalDBm: -40})
	}
	return all, err
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

// twin is a bed that is made up. Times in it are short.
func twin(t *testing.T) bed {
	m := &machine{dir: t.TempDir()}
	radio := func(index int) nl80211.Radio {
		r := stick()
		r.Interface, r.Index = "wlan0", index
		return r
	}
	m.plug(radio(3))
	return bed{dir: m.dir, system: m, hostapd: me(t), plug: func() { m.plug(radio(4)) }, pull: m.pull, bring: func(n int) handset { return &twinPhone{t: t, m: m, mac: mac(n)} },
		hasAddress: func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.address == Address
		}}
}

// twinPhone asks the fake again and again.
type twinPhone struct {
	t   *testing.T
	m   *machine
	mac string
	end func()

	mu  sync.Mutex
	in  int
	out int
}

func (p *twinPhone) try(how, password string) {
	stop, ended := make(chan struct{}), make(chan struct{})
	p.end = sync.OnceFunc(func() { close(stop); <-ended })
	p.t.Cleanup(p.end)
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for thinks := "off"; ; {
			was := thinks
			thinks = hears(p.m.dir, p.mac, how, password, was)
			p.mu.Lock()
			switch {
			case thinks == "on" && was != "on":
				p.in++
			case thinks == "refused":
				p.out++
			}
			p.mu.Unlock()
			select {
			case <-tick.C:
			case <-stop:
				hears(p.m.dir, p.mac, how, password, "leaves")
				return
			}
		}
	}()
}

func (p *twinPhone) away()  { p.end() }
func (p *twinPhone) nudge() {}

func (p *twinPhone) joined() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.in
}

func (p *twinPhone) refused() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}
