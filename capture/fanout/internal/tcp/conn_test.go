package tcp

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// from is a connection that comes from some address.
type from struct {
	net.Conn
	addr net.TCPAddr
}

func (f from) RemoteAddr() net.Addr { return &f.addr }

// admit has a phone connect; what its reader finds is in ended when it has ended.
func admit(d *Door, ip string) (c *Conn, phone net.Conn, ended chan error) {
	ours, phone := net.Pipe()
	in := make(chan *Conn, 1)
	ended = make(chan error, 1)
	if !d.Admit(from{ours, net.TCPAddr{IP: net.ParseIP(ip), Port: 9}}, func(c *Conn) {
		in <- c
		for {
			if _, err := c.Next(); err != nil {
				ended <- err
				return
			}
		}
	}) {
		return nil, phone, nil
	}
	return <-in, phone, ended
}

// Who has not said who they are are few, of one address and in all: one more costs the oldest of those who are most. Those who have
// said it, or are gone, do not count.
func TestTheUnknownAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Door
		var all []*Conn
		come := func(ip string) {
			t.Helper()
			c, phone, _ := admit(&d, ip)
			if c == nil {
				t.Fatalf("%s was refused", ip)
			}
			all = append(all, c)
			t.Cleanup(func() { phone.Close() })
			synctest.Wait()
		}
		kept := func() (unknown, all int) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return len(d.unknown), len(d.all)
		}
		gone := func(want ...int) {
			t.Helper()
			var got []int
			for i, c := range all {
				if c.Closed() {
					got = append(got, i)
				}
			}
			if !slices.Equal(got, want) || d.Crowded() != uint64(len(want)) {
				t.Fatalf("%v are gone, %d counted; expected %v", got, d.Crowded(), want)
			}
		}
		for range maxFrom {
			come("192.0.2.1")
		}
		gone()
		come("::ffff:192.0.2.1")
		gone(0)
		all[1].Known()
		all[1].Known() // twice is once
		come("192.0.2.1")
		gone(0)
		for i := range maxFrom + 1 {
			come(fmt.Sprintf("2001:db8::%x", i+1))
		}
		gone(0, maxFrom+2)
		for i := range maxUnknown - 2*maxFrom {
			come(net.IPv4(10, 0, 0, byte(i)).String())
		}
		gone(0, maxFrom+2)
		come("10.0.1.0")
		gone(0, 2, maxFrom+2) // the first of those who have most
		if unknown, all := kept(); unknown != maxUnknown || all != maxUnknown+1 {
			t.Errorf("%d unknown of %d", unknown, all)
		}
		time.Sleep(proveIn) // of the test's own
		synctest.Wait()
		if unknown, all := kept(); unknown != 0 || all != 1 {
			t.Errorf("%d unknown of %d after their time", unknown, all)
		}
		d.Shut()
	})
}

// A phone that dribbles, or says nothing, has five seconds to prove itself, not five for each byte.
func TestProvingTakesNoLongerForWhoDribbles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Door
		defer d.Shut()
		_, phone, ended := admit(&d, "192.0.2.1")
		begun := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for b := []byte{0, 200}; ; b = []byte{0} {
				if _, err := phone.Write(b); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		if err := <-ended; time.Since(begun) != proveIn {
			t.Errorf("ended by %v after %v", err, time.Since(begun))
		}
		<-done
		phone.Close()
	})
}

// What waits for a phone is bounded; pictures wait elsewhere long before that, and are asked for when there is room.
func TestWhatWaitsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drained := make(chan bool, 100)
		d := Door{Drained: func() { drained <- true }}
		defer d.Shut()
		c, phone, _ := admit(&d, "192.0.2.1")
		datagram := make([]byte, 1000)
		if c.Put(datagram) || c.Room(1) {
			t.Fatal("something is sent to who has not proved anything")
		}
		c.Known()
		for range roomy / 1002 {
			if !c.Room(1002) || !c.Put(datagram) {
				t.Fatal("no room too early")
			}
		}
		if c.Room(1002) {
			t.Fatal("room for pictures that will be old")
		}
		n := roomy / 1002
		for c.Put(datagram) {
			n++
		}
		if n*1002 > maxWaiting || (n+1)*1002 <= maxWaiting || c.PutFrames(make([]byte, 1002)) {
			t.Fatalf("%d datagrams wait", n)
		}
		synctest.Wait()
		if len(drained) != 0 {
			t.Fatal("told of room where there is none")
		}
		for range n {
			b := make([]byte, 1002)
			if _, err := io.ReadFull(phone, b); err != nil || !bytes.Equal(b[:2], []byte{3, 232}) {
				t.Fatalf("%x, %v", b[:2], err)
			}
		}
		synctest.Wait()
		if len(drained) != 1 || !c.Room(1002) {
			t.Errorf("told %d times of room", len(drained))
		}
		phone.Close()
	})
}

