package listen

import (
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"
)

// splitter tells apart what shares the visitors' port: pages, and pictures for phones whose network lets no UDP through.
type splitter struct {
	net.Listener
	media func(net.Conn)
}

// Split is a listener for an HTTP server, but for the connections that begin as ICE over TCP does; these go to media, which owns
// them from then on and must not block.
//
// The first byte tells: it is half the length of a datagram of at most 1500 bytes (RFC 4571 section 2), and no more than 5; TLS
// begins with 22 (RFC 8446 section 5.1), and HTTP with a letter. It is looked at as the server reads it, so that waiting for it takes
// no goroutine beyond the server's, nor more time than that gives a request. The server is told that the connection has ended.
func Split(l net.Listener, media func(net.Conn)) net.Listener { return &splitter{l, media} }

// longest is the first byte of the longest datagram's length.
const longest = 1500 >> 8

// Accept implements net.Listener.
func (s *splitter) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &undecided{Conn: c, media: s.media}, nil
}

// undecided is a connection that may turn out not to be the server's.
type undecided struct {
	net.Conn
	media  func(net.Conn)
	looked bool        // at its first byte; the server reads in one goroutine at a time
	gone   atomic.Bool // it is the media's: nothing that the server does has to do with it any more
}

// Read implements net.Conn.
func (c *undecided) Read(b []byte) (int, error) {
	if c.gone.Load() {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b)
	if c.looked || n == 0 {
		return n, err
	}
	if c.looked = true; b[0] > longest {
		return n, err
	}
	c.gone.Store(true)
	_ = c.Conn.SetDeadline(time.Time{}) // the server's; it fails on a closed connection, as reading will
	c.media(&begun{Conn: c.Conn, head: slices.Clone(b[:n])})
	return 0, io.EOF
}

// Write implements net.Conn.
func (c *undecided) Write(b []byte) (int, error) {
	if c.gone.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *undecided) Close() error {
	if c.gone.Load() {
		return nil
	}
	return c.Conn.Close()
}

// SetDeadline implements net.Conn, as the two after it.
func (c *undecided) SetDeadline(t time.Time) error {
	if c.gone.Load() {
		return nil
	}
	return c.Conn.SetDeadline(t)
}

func (c *undecided) SetReadDeadline(t time.Time) error {
	if c.gone.Load() {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *undecided) SetWriteDeadline(t time.Time) error {
	if c.gone.Load() {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// begun is a connection of which some has been read already.
type begun struct {
	net.Conn
	head []byte
}

// Read implements net.Conn.
func (c *begun) Read(b []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.head)
	c.head = c.head[n:]
	return n, nil
}

// NetConn is the connection itself, for its options.
func (c *begun) NetConn() net.Conn { return c.Conn }
