package push

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/h264/h264test"
)

// stall is a Push that runs, and the camera before it.
type stall struct {
	*Push
	log  *bytes.Buffer
	stop func()

	mu    sync.Mutex
	sent  map[uint32]capture.AccessUnit // by timestamp
	wants [8]atomic.Bool
	asked atomic.Int64
}

var twoLayers = []capture.Layer{{ID: 0, Width: 1280, Height: 720, FPS: 30, Kbps: 1800}, {ID: 1, Width: 640, Height: 360, FPS: 30, Kbps: 600}}

type lockedBuffer struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// newStall starts a Push to an address.
func newStall(t *testing.T, c Config) *stall {
	t.Helper()
	s := &stall{sent: map[uint32]capture.AccessUnit{}, log: &bytes.Buffer{}}
	c.Log = slog.New(slog.NewTextHandler(&lockedBuffer{b: s.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.KeyEvery = 100 * time.Millisecond
	c.WantKeyframe = func(l uint8) { s.asked.Add(1); s.wants[l].Store(true) }
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Push = p
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		for _, known := range []string{secret, "k3y"} {
			if strings.Contains(s.log.String(), known) {
				t.Errorf("the log has a secret: %s", s.log)
			}
		}
	})
	t.Cleanup(s.stop)
	return s
}

var unit = h264test.Unit

// film has pictures of both layers at their rates until the test ends, key ones when asked for. Odd timestamps are the
// small layer's.
func (s *stall) film(t *testing.T) {
	s.SetLayers(twoLayers)
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / 30)
		defer tick.Stop()
		for i := 0; ; i++ {
			for _, l := range twoLayers {
				n := l.Kbps * 1000 / 8 / l.FPS
				key := s.wants[l.ID].Swap(false) || i == 0
				if key {
					n *= 4
				}
				au := unit(l.ID, uint32(3000*i)+uint32(l.ID), key, n)
				s.mu.Lock()
				s.sent[au.RTP] = au
				s.mu.Unlock()
				s.Picture(au)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
}

// layerOf is which layer a picture is of.
func layerOf(p seen) uint8 { return uint8(p.ts % 3000) }

// picture waits for the next picture at the server, and holds it against what the camera gave.
func (s *stall) picture(t *testing.T, w *whipServer) seen {
	t.Helper()
	p := wait(t, w.pictures, "a picture at the server; "+fmt.Sprintf("%+v", s.Status()))
	s.mu.Lock()
	defer s.mu.Unlock()
	if au := s.sent[p.ts]; !bytes.Equal(p.data, au.Data) {
		t.Fatalf("picture %d has %d bytes and is not the one of %d that was sent", p.ts, len(p.data), len(au.Data))
	}
	return p
}

// whole waits for a picture that came whole over a way that loses some.
func (s *stall) whole(t *testing.T, w *whipServer) seen {
	t.Helper()
	for {
		p := wait(t, w.pictures, "a picture at the server; "+fmt.Sprintf("%+v", s.Status()))
		s.mu.Lock()
		same := bytes.Equal(p.data, s.sent[p.ts].Data)
		s.mu.Unlock()
		if same {
			return p
		}
	}
}

func (s *stall) until(t *testing.T, what string, ok func(Status) bool) Status {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		if is := s.Status(); ok(is) {
			return is
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s: %+v", what, s.Status())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}
