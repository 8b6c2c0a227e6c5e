package burst

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func listen(t testing.TB, network string) (*Conn, *net.UDPConn) {
	t.Helper()
	at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	if network == "udp" {
		at = nil // both families
	}
	udp, err := net.ListenUDP(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	c, err := New(udp)
	if err != nil {
		t.Fatal(err)
	}
	return c, udp
}

func loopback(c *Conn) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.LocalPort())
}

// gather receives until n datagrams have come.
func gather(t *testing.T, c *Conn, n int) (got [][]byte) {
	t.Helper()
	for len(got) < n {
		if err := c.Receive(func(b []byte, from netip.AddrPort) {
			if !from.Addr().Is4() || !from.Addr().IsLoopback() {
				t.Errorf("came from %v, expected a short IPv4 address", from)
			}
			got = append(got, bytes.Clone(b))
		}); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// A train arrives as the datagrams it was made of, with and without the kernel's help, on sockets of either family.
func TestTrainsArriveAsTheirDatagrams(t *testing.T) {
	for _, network := range []string{"udp4", "udp"} {
		for _, trains := range []bool{true, false} {
			t.Run(network+map[bool]string{true: " cut by the kernel", false: " cut here"}[trains], func(t *testing.T) {
				from, _ := listen(t, network)
				to, _ := listen(t, "udp4")
				if trains && !from.Trains() {
					t.Fatal("this kernel has no UDP_SEGMENT; expected Linux 4.18 or later")
				}
				from.train.Store(trains)
				addr := from.Addr(loopback(to))
				train := make([]byte, 5*700+123)
				for i := range train {
					train[i] = byte(i / 700)
				}
				done, err := from.Send([]Message{{To: addr, Data: train, Segment: 700}, {To: addr, Data: []byte("single")}, {To: addr, Data: train[:700], Segment: 700}})
				if done != 3 || err != nil {
					t.Fatalf("sent %d: %v", done, err)
				}
				got := gather(t, to, 8)
				for i, b := range got[:6] {
					if want := train[i*700 : min(i*700+700, len(train))]; !bytes.Equal(b, want) {
						t.Fatalf("datagram %d: %d bytes starting %v, want %d starting %v", i, len(b), b[0], len(want), want[0])
					}
				}
				if string(got[6]) != "single" || len(got[7]) != 700 {
					t.Fatalf("then %q and %d bytes", got[6], len(got[7]))
				}
			})
		}
	}
}

// More messages than one call takes, and more datagrams, are all sent.
func TestLongListsAreSentWhole(t *testing.T) {
	for _, trains := range []bool{true, false} {
		from, _ := listen(t, "udp4")
		to, _ := listen(t, "udp4")
		from.train.Store(trains)
		addr := from.Addr(loopback(to))
		for round := range 20 {
			var list []Message
			for range perCall/8 + 1 {
				list = append(list, Message{To: addr, Data: bytes.Repeat([]byte{byte(round)}, 100), Segment: 10})
			}
			if done, err := from.Send(list); done != len(list) || err != nil {
				t.Fatalf("sent %d of %d: %v", done, len(list), err)
			}
			gather(t, to, 10*len(list))
		}
	}
}

// A message that cannot be sent is reported, and those around it arrive.
func TestOneBadAddressHoldsUpNobody(t *testing.T) {
	from, _ := listen(t, "udp4")
	to, _ := listen(t, "udp4")
	good, bad := from.Addr(loopback(to)), from.Addr(netip.MustParseAddrPort("127.0.0.1:0"))
	list := []Message{{To: good, Data: []byte("a")}, {To: bad, Data: []byte("b")}, {To: good, Data: []byte("c")}}
	done, err := from.Send(list)
	if done != 1 || !errors.Is(err, unix.EINVAL) {
		t.Fatalf("sent %d: %v", done, err)
	}
	if done, err = from.Send(list[2:]); done != 1 || err != nil {
		t.Fatalf("sent %d: %v", done, err)
	}
	if got := gather(t, to, 2); string(got[0])+string(got[1]) != "ac" {
		t.Fatalf("arrived: %q", got)
	}
}

func TestInterruptWakesReceive(t *testing.T) {
	c, _ := listen(t, "udp4")
	end := make(chan error)
	go func() { end <- c.Receive(func([]byte, netip.AddrPort) {}) }()
	c.Interrupt()
	if err := <-end; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	if err := c.WaitWritable(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	if err := c.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitWritable(); err != nil {
		t.Fatal(err)
	}
}

func TestSendDoesNotAllocate(t *testing.T) {
	from, _ := listen(t, "udp4")
	to, _ := listen(t, "udp4")
	addr := from.Addr(loopback(to))
	list := []Message{{To: addr, Data: make([]byte, 3000), Segment: 1000}}
	if n := testing.AllocsPerRun(50, func() { _, _ = from.Send(list) }); n > 0 {
		t.Fatalf("%v allocations a call", n)
	}
}
