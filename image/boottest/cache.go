package boottest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
)

// cache is a card with a volatile write cache, as SD cards, SSDs and USB sticks have: it answers a write before it is kept, and
// keeps what came before a flush. When its power is cut, each write since the last flush is there, or is not, or one of them is
// there in part, in any order. QEMU reaches it by NBD (the protocol's proto.md: fixed newstyle, simple replies).
//
// The disk always holds what was written last, so that reads need no look into the cache; lose takes back what did not
// last.
type cache struct {
	disk     *os.File
	size     int64
	readOnly bool
	l        net.Listener
	done     chan struct{} // closed when its client has gone

	mu     sync.Mutex // Machine.Holds looks on
	since  []unflushed
	held   int
	failed error // what its client said that it does not understand
}

// unflushed is a write since the last flush.
type unflushed struct {
	at       int64
	old, new []byte
	kept     bool // by force unit access
}

// cacheSize is how much a card holds back at most, in bytes; then it keeps all. Cards have from none to some megabytes.
const cacheSize = 8 << 20

// The NBD protocol's numbers, from its proto.md.
const (
	nbdMagic      = 0x4e42444d41474943 // NBDMAGIC
	nbdOption     = 0x49484156454f5054 // IHAVEOPT
	nbdReplyMagic = 0x3e889045565a9
	nbdRequest    = 0x25609513
	nbdSimple     = 0x67446698

	nbdFixedNewstyle, nbdNoZeroes = 1, 2

	nbdOptAbort, nbdOptInfo, nbdOptGo = 2, 6, 7

	nbdRepAck, nbdRepInfo, nbdRepUnsupported = 1, 3, 1<<31 | 1

	nbdHasFlags, nbdReadOnly, nbdSendFlush, nbdSendFUA = 1, 2, 4, 8

	nbdRead, nbdWrite, nbdDisconnect, nbdFlush = 0, 1, 2, 3

	nbdFUA = 1 // a request's flag

	nbdEPERM, nbdEIO, nbdEINVAL = 1, 5, 22

	nbdLargest = 32 << 20 // of a request, which QEMU respects
)

var errNotNBD = errors.New("boottest: card: not the NBD protocol")

// openCache serves a disk at a socket, to one client.
func openCache(path, socket string, readOnly bool) (*cache, error) {
	mode := os.O_RDWR
	if readOnly {
		mode = os.O_RDONLY
	}
	disk, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return nil, fmt.Errorf("boottest: %w", err)
	}
	size, err := disk.Seek(0, io.SeekEnd)
	if err != nil {
		disk.Close()
		return nil, fmt.Errorf("boottest: %w", err)
	}
	os.Remove(socket) // the last one's, if any: Listen says what else is wrong
	l, err := net.Listen("unix", socket)
	if err != nil {
		disk.Close()
		return nil, fmt.Errorf("boottest: %w", err)
	}
	c := &cache{disk: disk, size: size, readOnly: readOnly, l: l, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		conn, err := l.Accept()
		if err != nil {
			return // it was closed before QEMU came
		}
		defer conn.Close()
		err = c.greet(conn)
		if err == nil {
			err = c.serve(conn)
		}
		if errors.Is(err, errNotNBD) { // all else is that QEMU went
			c.failed = err
		}
	}()
	return c, nil
}

// greet agrees with the client on what is served, whatever name it asks for.
func (c *cache) greet(conn io.ReadWriter) error {
	hello := binary.BigEndian.AppendUint64(nil, nbdMagic)
	hello = binary.BigEndian.AppendUint64(hello, nbdOption)
	hello = binary.BigEndian.AppendUint16(hello, nbdFixedNewstyle|nbdNoZeroes)
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	var flags uint32
	if err := binary.Read(conn, binary.BigEndian, &flags); err != nil {
		return err
	}
	for {
		var ask struct {
			Magic       uint64
			Option, Len uint32
		}
		if err := binary.Read(conn, binary.BigEndian, &ask); err != nil {
			return err
		}
		if ask.Magic != nbdOption || ask.Len > 1<<16 {
			return fmt.Errorf("%w: option %x of %d bytes", errNotNBD, ask.Magic, ask.Len)
		}
		if _, err := io.CopyN(io.Discard, conn, int64(ask.Len)); err != nil {
			return err
		}
		reply := func(kind uint32, data []byte) error {
			b := binary.BigEndian.AppendUint64(nil, nbdReplyMagic)
			b = binary.BigEndian.AppendUint32(b, ask.Option)
			b = binary.BigEndian.AppendUint32(b, kind)
			b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
			_, err := conn.Write(append(b, data...))
			return err
		}
		switch ask.Option {
		case nbdOptInfo, nbdOptGo:
			export := binary.BigEndian.AppendUint16(nil, 0) // NBD_INFO_EXPORT
			export = binary.BigEndian.AppendUint64(export, uint64(c.size))
			is := uint16(nbdHasFlags | nbdSendFlush | nbdSendFUA)
			if c.readOnly {
				is |= nbdReadOnly
			}
			export = binary.BigEndian.AppendUint16(export, is)
			if err := errors.Join(reply(nbdRepInfo, export), reply(nbdRepAck, nil)); err != nil {
				return err
			}
			if ask.Option == nbdOptGo {
				return nil
			}
		case nbdOptAbort:
			return errors.Join(reply(nbdRepAck, nil), io.EOF)
		default:
			if err := reply(nbdRepUnsupported, nil); err != nil {
				return err
			}
		}
	}
}

