package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/portal/firewall"
	"edgekit.internal/drivers/wifiap"
	"edgekit.internal/drivers/wifiap/venue"
	"edgekit.internal/hardware/identity"
)

// told is what an access point was told last: a network, or why there is none.
type told struct {
	network wifiap.Network
	off     string
	n       int
	visitors
}

func (a *told) Want(n wifiap.Network) { a.network, a.off, a.n = n, "", a.n+1 }
func (a *told) Off(why string)        { a.network, a.off, a.n = wifiap.Network{}, why, a.n+1 }
func (a *told) allow(v visitors)      { a.visitors = v }

// joins is which network a client was told to join last, or why none.
type joins struct {
	network venue.Network
	off     string
}

func (j *joins) Join(n venue.Network) { *j = joins{network: n} }
func (j *joins) Off(why string)       { *j = joins{off: why} }

// put replaces the settings as edgekit does. The time is given: files of one test can be of the same tick of the clock.
func put(t *testing.T, dir, text string, at time.Time) {
	t.Helper()
	path := filepath.Join(dir, settings.Name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestTheNetworkIsTheOneOfTheSetUpSlip(t *testing.T) {
	dir, ap, out := t.TempDir(), &told{}, &joins{}
	f := &follower{data: dir, ap: ap, venue: out, door: ap, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	at := time.Unix(1_000_000_000, 0)
	put := func(text string) { at = at.Add(time.Second); put(t, dir, text, at) }
	off := func(when, why string) {
		t.Helper()
		if f.look(); !strings.Contains(ap.off, why) {
			t.Errorf("%s: %+v, want %q", when, ap, why)
		}
	}
	off("no settings", "for the first time")
	put("[wifi]\nmode = \"off\"\n")
	off("switched off", "switched off")
	put("[wifi]\nmode = \"ap\"\n")
	off("a kit that starts for the first time", "for the first time")
	off("and is looked at again", "for the first time")
	who, err := identity.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	slip, _ := s.Join(who.ID, who.Secret(settings.JoinSecret))
	f.look()
	if want := (wifiap.Network{SSID: slip.SSID, Password: slip.Password, Security: wifiap.WPA2, Band: "auto"}); ap.network != want || slip.Password == "" {
		t.Errorf("%+v, want %+v", ap.network, want)
	}
	if ap.visitors != (visitors{port: 8080}) {
		t.Errorf("%+v", ap.visitors)
	}
	n := ap.n
	if f.look(); ap.n != n {
		t.Error("it is told what it knows")
	}
	put("listen = \":9000\"\n[wifi]\nmode = \"ap\"\ninternet = true\n")
	if f.look(); ap.visitors != (visitors{9000, true}) {
		t.Errorf("%+v", ap.visitors)
	}
	f.listen = ":80" // as on the card, where edgekit has it as a flag
	put("[wifi]\nmode = \"ap\"\nssid = \"Blau\"\nsecurity = \"open\"\ncountry = \"DE\"\nband = 5\nchannel = 36\nphones = 5\n")
	f.look()
	if want := (wifiap.Network{SSID: "Blau", Security: wifiap.Open, Band: "5", Country: "DE", Channel: 36, Phones: 5}); ap.network != want {
		t.Errorf("%+v, want %+v", ap.network, want)
	}
	if ap.visitors != (visitors{port: 80}) {
		t.Errorf("%+v", ap.visitors)
	}
	n = ap.n
	put("[wifi]\nmode = \"on\"\n")
	if f.look(); ap.n != n || f.mode() != "ap" {
		t.Errorf("a file that cannot be read changed the network: %+v", ap)
	}
	if *out != (joins{off: noVenue}) {
		t.Errorf("%+v", out)
	}
	put("[wifi]\nmode = \"ap\"\nvenue-ssid = \"Hall\"\nvenue-password = \"correct horse\"\n")
	f.look()
	if want := (venue.Network{SSID: "Hall", Password: "correct horse", Second: true, Apart: wifiap.Address}); out.network != want {
		t.Errorf("%+v, want %+v", out.network, want)
	}
	put("stall = \"Hall\"\n[wifi]\nmode = \"ap\"\nvenue-ssid = \"Hall\"\n")
	if f.look(); !strings.Contains(out.off, "one name for the kit's own network and the venue's") {
		t.Errorf("%+v", out)
	}
	put("[wifi]\nmode = \"venue\"\n")
	if off("venue", "venue's network"); *out != (joins{off: noCable}) {
		t.Errorf("%+v", out)
	}
	put("[wifi]\nmode = \"venue\"\nvenue-ssid = \"Hall\"\ncountry = \"DE\"\n")
	off("venue's Wi-Fi", "venue's network")
	if want := (venue.Network{SSID: "Hall", Country: "DE"}); out.network != want {
		t.Errorf("%+v, want %+v", out.network, want)
	}
	put("[wifi]\nmode = \"off\"\n")
	if off("off", "switched off"); *out != (joins{off: noVenue}) {
		t.Errorf("%+v", out)
	}
}

// air is an access point with one phone on.
type air struct{ err error }

func (a air) State() wifiap.State {
	return wifiap.State{Status: drivers.Status{Device: "wifi", Name: "wlan0 Stall", State: drivers.Ready}, Radio: "wlan0", SSID: "Stall", Security: wifiap.WPA2, Channel: 6, Why: "It is the usual one.",
		Address: netip.MustParsePrefix("10.66.0.1/24"), Capacity: wifiap.Capacity{Stations: 7, Source: "a table"}}
}

func (a air) Stations(context.Context) ([]wifiap.Station, error) {
	return []wifiap.Station{{MAC: "02:00:00:00:01:00", Authorized: true, SAE: true, SignalDBm: -40, Connected: 3 * time.Second}}, a.err
}

func (a air) Blocked() ([]string, error) { return []string{"02:00:00:00:09:00"}, a.err }

func (a air) Wrong() (int, time.Duration) { return 2, 3 * time.Minute }

func (a air) Kick(_ context.Context, mac string) error {
	if mac != "02:00:00:00:01:00" {
		return wifiap.ErrUnknown
	}
	return a.err
}
func (a air) Block(context.Context, string) error   { return a.err }
func (a air) Unblock(context.Context, string) error { return a.err }

func (a air) Rest(context.Context, string, time.Duration) error { return a.err }

// list is a lobby with one phone in it, that of air.
type list struct {
	accepted bool
	staff    firewall.Staff
	ssid     string // of the venue's network
}

func (l *list) guest(ip netip.Addr) (g wire.WifiGuest, ok bool) {
	return wire.WifiGuest{IP: "10.66.0.20", MAC: "02:00:00:00:01:00", Accepted: l.accepted}, ip == netip.MustParseAddr("10.66.0.20")
}

func (l *list) accept(ip netip.Addr, accepted bool) bool {
	_, ok := l.guest(ip)
	l.accepted = ok && accepted
	return ok
}

func (l *list) admit(s firewall.Staff) error {
	l.staff = s
	if s.Port == 1 {
		return errors.New("no")
	}
	return nil
}

func (l *list) outside() *wire.WifiVenue {
	return venueOf(venue.State{Status: drivers.Status{Device: "wifi", Name: "wlan1 Hall", State: drivers.Ready}, Radio: "wlan1", SSID: l.ssid, Security: "wpa3", MHz: 5180, SignalDBm: -50,
		Address: netip.MustParsePrefix("192.168.7.20/24"), Router: netip.MustParseAddr("192.168.7.1"), Internet: venue.Online, PID: 7})
}

func (l *list) count() wire.WifiPortal { return wire.WifiPortal{Leases: 1} }

func (l *list) addresses() map[string]wire.WifiGuest {
	g, _ := l.guest(netip.Addr{})
	return map[string]wire.WifiGuest{g.MAC: g}
}

func TestSocketAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		err     error
		code    int
	}{
		"kick":              {"POST /stations/02:00:00:00:01:00/kick", nil, http.StatusNoContent},
		"block":             {"POST /stations/02:00:00:00:01:00/block", nil, http.StatusNoContent},
		"rest":              {"POST /stations/02:00:00:00:01:00/rest", nil, http.StatusNoContent},
		"unblock":           {"POST /stations/02:00:00:00:01:00/unblock", nil, http.StatusNoContent},
		"nobody":            {"POST /stations/02:00:00:00:02:00/kick", nil, http.StatusNotFound},
		"down":              {"POST /stations/02:00:00:00:01:00/kick", wifiap.ErrDown, http.StatusConflict},
		"no address":        {"POST /stations/all/kick", nil, http.StatusBadRequest},
		"another command":   {"POST /stations/02:00:00:00:01:00%0aTERMINATE/kick", nil, http.StatusBadRequest},
		"too long address":  {"POST /stations/02:00:00:00:01:00:00:00/block", nil, http.StatusBadRequest},
		"no such thing":     {"GET /stations", nil, http.StatusNotFound},
		"a guest":           {"GET /guests/10.66.0.20", nil, http.StatusOK},
		"as IPv6 writes it": {"GET /guests/::ffff:10.66.0.20", nil, http.StatusOK},
		"nobody's address":  {"GET /guests/10.66.0.21", nil, http.StatusNotFound},
		"accepted":          {"PUT /guests/10.66.0.20/accepted", nil, http.StatusNoContent},
		"and not any more":  {"DELETE /guests/10.66.0.20/accepted", nil, http.StatusNoContent},
		"nobody accepted":   {"PUT /guests/10.66.0.21/accepted", nil, http.StatusNotFound},
		"no IP":             {"PUT /guests/02:00:00:00:01:00/accepted", nil, http.StatusBadRequest},
		"IPv6":              {"GET /guests/fe80::1", nil, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.request, " ")
			rw := httptest.NewRecorder()
			handler(air{c.err}, &list{}, func() string { return "ap" }).ServeHTTP(rw, httptest.NewRequest(method, path, nil))
			if rw.Code != c.code {
				t.Errorf("%d %s, want %d", rw.Code, rw.Body, c.code)
			}
		})
	}
}

