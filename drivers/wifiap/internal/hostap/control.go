// Package hostap runs the two programs of the hostap project, hostapd and wpa_supplicant, or takes over one that runs, and speaks
// with it over its control socket, which is the same for both (hostap 2.10, src/common/wpa_ctrl.c).
package hostap

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

// Patience is how long a program may take to answer. It has one thread, and is at work for a few ms at most.
const Patience = 3 * time.Second

// maxMessage is the longest answer or event that is read: their own buffers have 4096 bytes.
const maxMessage = 8192

// ErrSilent says that a program did not answer in time: it hangs. The Control is of no more use, as the answer may still come.
var ErrSilent = errors.New("the program does not answer")

// Control is a connection to a running program. Safe for concurrent use.
type Control struct {
	name   string // of the program
	mu     sync.Mutex
	conn   *net.UnixConn
	own    string
	silent bool
	closed func() bool // ends the wait for the program's end
}

// Dial connects to the program, such as hostapd, that has its control sockets in dir, for one interface. own is the path of the socket that
// answers come to, of which there must be one for each connection. When ctx ends, as the program has, a question that is under way ends
// with net.ErrClosed: nobody would answer it.
func Dial(ctx context.Context, name, dir, iface, own string) (*Control, error) {
	if err := os.Remove(own); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	conn, err := net.DialUnix("unixgram", &net.UnixAddr{Name: own, Net: "unixgram"}, &net.UnixAddr{Name: filepath.Join(dir, iface), Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Control{name: name, conn: conn, own: own, closed: context.AfterFunc(ctx, func() { conn.Close() })}, nil
}

// Close gives the connection up. A program forgets one that was attached when it cannot reach it.
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
		return "", fmt.Errorf("%s: %s: %w", c.name, verb, err)
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
		return "", fmt.Errorf("%s: %s: %w", c.name, verb, err)
	}
	return strings.TrimSuffix(string(b[:n]), "\n"), nil
}

// Do is Ask for commands that are answered by OK.
func (c *Control) Do(command string) error {
	answer, err := c.Ask(command)
	if err == nil && answer != "OK" {
		verb, _, _ := strings.Cut(command, " ")
		err = fmt.Errorf("%s: %s: it answered %.100q", c.name, verb, answer)
	}
	return err
}

// Listener hands on what a program tells of by itself. What nobody takes is dropped when 64 wait: whoever asks for its state finds
// out too.
type Listener struct {
	Events <-chan Event
	Ended  <-chan struct{} // closed at the end
	Err    error           // why, once Ended is closed
	conn   *Control
}

// Listen attaches a connection, which from then on is for this only, until Close. Nothing that happens after it returned is missed.
func Listen(c *Control) *Listener {
	events, ended := make(chan Event, 64), make(chan struct{})
	l := &Listener{Events: events, Ended: ended, conn: c}
	l.Err = c.Do("ATTACH")
	go func() {
		defer close(ended)
		if l.Err != nil {
			return
		}
		l.Err = c.read(func(e Event) {
			select {
			case events <- e:
			default:
			}
		})
	}()
	return l
}

// read hands over events until the connection is closed, which is an error too.
func (c *Control) read(each func(Event)) error {
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("%s: events: %w", c.name, err)
	}
	b := make([]byte, maxMessage)
	for {
		n, err := c.conn.Read(b)
		if err != nil {
			return fmt.Errorf("%s: events: %w", c.name, err)
		}
		if e, ok := ParseEvent(string(b[:n])); ok {
			each(e)
		}
	}
}

// Close gives the connection up, and returns when nothing more comes.
func (l *Listener) Close() {
	l.conn.Close()
	<-l.Ended
}
