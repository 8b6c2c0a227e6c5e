package once

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// shelf keeps answers in memory.
type shelf struct {
	mu    sync.Mutex
	all   map[string]pipeline.Answer
	fault error
}

func (s *shelf) Answer(_ context.Context, key string) (pipeline.Answer, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.all[key]
	return a, ok, s.fault
}

func (s *shelf) KeepAnswer(_ context.Context, key string, a pipeline.Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[key] = a
	return nil
}

func key(n int) string { return fmt.Sprintf("%026d", n) }

func send(h http.Handler, method, path, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set(wire.KeyHeader, key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestTheSameIsDoneOnce, and what is not the same, or has no key, or would go better the next time, is not.
func TestTheSameIsDoneOnce(t *testing.T) {
	done := 0
	book := &shelf{all: map[string]pipeline.Answer{}}
	handler := func() http.Handler {
		return New(book, slog.New(slog.DiscardHandler)).Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			done++
			b, _ := io.ReadAll(r.Body)
			switch string(b) {
			case "later":
				refuse(rw, http.StatusServiceUnavailable, "unavailable", "later")
			case "no":
				refuse(rw, http.StatusConflict, "no", fmt.Sprint(done))
			case "":
				rw.WriteHeader(http.StatusNoContent)
			default:
				rw.Header().Set("Content-Type", "text/plain")
				fmt.Fprintf(rw, "%s %d", b, done)
			}
		}))
	}
	h := handler()
	for n, c := range []struct {
		method, path, key, body string
		status, done            int
		says                    string
	}{
		{"POST", "/print", key(1), "roll", 200, 1, "roll 1"},
		{"POST", "/print", key(1), "roll", 200, 1, "roll 1"},
		{"POST", "/print", key(1), "other", 422, 1, "used for something else"},
		{"POST", "/other", key(1), "roll", 422, 1, "used for something else"},
		{"PUT", "/print", key(1), "roll", 422, 1, "used for something else"},
		{"POST", "/print", "", "roll", 200, 2, "roll 2"},
		{"POST", "/print", key(2), "no", 409, 3, `"3"`},
		{"POST", "/print", key(2), "no", 409, 3, `"3"`},
		{"POST", "/print", key(3), "later", 503, 4, "later"},
		{"POST", "/print", key(3), "later", 503, 5, "later"},
		{"DELETE", "/print", key(4), "", 204, 6, ""},
		{"DELETE", "/print", key(4), "", 204, 6, ""},
		{"GET", "/print", key(1), "roll", 200, 7, "roll 7"},
		{"POST", "/print", "short", "roll", 400, 7, "expected a ULID"},
		{"POST", "/print", key(5), strings.Repeat("x", MaxBody+1), 413, 7, "at most"},
	} {
		if n == 7 {
			h = handler() // after a restart
		}
		w := send(h, c.method, c.path, c.key, c.body)
		if w.Code != c.status || done != c.done || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%d %s %.20s: %d %.200s, done %d times; expected %d %q, %d times", n, c.method, c.body, w.Code, w.Body, done, c.status, c.says, c.done)
		}
		if first := send(h, "POST", "/print", key(1), "roll"); first.Header().Get("Content-Type") != "text/plain" {
			t.Errorf("%d: as %q", n, first.Header().Get("Content-Type"))
		}
	}
	book.fault = errors.New("disk")
	if w := send(h, "POST", "/print", key(9), "roll"); w.Code != http.StatusServiceUnavailable || done != 7 {
		t.Errorf("%d %s, done %d times", w.Code, w.Body, done)
	}
}

// TestWhoAsksAgainWhileItIsDoneWaits for the one answer.
func TestWhoAsksAgainWhileItIsDoneWaits(t *testing.T) {
	var done atomic.Int64
	begun, go_ := make(chan struct{}), make(chan struct{})
	o := New(&shelf{all: map[string]pipeline.Answer{}}, slog.New(slog.DiscardHandler))
	h := o.Handler(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if done.Add(1) == 1 {
			close(begun)
		}
		<-go_
		fmt.Fprint(rw, done.Load())
	}))
	said := make(chan string, 10)
	ask := func() { said <- send(h, "POST", "/print", key(1), "roll").Body.String() }
	go ask()
	<-begun
	for range 9 {
		go ask()
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequestWithContext(gone, "POST", "/print", strings.NewReader("roll"))
	r.Header.Set(wire.KeyHeader, key(1))
	h.ServeHTTP(httptest.NewRecorder(), r)
	close(go_)
	for range 10 {
		if s := <-said; s != "1" {
			t.Errorf("%q", s)
		}
	}
	if len(o.now) != 0 {
		t.Errorf("%d are remembered as being done", len(o.now))
	}
}
