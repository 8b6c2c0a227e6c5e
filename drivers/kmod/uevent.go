package kmod

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Event is what the kernel says of a device (lib/kobject_uevent.c): "add@/devices/…", then NAME=VALUE, each ending in a zero.
type Event struct {
	Action   string // add, remove, change, bind, …
	Path     string // under /sys
	Modalias string // what the device is, for modules' aliases; "": nothing that a module is for
}

// ParseEvent reads a message of the kernel's; false: it is not one.
func ParseEvent(b []byte) (e Event, ok bool) {
	head, rest, ok := bytes.Cut(b, []byte{0})
	action, path, at := bytes.Cut(head, []byte{'@'})
	if !ok || !at || len(action) == 0 || !bytes.HasPrefix(path, []byte{'/'}) {
		return Event{}, false // as is libudev's own kind, which begins otherwise
	}
	e = Event{Action: string(action), Path: string(path)}
	for field := range bytes.SplitSeq(rest, []byte{0}) {
		if v, is := bytes.CutPrefix(field, []byte("MODALIAS=")); is {
			e.Modalias = strings.TrimSpace(string(v))
		}
	}
	return e, true
}

// kernelGroup is the multicast group on which the kernel itself speaks; 2 is udev's.
const kernelGroup = 1

// events is a socket on which the kernel says what comes and goes.
type events struct{ f *os.File }

func listen() (*events, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("open the kernel's events: %w", err)
	}
	// A hub full of devices says some hundred messages at once, of 2 kB each at most.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20) // without it some may be lost, which is noticed
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen to the kernel's events: %w", err)
	}
	return &events{os.NewFile(uintptr(fd), "uevents")}, nil
}

// errLost says that the kernel had more to say than fitted: what is there must be looked for anew.
var errLost = errors.New("events were lost")

// next waits for an event of the kernel's. What other programs send is passed over.
func (s *events) next(buf []byte) (Event, error) {
	raw, err := s.f.SyscallConn()
	if err != nil {
		return Event{}, err
	}
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		if err := raw.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), buf, 0)
			return !errors.Is(failed, unix.EAGAIN)
		}); err != nil {
			return Event{}, err
		}
		switch {
		case errors.Is(failed, unix.ENOBUFS):
			return Event{}, errLost
		case errors.Is(failed, unix.EINTR):
			continue
		case failed != nil:
			return Event{}, failed
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue
		}
		if e, ok := ParseEvent(buf[:n]); ok {
			return e, nil
		}
	}
}

// closeWith closes the socket when ctx ends, which wakes next.
func (s *events) closeWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { s.f.Close() })
}
