package listen

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serveSplit serves pages on a port until the test ends, and gives what comes for media.
func serveSplit(t *testing.T) (at string, media chan net.Conn, places *crowd, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	places = newCrowd(l, 100)
	media = make(chan net.Conn, 100)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	page := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "page") })
	go func() {
		served <- Serve(ctx, Split(places, func(c net.Conn) { media <- c }), page, slog.New(slog.DiscardHandler))
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return l.Addr().String(), media, places, stop
}

func dial(t *testing.T, at string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestPagesAndPicturesShareAPort: what begins like a datagram's length is the media's with all that came, however it came, and
// outlives the server; the rest is the server's.
func TestPagesAndPicturesShareAPort(t *testing.T) {
	at, media, places, stop := serveSplit(t)
	const request = "GET / HTTP/1.1\r\nHost: kit\r\n\r\n"
	page := func(c net.Conn) {
		t.Helper()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if res.Body.Close(); string(b) != "page" || err != nil {
			t.Fatalf("%q, %v", b, err)
		}
	}
	slow := dial(t, at)
	for i := range len(request) {
		if _, err := slow.Write([]byte{request[i]}); err != nil {
			t.Fatal(err)
		}
	}
	page(slow)
	if _, err := slow.Write([]byte(request)); err != nil { // and once more on the same connection
		t.Fatal(err)
	}
	page(slow)

	datagram := append([]byte{5, 220}, bytes.Repeat([]byte{7}, 1500)...)
	var theirs []net.Conn
	for _, piece := range []int{1, 2, 700, len(datagram)} {
		phone := dial(t, at)
		for rest := datagram; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			if _, err := phone.Write(rest[:min(piece, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		c := <-media
		got := make([]byte, len(datagram))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, datagram) {
			t.Fatalf("in pieces of %d: %x, %v", piece, got, err)
		}
		if _, err := c.Write([]byte("answer")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(phone, got[:6]); err != nil || string(got[:6]) != "answer" {
			t.Fatalf("%q, %v", got[:6], err)
		}
		theirs = append(theirs, c)
	}
	if n := len(media); n != 0 {
		t.Errorf("%d pages were taken for media", n)
	}
	stop()
	for _, c := range theirs {
		if _, err := c.Write([]byte("still here")); err != nil {
			t.Errorf("the server's end took the media's connection with it: %v", err)
		}
		c.Close()
	}
	places.mu.Lock()
	defer places.mu.Unlock()
	if places.n != 0 {
		t.Errorf("%d places are taken by nobody", places.n)
	}
}

// noted is a connection that remembers its deadline.
type noted struct {
	net.Conn
	deadline time.Time
}

func (c *noted) SetDeadline(t time.Time) error     { c.deadline = t; return c.Conn.SetDeadline(t) }
func (c *noted) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// TestTheServerHasNothingToDoWithWhatIsTheMedias: neither deadlines nor its end.
func TestTheServerHasNothingToDoWithWhatIsTheMedias(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	var got net.Conn
	conn := &noted{Conn: ours}
	c := &undecided{Conn: conn, media: func(c net.Conn) { got = c }}
	if err := c.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	go theirs.Write([]byte{0, 1})
	b := make([]byte, 100)
	if n, err := c.Read(b); n != 0 || err != io.EOF || got == nil {
		t.Fatalf("%d, %v", n, err)
	}
	if !conn.deadline.IsZero() {
		t.Errorf("the server's deadline, %v, holds on", conn.deadline)
	}
	past := time.Unix(1, 0)
	for _, err := range []error{c.SetDeadline(past), c.SetReadDeadline(past), c.SetWriteDeadline(past), c.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	if n, err := c.Read(b); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := c.Write(b); err == nil {
		t.Error("the server wrote to what is not its own")
	}
	if n, err := io.ReadFull(got, b[:2]); err != nil || !bytes.Equal(b[:n], []byte{0, 1}) {
		t.Errorf("%x, %v", b[:n], err)
	}
	go theirs.Write([]byte{9})
	if n, err := got.Read(b); err != nil || b[0] != 9 {
		t.Errorf("%x, %v", b[:n], err)
	}
	got.Close()
}

// TestOnlyTheFirstByteTells: a page's visitor may send what it likes after that.
func TestOnlyTheFirstByteTells(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := &undecided{Conn: ours, media: func(net.Conn) { t.Error("a request's body was taken for media") }}
	defer c.Close()
	for _, want := range []byte{'P', 0, 5} {
		go theirs.Write([]byte{want})
		b := make([]byte, 100)
		if n, err := c.Read(b); n != 1 || err != nil || b[0] != want {
			t.Fatalf("%x, %v", b[:n], err)
		}
	}
}

// TestTLSIsThePages: its first byte is 22.
func TestTLSIsThePages(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "page") }))
	web.Listener.Close()
	web.Listener = Split(l, func(c net.Conn) { c.Close(); t.Error("TLS was taken for media") })
	web.StartTLS()
	defer web.Close()
	conn, err := tls.Dial("tcp", l.Addr().String(), web.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