func TestStatusTellsOfTheNetworkAndWhoIsOn(t *testing.T) {
	want := wire.Wifi{Mode: "ap", Device: wire.Device{Device: "wifi", Name: "wlan0 Stall", State: "ready"}, Radio: "wlan0", SSID: "Stall", Security: "wpa2", Channel: 6, Why: "It is the usual one.",
		Address: "10.66.0.1/24", Most: 7, MostWhy: "a table", Stations: []wire.WifiStation{{MAC: "02:00:00:00:01:00", Authorized: true, WPA3: true, SignalDBm: -40, ConnectedMS: 3000, IP: "10.66.0.20", Accepted: true}},
		Wrong: wire.WifiWrong{Phones: 2, AgoMS: 180_000}, Portal: wire.WifiPortal{Leases: 1}, Blocked: []string{"02:00:00:00:09:00"}}
	rw := httptest.NewRecorder()
	handler(air{}, &list{accepted: true}, func() string { return "ap" }).ServeHTTP(rw, httptest.NewRequest("GET", "/status", nil))
	var got wire.Wifi
	if err := json.Unmarshal(rw.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestStatusTellsOfTheVenuesNetworkWhereOneIsAskedFor(t *testing.T) {
	want := &wire.WifiVenue{Device: wire.Device{Device: "wifi", Name: "wlan1 Hall", State: "ready"}, Radio: "wlan1", SSID: "Hall", Security: "wpa3", MHz: 5180, SignalDBm: -50,
		Address: "192.168.7.20/24", Router: "192.168.7.1", Internet: "yes", PID: 7}
	if d := cmp.Diff(want, status(t.Context(), air{}, &list{ssid: "Hall"}, "ap").Venue); d != "" {
		t.Error(d)
	}
	if w := status(t.Context(), air{}, &list{}, "ap"); w.Venue != nil {
		t.Errorf("%+v", w.Venue)
	}
	if w := status(t.Context(), air{wifiap.ErrDown}, &list{}, "venue"); w.Venue == nil {
		t.Error("nothing of the cable")
	}
}

func TestSocketIsForTheKitAloneAndReplacesAStaleOne(t *testing.T) {
	dir := t.TempDir()
	first, err := listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, wire.WifiSocket)
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if _, err := listen(dir); err == nil || !strings.Contains(err.Error(), "another edgeap runs") {
		t.Error(err)
	}
	first.Close()
	if err := os.WriteFile(path, nil, 0o600); err != nil { // what a crash leaves
		t.Fatal(err)
	}
	again, err := listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := listen(filepath.Join(dir, strings.Repeat("long", 30))); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Error(err)
	}
}

