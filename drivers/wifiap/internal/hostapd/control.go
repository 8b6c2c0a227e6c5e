// Package hostapd runs hostapd, or takes over one that runs, and speaks with it over its control socket (hostapd 2.10,
// src/ap/ctrl_iface_ap.c and hostapd/ctrl_iface.c say what it answers).
package hostapd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Patience is how long hostapd may take to answer. It has one thread, and is at work for a few ms at most.
const Patience = 3 * time.Second

// maxMessage is the longest answer or event that is read: hostapd's own buffer has 4096 bytes.
const maxMessage = 8192

// ErrSilent says that hostapd did not answer in time: it hangs. The Control is of no more use, as the answer may still come.
var ErrSilent = errors.New("hostapd does not answer")

// Control is a connection to a running hostapd. Safe for concurrent use.
type Control struct {
	mu     sync.Mutex
	conn   *net.UnixConn
	own    string
	silent bool
	closed func() bool // ends the wait for hostapd's end
}

// Dial connects to the hostapd that has its control sockets in dir, for one interface. own is the path of the socket that
// answers come to, of which there must be one for each connection. When ctx ends, as hostapd has, a question that is under way ends
// with net.ErrClosed: nobody would answer it.
func Dial(ctx context.Context, dir, iface, own string) (*Control, error) {
	if err := os.Remove(own); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("hostapd: %w", err)
	}
	conn, err := net.DialUnix("unixgram", &net.UnixAddr{Name: own, Net: "unixgram"}, &net.UnixAddr{Name: filepath.Join(dir, iface), Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("hostapd: %w", err)
	}
	return &Control{conn: conn, own: own, closed: context.AfterFunc(ctx, func() { conn.Close() })}, nil
}

// Close gives the connection up. hostapd forgets one that was attached when it cannot reach it.
func (c *Control) Close() error {
	c.closed()
	err := c.conn.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	if e := os.Remove(c.own); e != nil && !errors.Is(e, os.ErrNotExist) && err == nil {
		err = e
	}
	return err
}

// Ask sends a command and returns the answer, without the end of its last line. It takes Patience at most.
func (c *Control) Ask(command string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent {
		return "", ErrSilent
	}
	verb, _, _ := strings.Cut(command, " ")
	if err := c.conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		return "", fmt.Errorf("hostapd: %s: %w", verb, err)
	}
	b := make([]byte, maxMessage)
	_, err := c.conn.Write([]byte(command))
	n := 0
	if err == nil {
		n, err = c.conn.Read(b)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.silent, err = true, ErrSilent
	}
	if err != nil {
		return "", fmt.Errorf("hostapd: %s: %w", verb, err)
	}
	return strings.TrimSuffix(string(b[:n]), "\n"), nil
}

// Do is Ask for commands that are answered by OK.
func (c *Control) Do(command string) error {
	answer, err := c.Ask(command)
	if err == nil && answer != "OK" {
		verb, _, _ := strings.Cut(command, " ")
		err = fmt.Errorf("hostapd: %s: it answered %.100q", verb, answer)
	}
	return err
}

// Events attaches the connection, which from then on is for this only, and hands over events until it is closed, which is an
// error too.
func (c *Control) Events(each func(Event)) error {
	if err := c.Do("ATTACH"); err != nil {
		return err
	}
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("hostapd: events: %w", err)
	}
	b := make([]byte, maxMessage)
	for {
		n, err := c.conn.Read(b)
		if err != nil {
			return fmt.Errorf("hostapd: events: %w", err)
		}
		if e, ok := ParseEvent(string(b[:n])); ok {
			each(e)
		}
	}
}

// Status is the answer to STATUS: what the interface does.
type Status struct {
	State    string // ENABLED when the access point is up
	MHz      string
	Stations int // that are on, or about to be; at most 2007, as IEEE 802.11 has association ids
}

// Status asks how the access point does.
func (c *Control) Status() (s Status, err error) {
	answer, err := c.Ask("STATUS")
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(answer) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key {
		case "state":
			s.State = value
		case "freq":
			s.MHz = value
		case "num_sta[0]":
			s.Stations = int(number(value, 0, 2007))
		}
	}
	return s, nil
}
