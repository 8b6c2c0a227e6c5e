package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/portal/firewall"
	"edgekit.internal/hardware/clock"
)

func newTestReception(t *testing.T, dir string) *reception {
	t.Helper()
	r, err := newReception(dir, "", slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestARestartForgetsNobody: what edgeap left in its run folder is what the next one knows; what it cannot read it does without.
func TestARestartForgetsNobody(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ip := netip.MustParseAddr("10.66.0.20")
	r := newTestReception(t, dir)
	if _, ok := r.guest(ip); ok || r.accept(ip, true) {
		t.Error("somebody is there")
	}
	leases := `[{"mac":"02:00:00:00:01:00","ip":"10.66.0.20","until":` + fmt.Sprint(int64(clock.Uptime())+3e11) + `}]`
	if err := os.WriteFile(filepath.Join(dir, leasesName), []byte(leases), 0o600); err != nil {
		t.Fatal(err)
	}
	r = newTestReception(t, dir)
	if g, ok := r.guest(ip); !ok || g.MAC != "02:00:00:00:01:00" || g.Accepted || r.count().Leases != 1 {
		t.Errorf("%+v %v", g, ok)
	}
	if !r.accept(ip, true) {
		t.Error("not accepted")
	}
	r = newTestReception(t, dir)
	g, ok := r.guest(ip)
	all := r.addresses()[g.MAC]
	if all.AcceptedMS < g.AcceptedMS {
		t.Errorf("%+v, then %+v", g, all)
	}
	if all.AcceptedMS = g.AcceptedMS; !ok || !g.Accepted || all != g {
		t.Errorf("%+v %v", g, ok)
	}
	if r.accept(ip, false); slices.ContainsFunc(kinds(r), func(accepted bool) bool { return accepted }) {
		t.Error("still accepted")
	}
	for _, name := range []string{leasesName, guestsName} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, st, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r = newTestReception(t, dir); r.count().Leases != 0 {
		t.Error("rubbish made leases")
	}
	// Before the settings are read nobody knows where the page is: then there is no network.
	if err := r.guard("wlan0"); err == nil || !strings.Contains(err.Error(), "do not say yet") {
		t.Error(err)
	}
}

func kinds(r *reception) (accepted []bool) {
	for _, g := range r.addresses() {
		accepted = append(accepted, g.Accepted)
	}
	return accepted
}

// fence is a firewall that can fail, and be held up.
type fence struct {
	mu     sync.Mutex
	config firewall.Config
	up     bool
	broken error
	hold   func() // before it is set
}

func (f *fence) Set(c firewall.Config) error {
	if f.hold != nil {
		f.hold()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil {
		f.config, f.up = c, true
	}
	return f.broken
}

func (f *fence) Remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil {
		f.config, f.up = firewall.Config{}, false
	}
	return f.broken
}

func (f *fence) Guests([]portal.Lease, []portal.Lease) error { return nil }
func (f *fence) Check() error                                { return nil }

func (f *fence) is() (up bool, on string, port uint16) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up, f.config.Interface, f.config.Visitors
}

// TestAFirewallThatIsNotToBeGoes, though at first it cannot be taken away; one that an earlier edgeap left stays until somebody says that
// it is not to be.
func TestAFirewallThatIsNotToBeGoes(t *testing.T) {
	r, f := newTestReception(t, t.TempDir()), &fence{up: true}
	r.firewall = f
	if err := r.fortify(); err != nil {
		t.Error(err)
	}
	if up, _, _ := f.is(); !up {
		t.Error("it was taken away before anybody said what is to be")
	}
	r.allow(visitors{port: 80})
	if err := r.guard("wlan0"); err != nil {
		t.Fatal(err)
	}
	if up, on, port := f.is(); !up || on != "wlan0" || port != 80 {
		t.Errorf("%v %s %d", up, on, port)
	}
	f.broken = errors.New("busy")
	if err := r.guard(""); err != nil {
		t.Errorf("there is no network any more, and guard says %v", err)
	}
	if up, _, _ := f.is(); !up {
		t.Fatal("it is gone: the test is blind")
	}
	if err := r.fortify(); !errors.Is(err, f.broken) {
		t.Errorf("upkeep says %v", err)
	}
	f.broken = nil
	if err := r.fortify(); err != nil {
		t.Error(err)
	}
	if up, _, _ := f.is(); up {
		t.Error("it is left for good")
	}
}

// TestWhatIsSaidLastHolds: what is about to be set, of settings that are not so any more, does not come after what is so.
func TestWhatIsSaidLastHolds(t *testing.T) {
	for name, c := range map[string]struct {
		last func(*reception)
		want string
	}{
		"no network":   {func(r *reception) { r.guard("") }, "false  0"},
		"another port": {func(r *reception) { r.allow(visitors{port: 8080}) }, "true wlan0 8080"},
	} {
		t.Run(name, func(t *testing.T) {
			r, f := newTestReception(t, t.TempDir()), &fence{}
			r.firewall = f
			r.allow(visitors{port: 80})
			if err := r.guard("wlan0"); err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			var held atomic.Bool
			f.hold = func() { // upkeep, which knows what is so up to here
				if held.Swap(true) {
					return
				}
				go func() { defer close(done); c.last(r) }()
				for range 1000 { // time enough to overtake it
					runtime.Gosched()
				}
			}
			if err := r.fortify(); err != nil {
				t.Error(err)
			}
			<-done
			up, on, port := f.is()
			if got := fmt.Sprint(up, " ", on, " ", port); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestServersForNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	kit := netip.MustParseAddr("10.66.0.1")
	for text, want := range map[string]string{
		"": "[]",
		"# nameserver 1.1.1.1\nsearch lan\nnameserver 192.168.178.1\noptions edns0\n":    "[192.168.178.1:53]",
		"nameserver 10.66.0.1\nnameserver fe80::1%eth0\nnameserver\tx\n":                 "[[fe80::1%eth0]:53]",
		"nameserver 9.9.9.9\nnameserver 1.1.1.1\nnameserver 8.8.8.8\nnameserver 4.4.4.4": "[9.9.9.9:53 1.1.1.1:53 8.8.8.8:53]",
		strings.Repeat("nameserver 9.9.9.9\n", 10_000):                                   "[]",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(fmt.Sprint(nameservers(path, kit))); got != want {
			t.Errorf("%.60q: %s, want %s", text, got, want)
		}
	}
	if got := nameservers(path+".none", kit); got != nil {
		t.Errorf("without the file: %v", got)
	}
}

func FuzzNameservers(f *testing.F) {
	f.Add("nameserver 9.9.9.9\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := nameservers(path, netip.MustParseAddr("10.66.0.1")); len(got) > maxServers || slices.ContainsFunc(got, func(a netip.AddrPort) bool { return !a.IsValid() || a.Addr().String() == "10.66.0.1" }) {
			t.Errorf("%v", got)
		}
	})
}

// TestNamesAreAskedOfTheVenueForAsLongAsItIsTheWayOut: and then of those that were asked before, whoever wrote the file.
func TestNamesAreAskedOfTheVenueForAsLongAsItIsTheWayOut(t *testing.T) {
	dir := t.TempDir()
	r := resolver{path: filepath.Join(dir, "resolv.conf")}
	memory := filepath.Join(dir, "tmp")
	kernels := filepath.Join(dir, "pnp")
	for path, to := range map[string]string{r.path: memory, memory: kernels} { // as on the card
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when, want string) {
		t.Helper()
		if b, err := os.ReadFile(r.path); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %q", when, b, err, want)
		}
	}
	use := func(servers ...netip.Addr) {
		t.Helper()
		if err := r.use(servers); err != nil {
			t.Fatal(err)
		}
	}
	const own = "# by edgeap, of the venue's Wi-Fi\nnameserver 192.168.7.1\n"
	hall := netip.MustParseAddr("192.168.7.1")
	write(kernels, "#MANUAL\n")
	use()
	is("before", "#MANUAL\n")
	use(hall)
	is("joined", own)
	if b, err := os.ReadFile(kernels); err != nil || string(b) != "#MANUAL\n" {
		t.Errorf("the kernel's: %q, %v", b, err)
	}
	use()
	is("left", "#MANUAL\n")
	use(hall)
	write(memory, "nameserver 10.0.0.1\n") // by cable
	use()
	is("a cable", "nameserver 10.0.0.1\n")
	use(hall)
	is("the cable was pulled out", own)
	use()
	is("and the network left", "nameserver 10.0.0.1\n")
	use(hall)
	r = resolver{path: r.path}
	use(hall)
	is("started again", own)
	use()
	is("what was there before is not known", own)
}
