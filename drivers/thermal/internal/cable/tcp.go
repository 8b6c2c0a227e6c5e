package cable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is a connection to a printer that listens (by custom on port 9100).
type Conn struct {
	Cable
	conn *net.TCPConn
}

// dialing is how long a connection may take.
const dialing = 5 * time.Second

// TCP connects to HOST:PORT.
func TCP(ctx context.Context, address string) (*Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialing}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the printer at %s cannot be reached: see that it is switched on and in the same network (%w)", address, err)
	}
	c, err := newCable(conn.(*net.TCPConn))
	if err != nil {
		return nil, err
	}
	return &Conn{c, conn.(*net.TCPConn)}, nil
}

// Write hands over what fits in the kernel's queue.
func (c *Conn) Write(b []byte, by time.Time) (int, error) {
	n, err := c.Cable.Write(b, by)
	return n, lost(err)
}

// Read takes what the printer said.
func (c *Conn) Read(b []byte, by time.Time) (int, error) {
	n, err := c.Cable.Read(b, by)
	return n, lost(err)
}

// Sent tells whether the printer's end has acknowledged all.
func (c *Conn) Sent() (bool, error) {
	if _, _, err := c.Port(); err != nil {
		return false, lost(err)
	}
	n, err := c.unsent()
	return n == 0, lost(err)
}

// End has nothing to add: the connection stays for the next job, and says so when it is cut.
func (c *Conn) End() error { return nil }

// Close drops what has not been acknowledged: it would be printed when nobody knows of it.
func (c *Conn) Close() error {
	var drop error
	if n, err := c.unsent(); err == nil && n > 0 {
		drop = c.conn.SetLinger(0)
	}
	return errors.Join(drop, c.Cable.Close())
}

// lost says what a cut connection means.
func lost(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, ErrGone) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		return fmt.Errorf("the printer cut the connection: see that it is switched on, and that nobody else prints on it (%w)", err)
	}
	return err
}
