package listen

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// call connects from an address of the loopback network.
func call(t *testing.T, l net.Listener, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestOnePhoneDoesNotTakeAllPlaces: whoever has the most connections loses the oldest of them to whoever comes.
func TestOnePhoneDoesNotTakeAllPlaces(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newCrowd(tcp, 4)
	defer l.Close()
	var ours, theirs []net.Conn
	for _, from := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3", "127.0.0.3", "127.0.0.4"} {
		theirs = append(theirs, call(t, l, from))
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, c)
	}
	for i, gone := range []bool{false, true, true, false, false, false} {
		if gone {
			if _, err := theirs[i].Read(make([]byte, 1)); err == nil {
				t.Errorf("connection %d is still there", i)
			}
			continue
		}
		if _, err := ours[i].Write([]byte{1}); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
		if _, err := theirs[i].Read(make([]byte, 1)); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	for _, c := range ours {
		c.Close()
		c.Close() // twice is once
	}
	if l.n != 0 || len(l.from) != 0 {
		t.Errorf("%d places of %d addresses are taken by nobody", l.n, len(l.from))
	}
}

// TestWhatIsUnderWayHasItsAnswerWhenTheKitStops: serve returns only then.
func TestWhatIsUnderWayHasItsAnswerWhenTheKitStops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	answered := false
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
		io.WriteString(rw, "sold")
		answered = true
	})
	served := make(chan error)
	go func() { served <- Serve(ctx, l, h, slog.New(slog.DiscardHandler)) }()
	res, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); string(b) != "sold" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := <-served; err != nil || !answered {
		t.Errorf("%v, answered %v", err, answered)
	}
}

// TestTheConsoleAnswersToThisMachinesNamesOnly: a site's page whose name leads here is not of this origin.
func TestTheConsoleAnswersToThisMachinesNamesOnly(t *testing.T) {
	h := AtHome(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) }))
	for host, want := range map[string]int{
		"127.0.0.1:8081": 204, "localhost:8081": 204, "LOCALHOST": 204, "[::1]:8081": 204, "[::1]": 204, "kit.localhost:1": 204, "192.168.4.1": 204,
		"evil.example:8081": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "": 421, "evillocalhost": 421,
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Host = host
		rw := httptest.NewRecorder()
		if h.ServeHTTP(rw, r); rw.Code != want {
			t.Errorf("%q: %d, want %d", host, rw.Code, want)
		}
	}
}
