package hostapd

import (
	"context"
	"errors"
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
			return "state=ENABLED\nphy=phy0\nfreq=2437\nrubbish\nnum_sta[0]=3\n"
		case "STA 02:00:00:00:01:00":
			return answer
		case "DEAUTHENTICATE 02:00:00:00:01:00":
			return "OK\n"
		}
		return "UNKNOWN COMMAND\n"
	})
	c := f.dial(t.Context(), t)
	if s, err := c.Status(); err != nil || s != (Status{"ENABLED", "2437", 3}) {
		t.Error(s, err)
	}
	if err := c.Do("DEAUTHENTICATE 02:00:00:00:01:00"); err != nil {
		t.Error(err)
	}
	if on, sae, err := c.Station("02:00:00:00:01:00"); err != nil || !on || !sae {
		t.Error(on, sae, err)
	}
	if on, sae, err := c.Station("02:00:00:00:02:00"); err != nil || on || sae {
		t.Error(on, sae, err)
	}
	if err := c.Do("DANCE"); err == nil || err.Error() != `hostapd: DANCE: it answered "UNKNOWN COMMAND"` {
		t.Error(err)
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
	l := hostap.Listen(c.Control)
	if e := <-l.Events; e.Name != "AP-STA-CONNECTED" || e.MAC != "02:00:00:00:01:00" {
		t.Errorf("%+v", e)
	}
	if l.Close(); !errors.Is(l.Err, net.ErrClosed) {
		t.Error(l.Err)
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
