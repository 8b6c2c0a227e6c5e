package wifi

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/cmd/edgekit/internal/portal"
	"edgekit.internal/cmd/internal/wire"
)

var phone = netip.MustParseAddr("10.66.0.7")

// TestAPhoneThatAsksAndAsksCostsAQuestionASecond, however many ask at a time, and whoever hangs up.
func TestAPhoneThatAsksAndAsksCostsAQuestionASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		questions := 0
		var answer chan portal.Station
		g := guests{known: map[netip.Addr]*guest{}, ask: func(ctx context.Context, _ netip.Addr) (portal.Station, bool) {
			questions++
			select {
			case s := <-answer:
				return s, true
			case <-ctx.Done():
				return portal.Station{}, false
			}
		}}
		ask := func(ctx context.Context, n int, want bool) {
			t.Helper()
			var all sync.WaitGroup
			for range n {
				all.Go(func() {
					if s, ok := g.of(ctx, phone); ok != want || ok && s.MAC != "m" {
						t.Errorf("%+v %v, want %v", s, ok, want)
					}
				})
			}
			synctest.Wait()
			select {
			case answer <- portal.Station{MAC: "m"}:
			default: // nobody asks
			}
			all.Wait()
		}
		counted := func(what string, want int) {
			t.Helper()
			if questions != want {
				t.Errorf("%s: %d questions, want %d", what, questions, want)
			}
		}
		answer = make(chan portal.Station)
		ask(t.Context(), 10_000, true)
		ask(t.Context(), 10_000, true)
		counted("many", 1)
		time.Sleep(guestLife)
		ask(t.Context(), 10, true)
		counted("a second later", 2)
		g.forget(phone)
		ask(t.Context(), 10, true)
		counted("forgotten", 3)
		time.Sleep(guestLife)
		answer = nil // edgeap hangs
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		ask(gone, 10, false)
		ask(t.Context(), 10, false)
		counted("no answer", 4)
		for i := range 3 * maxGuests {
			g.ask = func(context.Context, netip.Addr) (portal.Station, bool) { return portal.Station{}, false }
			g.of(t.Context(), netip.AddrFrom4([4]byte{10, 66, byte(i >> 8), byte(i)}))
		}
		if len(g.known) != maxGuests {
			t.Errorf("%d answers are kept", len(g.known))
		}
	})
}

// TestQuestionsShareConnections, and what a phone has accepted is seen at once.
func TestQuestionsShareConnections(t *testing.T) {
	data := t.TempDir()
	socket, err := net.Listen("unix", filepath.Join(data, wire.WifiSocket))
	if err != nil {
		t.Fatal(err)
	}
	var connections, accepted atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /guests/{ip}", func(rw http.ResponseWriter, r *http.Request) {
		if r.PathValue("ip") == phone.String() {
			wire.Reply(rw, http.StatusOK, wire.WifiGuest{MAC: "m", Accepted: accepted.Load() > 0})
			return
		}
		wire.Refuse(rw, wire.Problem{Status: http.StatusNotFound, Reason: "unknown"})
	})
	mux.HandleFunc("PUT /guests/{ip}/accepted", func(rw http.ResponseWriter, _ *http.Request) {
		accepted.Add(1)
		rw.WriteHeader(http.StatusNoContent)
	})
	s := &http.Server{Handler: mux, ConnState: func(_ net.Conn, is http.ConnState) {
		if is == http.StateNew {
			connections.Add(1)
		}
	}}
	go s.Serve(socket)
	t.Cleanup(func() { s.Close() })
	l := New(data, true, nil)
	l.net = netip.MustParsePrefix("10.66.0.1/16")
	if is, ok := l.Station(t.Context(), phone); !ok || is.Accepted || is.Since.IsZero() {
		t.Errorf("%+v %v", is, ok)
	}
	if err := l.Accept(t.Context(), phone); err != nil {
		t.Fatal(err)
	}
	if is, ok := l.Station(t.Context(), phone); !ok || !is.Accepted {
		t.Errorf("accepted: %+v %v", is, ok)
	}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() { l.Station(t.Context(), netip.AddrFrom4([4]byte{10, 66, 1, byte(i)})) })
	}
	all.Wait()
	if n := connections.Load(); n > maxConns {
		t.Errorf("%d connections", n)
	}
	for _, elsewhere := range []string{"10.66.0.1", "192.168.1.7", "::1"} {
		if _, ok := l.Station(t.Context(), netip.MustParseAddr(elsewhere)); ok {
			t.Errorf("%s is in the kit's Wi-Fi", elsewhere)
		}
	}
	l.to.CloseIdleConnections()
}

// TestAPhoneIsTheSameUntilItHasBeenAwayForMinutes.
func TestAPhoneIsTheSameUntilItHasBeenAwayForMinutes(t *testing.T) {
	s, now := stays{of: map[string]stay{}}, time.Now()
	in := func(macs ...string) (list []wire.WifiStation) {
		for _, mac := range macs {
			list = append(list, wire.WifiStation{MAC: mac})
		}
		return list
	}
	came := s.since("a", now)
	for range 100 { // longer than it may be away
		now = now.Add(look)
		s.see(in("a", "b"), now)
	}
	s.see(in("b"), now.Add(away))
	if now = now.Add(away); !s.since("a", now).Equal(came) {
		t.Error("it was away for as long as it may be, and is another")
	}
	now = now.Add(away + 1)
	if !s.since("a", now).Equal(now) {
		t.Error("it was away for longer, and is the same")
	}
	if s.see(nil, now.Add(2*away)); len(s.of) > 0 {
		t.Errorf("those who have left are remembered: %v", s.of)
	}
}
