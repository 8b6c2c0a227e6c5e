package wifi

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// edgeap answers on a data folder's socket as the program does.
func edgeap(t *testing.T, data string, answer any) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(data, wire.WifiSocket))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { json.NewEncoder(rw).Encode(answer) })}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
}

func TestAccessPointIsJudgedByWhatIsAskedForAndThere(t *testing.T) {
	device := func(state, reason string) wire.Device {
		return wire.Device{Device: "wifi", Name: "wlan0 Stall", State: state, Reason: reason}
	}
	for name, c := range map[string]struct {
		wanted bool
		answer any // nil: no program
		sick   string
		row    drivers.State // "": none
	}{
		"a laptop":                         {false, nil, "", ""},
		"asked for, and no program":        {true, nil, "edgeap: ", drivers.Failed},
		"asked for, and rubbish":           {true, "rubbish", "edgeap: ", drivers.Failed},
		"asked for, and up":                {true, wire.Wifi{Mode: "ap", Radio: "wlan0", Device: device("ready", "")}, "", drivers.Ready},
		"asked for, and no radio":          {true, wire.Wifi{Mode: "ap", Device: device("absent", "There is no radio.")}, "", drivers.Absent},
		"asked for, and not up yet":        {true, wire.Wifi{Mode: "ap", Radio: "wlan0", Device: device("opening", "")}, "opening", drivers.Opening},
		"asked for, and the radio refuses": {true, wire.Wifi{Mode: "ap", Radio: "wlan0", Device: device("failed", "No such channel.")}, "failed: No such channel.", drivers.Failed},
		"in the venue's":                   {false, wire.Wifi{Mode: "venue", Device: device("absent", "None of its own."), Venue: &wire.WifiVenue{Device: device("ready", "")}}, "", drivers.Ready},
		"not in the venue's":               {false, wire.Wifi{Mode: "venue", Device: device("absent", ""), Venue: &wire.WifiVenue{Device: device("failed", "No such network.")}}, "", drivers.Failed},
		"a way out that fails":             {true, wire.Wifi{Mode: "ap", Radio: "wlan0", Device: device("ready", ""), Venue: &wire.WifiVenue{Device: device("failed", "")}}, "", drivers.Ready},
		"switched off":                     {false, wire.Wifi{Mode: "off", Device: device("absent", "Switched off.")}, "", drivers.Absent},
		"switched off, and failed before":  {false, wire.Wifi{Mode: "off", Radio: "wlan0", Device: device("failed", "")}, "", drivers.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			if c.answer != nil {
				edgeap(t, data, c.answer)
			}
			l := New(data, c.wanted, func() wire.WifiStaff { return wire.WifiStaff{} })
			switch err := l.Up(t.Context()); {
			case err == nil && c.sick != "":
				t.Errorf("up, want %q", c.sick)
			case err != nil && (c.sick == "" || !strings.HasPrefix(err.Error(), c.sick)):
				t.Errorf("%v, want %q", err, c.sick)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- l.Run(ctx) }()
			w, err := l.ask(ctx)
			if row := l.rowOf(w, err); row.State != c.row || (c.row != "") != (row.Device == "wifi") {
				t.Errorf("row %+v, want %s", row, c.row)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAWrongPasswordIsSaidInTheRow(t *testing.T) {
	l := New(t.TempDir(), true, nil)
	for phones, want := range map[int]string{
		0: "No WPA3 here.",
		1: "No WPA3 here. A phone could not join: its password was wrong. The right one is on the set-up slip.",
		3: "No WPA3 here. 3 phones could not join: their password was wrong. The right one is on the set-up slip.",
	} {
		w := wire.Wifi{Device: wire.Device{State: "ready", Reason: "No WPA3 here."}, Wrong: wire.WifiWrong{Phones: phones}}
		if row := l.rowOf(w, nil); row.Reason != want || row.State != drivers.Ready {
			t.Errorf("%d: %+v", phones, row)
		}
	}
}

func TestAFullNetworkIsSaidInTheRow(t *testing.T) {
	l := New(t.TempDir(), true, nil)
	for most, want := range map[int]string{0: "", 3: "", 2: "It is full: 2 of 2 phones. Whoever cannot join can buy from you: press “Sell” at the offer."} {
		w := wire.Wifi{Device: wire.Device{State: "ready"}, Most: most, Stations: make([]wire.WifiStation, 2)}
		if row := l.rowOf(w, nil); row.Reason != want || row.State != drivers.Ready {
			t.Errorf("of %d: %+v", most, row)
		}
	}
}

// TestWhoReachesTheConsoleIsTold again and again: edgeap may be another than before.
func TestWhoReachesTheConsoleIsTold(t *testing.T) {
	data := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(data, wire.WifiSocket))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan wire.WifiStaff, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(rw http.ResponseWriter, _ *http.Request) { wire.Reply(rw, http.StatusOK, wire.Wifi{Mode: "ap"}) })
	mux.HandleFunc("PUT /staff", func(rw http.ResponseWriter, r *http.Request) {
		var s wire.WifiStaff
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			t.Error(err)
		}
		select {
		case told <- s:
		default:
		}
		rw.WriteHeader(http.StatusNoContent)
	})
	s := &http.Server{Handler: mux}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	want := wire.WifiStaff{Port: 8443, Stations: []string{"02:00:00:00:01:00"}}
	link := New(data, true, func() wire.WifiStaff { return want })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	for range 2 {
		if d := cmp.Diff(want, <-told); d != "" {
			t.Error(d)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestWhoWasSentAwayCountsNoMore although hostapd has them in its list for seconds: else the next one would go too.
func TestWhoWasSentAwayCountsNoMore(t *testing.T) {
	data := t.TempDir()
	edgeap(t, data, nil)
	l := New(data, true, func() wire.WifiStaff { return wire.WifiStaff{} })
	t.Cleanup(l.to.CloseIdleConnections)
	l.last = wire.Wifi{Most: 2, Stations: []wire.WifiStation{{MAC: "a"}, {MAC: "b"}}}
	if err := l.Rest(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if list, most := l.Phones(); most != 2 || len(list) != 1 || list[0].MAC != "b" {
		t.Errorf("%+v of %d", list, most)
	}
	l.sent["a"] = time.Now().Add(-2 * lingers)
	if list, _ := l.Phones(); len(list) != 2 || len(l.sent) > 0 {
		t.Errorf("long after: %+v, %v", list, l.sent)
	}
}
