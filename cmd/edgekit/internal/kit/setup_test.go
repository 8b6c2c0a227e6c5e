package kit

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/edgekit/internal/logs"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/edgekit/internal/wifi"
	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
)

// TestThePictureShowsTheWayInUntilTheFirstPairing, and only where nothing else can: visitors see it too.
func TestThePictureShowsTheWayInUntilTheFirstPairing(t *testing.T) {
	data, cam := t.TempDir(), filepath.Join(t.TempDir(), "edgecam")
	if err := os.WriteFile(cam, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	open := func(operator string) *Kit {
		t.Helper()
		k, _, err := openArgs([]string{"-listen", "127.0.0.1:0", "-operator", operator, "-data", data, "-edgecam", cam, "-printer", "none"}, slog.New(slog.DiscardHandler), logs.New(), io.Discard, setup.Card{})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := open("127.0.0.1:0")
	if text, _ := k.wayIn(true); text != "" {
		t.Errorf("where nobody else reaches the console: %q", text)
	}
	k.Close()
	k = open("0.0.0.0:0")
	defer func() { k.Close() }()
	if len(k.consoles()) == 0 {
		t.Skip("this machine has no address that others reach")
	}
	code := k.state.Code()
	if text, _ := k.wayIn(false); text != "" {
		t.Errorf("with a printer: %q", text)
	}
	text, sub := k.wayIn(true)
	if text != "Pairing code "+code || !strings.HasPrefix(sub, "https://") || !strings.HasSuffix(sub, "/console") {
		t.Errorf("%q, %q", text, sub)
	}

	var drawn capture.Scene
	k.scene.Set = func(s capture.Scene) { drawn = s }
	k.scene.Notice(text, sub)
	if len(drawn.Banners) != 1 || drawn.Banners[0].Text != text || drawn.Banners[0].Until <= capture.Monotonic() {
		t.Errorf("%+v", drawn.Banners)
	}
	k.scene.Notice("", "")
	if len(drawn.Banners) != 0 {
		t.Errorf("%+v", drawn.Banners)
	}

	k.state.Next(true)
	k.Close()
	k = open("0.0.0.0:0")
	if text, _ := k.wayIn(true); text != "" || k.state.Code() == code {
		t.Errorf("after the first pairing, and a restart: %q", text)
	}
}

// TestAnotherWifiIsAnotherSlip: the old one leads nobody in.
func TestAnotherWifiIsAnotherSlip(t *testing.T) {
	seen, state := map[string]string{}, setup.OpenState(t.TempDir(), slog.New(slog.DiscardHandler))
	for _, w := range []settings.Wifi{{Mode: "off"}, {Mode: "ap"}, {Mode: "ap", SSID: "Blue"}, {Mode: "ap", SSID: "Blue", Password: "12345678"}, {Mode: "ap", SSID: "Blue", Security: "open"},
		{Mode: "venue", VenueSSID: "Hall"}, {Mode: "venue", VenueSSID: "Mall"}} {
		k := &Kit{config: Config{Settings: settings.Settings{Stall: "S", Wifi: w}}, state: state, id: "abcd", wifiSecret: make([]byte, 32), fingerprint: "AB"}
		_, of := k.setupOf()
		if was, ok := seen[of]; ok {
			t.Errorf("%+v has the slip of %s", w, was)
		}
		seen[of] = w.Mode + w.SSID + w.VenueSSID
		if _, again := k.setupOf(); of != again {
			t.Error("one Wi-Fi has two slips")
		}
	}
}

// TestThereIsAlwaysAWayIn: a slip whose code was used or lost is followed by another, unless the operator's device is there.
func TestThereIsAlwaysAWayIn(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k := &Kit{state: setup.OpenState(t.TempDir(), slog.New(slog.DiscardHandler)), operators: l, fingerprint: "AB", wifiSecret: make([]byte, 32)}
	due := func(when string, wantNow, wantUnless, wantAgain bool) {
		t.Helper()
		if now, unless, again := k.setupDue(); now != wantNow || unless != wantUnless || again != wantAgain {
			t.Errorf("%s: now %v, unless seen %v, again %v", when, now, unless, again)
		}
	}
	print := func(out bool) {
		t.Helper()
		_, of := k.setupOf()
		if err := k.state.Sending(setup.SetupSlip, of); err != nil {
			t.Fatal(err)
		}
		if out {
			if err := k.state.Sent(setup.SetupSlip, of, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	due("out of the box", true, false, false)
	print(false)
	due("the power went while it was printed", true, true, true)
	print(true)
	due("its code is still good", false, false, false)
	k.state.Next(true)
	due("its code was used", false, true, false)
	print(true)
	k.state.Next(false)
	due("its code was lost to wrong tries", false, true, false)
	print(true)
	k.fingerprint = "CD"
	due("it leads to another certificate", true, false, false)
	k.operators, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer k.operators.Close()
	due("at home", false, false, false)
}

// TestVisitorsOfAGuestAreToldWhereItIs: by number and by name; or what is in the way. With a network of its own nothing is.
func TestVisitorsOfAGuestAreToldWhereItIs(t *testing.T) {
	data := t.TempDir()
	var is atomic.Pointer[wire.Wifi]
	is.Store(&wire.Wifi{Mode: "venue", Venue: &wire.WifiVenue{Device: wire.Device{State: "failed", Reason: "It wants a password."}}})
	socket, err := net.Listen("unix", filepath.Join(data, wire.WifiSocket))
	if err != nil {
		t.Fatal(err)
	}
	edgeap := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { wire.Reply(rw, http.StatusOK, is.Load()) })}
	go edgeap.Serve(socket)
	defer edgeap.Close()
	k := &Kit{config: Config{Settings: settings.Settings{Wifi: settings.Wifi{Mode: "venue", VenueSSID: "Halle 3"}}}, wifi: wifi.New(data, false, func() wire.WifiStaff { return wire.WifiStaff{} }),
		visitors: at{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 80}}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.wifi.Run(ctx) }()
	kittest.Until(t, "it is asked", func() bool { return k.wifi.Venue().Device.State != "" })
	if d := cmp.Diff(&slip.Venue{SSID: "Halle 3", Pages: []string{"http://192.0.2.7/"}, Trouble: "It wants a password."}, k.guest()); d != "" || k.named() {
		t.Error(d, k.named())
	}
	is.Store(&wire.Wifi{Mode: "venue", Venue: &wire.WifiVenue{Device: wire.Device{State: "ready"}, Name: "edgekit-2.local"}})
	kittest.Until(t, "it has a name", k.named)
	k.visitors = at{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8080}}
	if d := cmp.Diff(&slip.Venue{SSID: "Halle 3", Pages: []string{"http://192.0.2.7:8080/", "http://edgekit-2.local:8080/"}}, k.guest()); d != "" {
		t.Error(d)
	}
	k.visitors = at{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}}
	if v := k.guest(); v.Pages != nil {
		t.Errorf("%+v of a page that only this machine reaches", v)
	}
	k.config.Wifi.Mode = "ap"
	if v := k.guest(); v != nil || !k.named() {
		t.Errorf("%+v", v)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// at is a listener that is somewhere.
type at struct{ addr net.Addr }

func (a at) Addr() net.Addr            { return a.addr }
func (a at) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (a at) Close() error              { return nil }