// serve answers requests, one after the other, until the client goes.
func (c *cache) serve(conn io.ReadWriter) error {
	for {
		var ask struct {
			Magic       uint32
			Flags, Type uint16
			Cookie      uint64
			At          uint64
			Len         uint32
		}
		if err := binary.Read(conn, binary.BigEndian, &ask); err != nil {
			return err
		}
		if ask.Magic != nbdRequest || ask.Len > nbdLargest {
			return fmt.Errorf("%w: request %x of %d bytes", errNotNBD, ask.Magic, ask.Len)
		}
		var data []byte
		if ask.Type == nbdRead || ask.Type == nbdWrite {
			data = make([]byte, ask.Len)
		}
		if ask.Type == nbdWrite {
			if _, err := io.ReadFull(conn, data); err != nil {
				return err
			}
		}
		var failed uint32
		switch end := ask.At + uint64(ask.Len); {
		case end > uint64(c.size) || end < ask.At:
			failed = nbdEINVAL
		case ask.Type == nbdRead:
			if _, err := c.disk.ReadAt(data, int64(ask.At)); err != nil {
				failed = nbdEIO
			}
		case ask.Type == nbdWrite && c.readOnly:
			failed = nbdEPERM
		case ask.Type == nbdWrite:
			if err := c.write(int64(ask.At), data, ask.Flags&nbdFUA != 0); err != nil {
				failed = nbdEIO
			}
		case ask.Type == nbdFlush:
			c.flush()
		case ask.Type == nbdDisconnect:
			return io.EOF
		default:
			failed = nbdEINVAL
		}
		answer := binary.BigEndian.AppendUint32(nil, nbdSimple)
		answer = binary.BigEndian.AppendUint32(answer, failed)
		answer = binary.BigEndian.AppendUint64(answer, ask.Cookie)
		if ask.Type == nbdRead && failed == 0 {
			answer = append(answer, data...)
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
}

func (c *cache) write(at int64, data []byte, kept bool) error {
	old := make([]byte, len(data))
	if _, err := c.disk.ReadAt(old, at); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.disk.WriteAt(data, at); err != nil {
		return err
	}
	c.since = append(c.since, unflushed{at, old, data, kept})
	if c.held += len(data); c.held > cacheSize {
		c.since, c.held = nil, 0
	}
	return nil
}

func (c *cache) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since, c.held = nil, 0
}

// flushed tells whether nothing of what the disk holds could still be lost.
func (c *cache) flushed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.since) == 0
}

// sector is what a card writes whole, in bytes.
const sector = 512

// cut is a power cut: of the writes since the last flush some last, and some perhaps in part; it says how many did not, or not
// whole. The client must be gone.
func (c *cache) cut() (lost int, err error) {
	c.l.Close() // also if nobody came
	<-c.done
	defer c.disk.Close()
	err = c.failed
	put := func(at int64, b []byte) {
		if _, e := c.disk.WriteAt(b, at); e != nil {
			err = errors.Join(err, e)
		}
	}
	for i := len(c.since) - 1; i >= 0; i-- {
		put(c.since[i].at, c.since[i].old)
	}
	last := rand.Float64() // of a nearly empty cache to a nearly full one
	for _, w := range c.since {
		if w.kept || rand.Float64() < last {
			put(w.at, w.new)
			continue
		}
		lost++
		if rand.IntN(4) == 0 {
			put(w.at, w.new[:rand.IntN(len(w.new)/sector+1)*sector])
		}
	}
	return lost, err
}
