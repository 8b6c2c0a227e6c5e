package dns

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// sockets opens a port of loopback that is free by UDP and by TCP.
func sockets(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if tcp, err := net.Listen("tcp4", udp.LocalAddr().String()); err == nil {
			return udp, tcp
		}
		udp.Close() // somebody's by TCP
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

// start serves on loopback.
func start(t *testing.T) (at string) {
	t.Helper()
	udp, tcp := sockets(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := stall()
	go func() { ended <- s.Serve(ctx, udp, tcp) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return udp.LocalAddr().String()
}

func TestOverUDPAndTCP(t *testing.T) {
	at := start(t)
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network}
		r, _, err := c.ExchangeContext(t.Context(), new(dns.Msg).SetQuestion("edgekit.internal.", dns.TypeA), at)
		if got := told(r); err != nil || got != "NOERROR A 10.66.0.1" {
			t.Errorf("%s: %s, %v", network, got, err)
		}
	}
	c, err := net.Dial("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := new(dns.Msg).SetQuestion("edgekit.internal.", dns.TypeA)
	answer.Response = true
	b, err := answer.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, rubbish := range [][]byte{{}, {1}, make([]byte, 12), make([]byte, 1000), b} {
		if _, err := c.Write(rubbish); err != nil {
			t.Fatal(err)
		}
	}
	if r, _, err := new(dns.Client).ExchangeContext(t.Context(), new(dns.Msg).SetQuestion("edgekit.internal.", dns.TypeA), at); err != nil {
		t.Errorf("after rubbish: %v %v", r, err)
	}
}

func TestOneStationsConnectionsAreFew(t *testing.T) {
	at := start(t)
	open := func() net.Conn {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	answers := func(c net.Conn) bool {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		conn := &dns.Conn{Conn: c}
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion("edgekit.internal.", dns.TypeA)); err != nil {
			return false
		}
		_, err := conn.ReadMsg()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("neither served nor closed")
		}
		return err == nil
	}
	var first []net.Conn
	for range maxConnsEach {
		c := open()
		if !answers(c) {
			t.Fatal("not served")
		}
		first = append(first, c)
	}
	if answers(open()) {
		t.Error("one more than it may have is served")
	}
	first[0].Close()
	for !answers(open()) { // as soon as the server has seen that it is closed
	}
}
