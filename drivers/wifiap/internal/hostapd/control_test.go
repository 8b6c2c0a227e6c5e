package hostapd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/drivers/wifiap/internal/hostap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is hostapd's end of the control socket.
type fake struct {
	conn *net.UnixConn
	dir  string
}

// serve answers commands until the test ends; "": not at all.
func serve(t testing.TB, answer func(command string) string) *fake {
	t.Helper()
	f := &fake{dir: t.TempDir()}
	var err error
	if f.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(f.dir, "wlan0"), Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 8192)
		for {
			n, from, err := f.conn.ReadFromUnix(b)
			if err != nil {
				return
			}
			if a := answer(string(b[:n])); a != "" {
				f.conn.WriteToUnix([]byte(a), from)
			}
		}
	}()
	t.Cleanup(func() { f.conn.Close(); <-ended })
	return f
}

func (f *fake) dial(ctx context.Context, t testing.TB) *Control {
	t.Helper()
	c, err := Dial(ctx, f.dir, "wlan0", filepath.Join(f.dir, "own"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(f.dir, "own")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its socket is left: %v", err)
		}
	})
	return c
}

func TestQuestionsAreAnswered(t *testing.T) {
	f := serve(t, func(command string) string {
		switch command {
		case "STATUS":
			return "state=ENABLED\nphy=phy0\nfreq=2437\nrubbish\n"
		case "DEAUTHENTICATE 02:00:00:00:01:00":
			return "OK\n"
		}
		return "UNKNOWN COMMAND\n"
	})
	c := f.dial(t.Context(), t)
	if s, err := c.Status(); err != nil || s != (Status{"ENABLED", "2437"}) {
		t.Error(s, err)
	}
	if err := c.Do("DEAUTHENTICATE 02:00:00:00:01:00"); err != nil {
		t.Error(err)
	}
	if err := c.Do("DANCE"); err == nil || err.Error() != `hostapd: DANCE: it answered "UNKNOWN COMMAND"` {
		t.Error(err)
	}
}

func TestAStationThatLeavesWhileTheyAreListedDoesNotEndTheList(t *testing.T) {
	next := 0
	script := []string{"02:00:00:00:01:00\n", "FAIL\n", "02:00:00:00:02:00\n", "02:00:00:00:03:00\n", ""}
	f := serve(t, func(string) string {
		next++
		if script[next-1] == "" {
			return "\n"
		}
		return script[next-1]
	})
	all, err := f.dial(t.Context(), t).Stations()
	if d := cmp.Diff([]Station{{MAC: "02:00:00:00:02:00"}, {MAC: "02:00:00:00:03:00"}}, all); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestAnEndlessListOfStationsIsCutOff(t *testing.T) {
	f := serve(t, func(string) string { return "02:00:00:00:01:00\n" })
	all, err := f.dial(t.Context(), t).Stations()
	if err != nil || len(all) != maxStations {
		t.Error(len(all), err)
	}
}

// TestAQuestionEndsWithHostapd: nobody answers, and nobody waits.
func TestAQuestionEndsWithHostapd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := serve(t, func(string) string { cancel(); return "" })
	if _, err := f.dial(ctx, t).Ask("PING"); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestALateAnswerIsNeverTakenForTheNext: a connection that was not answered is of no more use.
func TestALateAnswerIsNeverTakenForTheNext(t *testing.T) {
	f := serve(t, func(string) string { return "" })
	c := f.dial(t.Context(), t)
	if _, err := c.Ask("PING"); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
	if _, err := c.Ask("STATUS"); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
}

func TestEventsComeUntilTheConnectionIsClosed(t *testing.T) {
	here := make(chan *fake, 1)
	f := serve(t, func(string) string { // asked once
		f := <-here
		own := &net.UnixAddr{Name: filepath.Join(f.dir, "own"), Net: "unixgram"}
		f.conn.WriteToUnix([]byte("OK\n"), own)
		return "<3>AP-STA-CONNECTED 02:00:00:00:01:00"
	})
	here <- f
	c := f.dial(t.Context(), t)
	err := c.Events(func(e hostap.Event) {
		if e.Name != "AP-STA-CONNECTED" || e.MAC != "02:00:00:00:01:00" {
			t.Errorf("%+v", e)
		}
		c.Close()
	})
	if !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestWhoIsKeptOutIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), DenyName)
	for _, mac := range []string{"02:00:00:00:01:00", "02:00:00:00:02:00", "02:00:00:00:01:00"} {
		if err := Deny(path, mac); err != nil {
			t.Fatal(err)
		}
	}
	if err := Allow(path, "02:00:00:00:02:00"); err != nil {
		t.Fatal(err)
	}
	if all, err := Denied(path); err != nil || cmp.Diff([]string{"02:00:00:00:01:00"}, all) != "" {
		t.Error(all, err)
	}
}

// BenchmarkStations lists 50 stations, one question each, as hostapd wants it: budget 5 ms.
func BenchmarkStations(b *testing.B) {
	const each = "flags=[AUTH][ASSOC][AUTHORIZED]\nAKMSuiteSelector=00-0f-ac-8\nrx_packets=100\ntx_packets=100\nrx_bytes=10000\ntx_bytes=10000\ninactive_msec=10\nsignal=-60\nrx_rate_info=650 mcs 7\ntx_rate_info=650 mcs 7\nconnected_time=60\n"
	mac := func(n int) string { return fmt.Sprintf("02:00:00:00:%02x:00", n) }
	next := map[string]string{"STA-FIRST": mac(0) + "\n" + each}
	for n := range 50 {
		next["STA-NEXT "+mac(n)] = mac(n+1) + "\n" + each
	}
	next["STA-NEXT "+mac(49)] = "\n"
	c := serve(b, func(command string) string { return next[command] }).dial(b.Context(), b)
	for b.Loop() {
		if all, err := c.Stations(); err != nil || len(all) != 50 {
			b.Fatal(len(all), err)
		}
	}
}
