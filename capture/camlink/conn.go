package camlink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/capture"
)

// Orders are what the daemon wants of the child. The functions are called from one goroutine and must not block; nil
// ones are passed over.
type Orders struct {
	Scene    func(capture.Scene)
	Keyframe func(layer uint8)
	Bitrate  func(layer uint8, kbps int)
	Pace     func(every int)
	Still    func()
	Refocus  func()

	Mute       func(on bool)
	NextCamera func()
	Prefer     func(at string)
}

// Conn is the child's end of the link. The Send methods may be called from any goroutine, never wait for the daemon, and
// keep their order.
type Conn struct {
	conn net.Conn
	out  *queue
}

// Inherit takes the link from the file descriptor that the daemon left the child.
func Inherit(fd int) (*Conn, error) {
	f := os.NewFile(uintptr(fd), "link")
	if f == nil {
		return nil, fmt.Errorf("camlink: %d is no file descriptor", fd)
	}
	defer f.Close() // FileConn has its own
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("camlink: file descriptor %d, expected the daemon's socket: %w", fd, err)
	}
	return NewConn(c), nil
}

// NewConn speaks over c, which Run closes.
func NewConn(c net.Conn) *Conn { return &Conn{conn: c, out: newQueue()} }

// Run writes what is sent and carries out orders until ctx ends or the daemon goes; both return nil.
func (c *Conn) Run(ctx context.Context, orders Orders) error {
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { c.conn.Close() }) // wakes both below
	defer stop()
	defer c.conn.Close()
	group.Go(func() error { return c.read(orders) })
	group.Go(func() error { return c.write(ctx) })
	if err := group.Wait(); err != nil && !isClosed(err) {
		return fmt.Errorf("camlink: %w", err)
	}
	return nil
}

func (c *Conn) read(orders Orders) error {
	r := NewReader(c.conn)
	for {
		m, err := r.Read()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case Scene:
			call(orders.Scene, capture.Scene(m))
		case Keyframe:
			call(orders.Keyframe, m.Layer)
		case Bitrate:
			if orders.Bitrate != nil {
				orders.Bitrate(m.Layer, int(m.Kbps))
			}
		case Pace:
			call(orders.Pace, int(m.Every))
		case WantStill:
			wish(orders.Still)
		case Refocus:
			wish(orders.Refocus)
		case Prefer:
			call(orders.Prefer, m.At)
		case Mute:
			call(orders.Mute, m.On)
		case NextCamera:
			wish(orders.NextCamera)
		default:
			return fmt.Errorf("%T from the daemon, expected scene, keyframe, bitrate, pace, still, refocus, mute, next camera or which to prefer", m)
		}
	}
}

func call[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

func wish(f func()) {
	if f != nil {
		f()
	}
}

func (c *Conn) write(ctx context.Context) error {
	for {
		it, ok := c.out.pop()
		if !ok {
			select {
			case <-c.out.ready:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if _, err := c.conn.Write(it.bytes); err != nil {
			return err
		}
	}
}

// isClosed: the link ended the way it does when one side stops.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, context.Canceled) || isReset(err)
}

// SendHello announces the layers. It must come before any access unit.
func (c *Conn) SendHello(layers []capture.Layer) error { return c.control(Hello(layers)) }

// SendAreas sends tap areas; to be called before the access units from which they hold.
func (c *Conn) SendAreas(a capture.Areas) error { return c.control(Areas(a)) }

// SendSource sends the camera's state.
func (c *Conn) SendSource(s capture.Source) error { return c.control(Source(s)) }

// SendCode sends a code that the camera sees. Of those that wait for a slow daemon only the latest may be left.
func (c *Conn) SendCode(code capture.Code) error { return c.control(Code(code)) }

// SendSound queues a packet of sound. Of those that wait for a slow daemon the oldest go first.
func (c *Conn) SendSound(s capture.Sound) error {
	b, err := Append(make([]byte, 0, headerSize+soundSize+len(s.Data)), Sound(s))
	if err == nil {
		c.out.sound(b)
	}
	return err
}

// SendMicrophone sends the microphone's state. What the link had to drop is added to m.Lost.
func (c *Conn) SendMicrophone(m capture.Microphone) error {
	m.Lost += c.out.silenced()
	return c.control(Microphone(m))
}

// SendZones sends what parts of the picture are like.
func (c *Conn) SendZones(zs []capture.Zone) error { return c.control(Zones(zs)) }

// SendStill sends a still picture, as JPEG.
func (c *Conn) SendStill(jpeg []byte) error { return c.control(Still(jpeg)) }

// SendBeat says that the encode loop is alive. Pictures dropped by the link are added to b.Drops.
func (c *Conn) SendBeat(b Beat) error {
	b.Drops += c.out.drops()
	return c.control(b)
}

func (c *Conn) control(m Message) error {
	b, err := Append(nil, m)
	if err == nil {
		c.out.control(m.kind(), b)
	}
	return err
}

// SendAccessUnit queues a picture. False means that it was dropped because the daemon does not keep up, and that nothing
// of this layer will be taken before a key picture: the encoder should make one.
func (c *Conn) SendAccessUnit(au capture.AccessUnit) (bool, error) {
	b, err := Append(make([]byte, 0, headerSize+unitHeader+len(au.Data)), AccessUnit(au))
	if err != nil {
		return false, err
	}
	return c.out.unit(au.Layer, au.Key, b), nil
}
