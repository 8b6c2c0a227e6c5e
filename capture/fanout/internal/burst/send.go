package burst

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Message is one datagram, or a train of datagrams of Segment bytes each to one address; the last may be shorter.
// A train has at most MaxSegments datagrams and MaxTrain bytes.
type Message struct {
	To      *Addr
	Data    []byte
	Segment int // bytes of each datagram; 0, or not less than len(Data): one datagram

	apart bool // the kernel would not cut this one
}

// outgoing is the sender's own memory.
type outgoing struct {
	hdrs []mmsghdr
	iovs []unix.Iovec
	cmsg []segmentCmsg
	of   []int // which message each header is for

	refused int // trains that the kernel would not cut

	count int // headers filled
	n     int // what the call returned
	errno unix.Errno
	call  func(fd uintptr) bool
}

// segmentCmsg is the control message that asks for segmentation: struct cmsghdr and a __u16, padded (udp(7)).
type segmentCmsg struct {
	hdr  unix.Cmsghdr
	size [8]byte
}

const perCall = 256 // messages handed over at once; the kernel takes up to 1024 (UIO_MAXIOV)

func (o *outgoing) init() {
	o.hdrs = make([]mmsghdr, perCall)
	o.iovs = make([]unix.Iovec, perCall)
	o.cmsg = make([]segmentCmsg, perCall)
	o.of = make([]int, perCall)
	o.call = func(fd uintptr) bool {
		// Raw, as it never waits. It may take some milliseconds, for which a garbage collection has to wait, on a slow board with
		// key pictures for all: still less than the scheduler takes for itself when it thinks that it does wait (see capture.Monotonic).
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.hdrs[0])), uintptr(o.count), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		o.n, o.errno = int(n), errno
		return true
	}
}

// Send sends messages in order and returns how many are done. The error concerns the message after those: ErrBlocked
// when the socket is full, and then its Data is cut down to what is still to go; anything else when that message
// cannot be sent (no route, a firewall), and the next may.
func (c *Conn) Send(messages []Message) (done int, err error) {
	for done < len(messages) {
		trains := c.train.Load()
		c.fill(messages[done:], trains)
		if err := c.raw.Write(c.out.call); err != nil {
			return done, err
		}
		o := &c.out
		if o.n < 0 || o.errno != 0 {
			o.n = 0
		}
		done = c.advance(messages, done, o.n)
		switch {
		case o.errno == 0 || o.errno == unix.EINTR:
		case o.errno == unix.EAGAIN:
			return done, ErrBlocked
		case trains && messages[done].train() && !messages[done].apart && (o.errno == unix.EIO || o.errno == unix.EINVAL):
			// EIO: the device has no checksum offload; EINVAL: the path's MTU is smaller (net/ipv4/udp.c, udp_send_skb).
			messages[done].apart = true
			if o.refused++; o.errno == unix.EIO || o.refused > 1000 {
				c.train.Store(false)
			}
		default:
			return done, o.errno
		}
	}
	return done, nil
}

func (m *Message) train() bool { return m.Segment > 0 && m.Segment < len(m.Data) }

// fill writes headers for as many messages as fit.
func (c *Conn) fill(messages []Message, trains bool) {
	o := &c.out
	o.count = 0
	for i := range messages {
		m := &messages[i]
		if cut := trains && !m.apart; cut || !m.train() {
			if o.count == perCall {
				return
			}
			o.put(i, m, m.Data, cut && m.train())
			continue
		}
		for from := 0; from < len(m.Data); from += m.Segment {
			if o.count == perCall {
				return
			}
			o.put(i, m, m.Data[from:min(from+m.Segment, len(m.Data))], false)
		}
	}
}

func (o *outgoing) put(i int, m *Message, data []byte, train bool) {
	h, iov := &o.hdrs[o.count].hdr, &o.iovs[o.count]
	*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&m.To.name)), Namelen: m.To.size, Iov: iov}
	h.SetIovlen(1)
	iov.Base = unsafe.SliceData(data)
	iov.SetLen(len(data))
	if train {
		c := &o.cmsg[o.count]
		c.hdr.Level, c.hdr.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		c.hdr.SetLen(unix.CmsgLen(2))
		binary.NativeEndian.PutUint16(c.size[:], uint16(m.Segment))
		h.Control = (*byte)(unsafe.Pointer(c))
		h.SetControllen(unix.CmsgSpace(2))
	}
	o.of[o.count] = i
	o.count++
}

// advance works out which messages are finished after the first sent headers have gone, and cuts what has gone from a
// train that was sent as single datagrams.
func (c *Conn) advance(messages []Message, done, sent int) int {
	o := &c.out
	base := done
	for h := range sent {
		m := &messages[base+o.of[h]]
		n := int(o.iovs[h].Len)
		if n < len(m.Data) {
			m.Data = m.Data[n:]
			continue
		}
		done = base + o.of[h] + 1
	}
	return done
}