// What is urgent goes before pictures that wait, in its own order; a datagram that is under way goes first.
func TestOutcomesDoNotStandBehindPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Door
		defer d.Shut()
		c, phone, _ := admit(&d, "192.0.2.1")
		c.Known()
		c.Put([]byte("under way"))
		synctest.Wait()
		c.Put([]byte("picture"))
		c.PutFrames(Append(nil, []byte("second")))
		c.Urge([]byte("outcome"))
		c.Urge([]byte("another"))
		in := frames{from: phone}
		for _, want := range []string{"under way", "outcome", "another", "picture", "second"} {
			if b, err := in.Next(); string(b) != want || err != nil {
				t.Fatalf("%q, %v; expected %q", b, err, want)
			}
		}
		phone.Close()
	})
}

// A phone that takes nothing for two seconds is hung up on, and what waits for it let go; one that is slow is not.
func TestAStalledPhoneIsHungUpOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Door
		defer d.Shut()
		c, phone, ended := admit(&d, "192.0.2.1")
		c.Known()
		for range 20 {
			c.Put(make([]byte, 1000))
		}
		for range 5 { // slow
			time.Sleep(stalled - time.Millisecond)
			if _, err := phone.Read(make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
		}
		if c.Closed() || d.Stalled() != 0 {
			t.Fatal("a slow phone was hung up on")
		}
		begun := time.Now()
		err := <-ended
		if took := time.Since(begun); took > 2*stalled || d.Stalled() != 1 || !c.Closed() || c.Put([]byte{1}) || c.waiting != nil {
			t.Errorf("ended by %v after %v: %d stalled, closed %v, %d bytes kept", err, took, d.Stalled(), c.Closed(), len(c.waiting))
		}
		phone.Close()
	})
}

// What was said before the goodbye arrives; a phone that takes none of it delays the goodbye by a fraction of a second.
func TestTheGoodbyeIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Door
		c, phone, _ := admit(&d, "192.0.2.1")
		c.Known()
		c.Put([]byte("goodbye"))
		c.Close()
		c.Close() // twice is once
		if b, err := io.ReadAll(phone); string(b) != "\x00\x07goodbye" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		c, _, _ = admit(&d, "192.0.2.1")
		c.Known()
		for range 50 {
			c.Put(make([]byte, 1000))
		}
		synctest.Wait() // it is being written
		begun := time.Now()
		d.Shut()
		if took := time.Since(begun); took != parting || d.Stalled() != 0 {
			t.Errorf("it took %v, %d stalled", took, d.Stalled())
		}
		if c, _, _ := admit(&d, "192.0.2.1"); c != nil {
			t.Error("somebody was let in after that")
		}
	})
}

// wrapped is as crypto/tls and listeners wrap connections.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

// The kernel is told that the latest counts, through whatever wraps the socket.
func TestTheKernelKeepsLittle(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	phone, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var d Door
	defer d.Shut()
	if !d.Admit(wrapped{wrapped{conn}}, func(c *Conn) { c.Next() }) {
		t.Fatal("not let in")
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for option, want := range map[int]int{unix.TCP_NODELAY: 1, unix.TCP_NOTSENT_LOWAT: unsent, unix.TCP_USER_TIMEOUT: 10000} {
		var got int
		if e := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option) }); e != nil || err != nil || got != want {
			t.Errorf("option %d is %d, want %d: %v, %v", option, got, want, e, err)
		}
	}
}