func TestFlagsSayWhatWasExpected(t *testing.T) {
	if o, err := parse([]string{"-data", "/perm/edgekit"}); err != nil || o != (options{data: "/perm/edgekit", run: "/run/edgeap", hostapd: "/usr/sbin/hostapd", supplicant: "/usr/sbin/wpa_supplicant", quiet: 10 * time.Minute}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"start"}, {"-no-such"}, {"-h"}, {"-listen", "80"}, {"-listen", ":0"}, {"-listen", ":65536"}, {"-quiet", "0s"}, {"-quiet", "10"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v taken", args)
		}
	}
}

func TestWhoReachesTheOperatorsDoor(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		code int
		want firewall.Staff
	}{
		"anybody":       {`{"port":8443,"anybody":true}`, http.StatusNoContent, firewall.Staff{Port: 8443, Anybody: true}},
		"one":           {`{"port":8443,"anybody":false,"stations":["02:00:00:00:01:00"]}`, http.StatusNoContent, firewall.Staff{Port: 8443, Stations: []portal.MAC{{2, 0, 0, 0, 1, 0}}}},
		"nobody":        {`{"port":0,"anybody":false}`, http.StatusNoContent, firewall.Staff{}},
		"no port":       {`{"port":70000}`, http.StatusBadRequest, firewall.Staff{}},
		"no station":    {`{"port":8443,"stations":["all"]}`, http.StatusBadRequest, firewall.Staff{}},
		"another thing": {`{"door":8443}`, http.StatusBadRequest, firewall.Staff{}},
		"nothing":       {``, http.StatusBadRequest, firewall.Staff{}},
		"not done":      {`{"port":1}`, http.StatusInternalServerError, firewall.Staff{Port: 1}},
	} {
		l := &list{}
		rw := httptest.NewRecorder()
		handler(air{}, l, func() string { return "ap" }).ServeHTTP(rw, httptest.NewRequest("PUT", "/staff", strings.NewReader(c.body)))
		if d := cmp.Diff(c.want, l.staff); rw.Code != c.code || d != "" {
			t.Errorf("%s: %d %s %s", name, rw.Code, rw.Body, d)
		}
	}
}
