//go:build lab

package dhcp

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/portal/internal/netns"
)

// TestLabClientsOnAWire: the library's own client, whose packets are not of this package's making, gets, renews and gives back an
// address over the kernel's sockets; while another station floods, starves and pretends, and the server is stopped and started.
func TestLabClientsOnAWire(t *testing.T) {
	kitNet, good, bad := netns.New(t), netns.New(t), netns.New(t)
	kitNet.Cable("port1", good, "wlan")
	kitNet.Cable("port2", bad, "wlan")
	kitNet.Bridge("air", "port1", "port2")
	kitNet.Address("air", "10.66.0.1/24")
	mac := portal.MAC{2, 0, 0, 0, 1, 0}
	good.MAC("wlan", mac[:])
	began := time.Now()
	var kept []byte
	start := func() (s *Server, stop func()) {
		s = New(Config{Kit: kit, Now: func() time.Duration { return time.Since(began) }, Kept: slices.Clone(kept), Keep: func(b []byte) error { kept = slices.Clone(b); return nil }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go kitNet.Do(func() { ended <- s.Run(ctx, "air") })
		return s, func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	s, stop := start()
	client := func(n *netns.Net) *nclient4.Client {
		t.Helper()
		var c *nclient4.Client
		var err error
		n.Do(func() { c, err = nclient4.New("wlan", nclient4.WithTimeout(time.Second), nclient4.WithRetry(10)) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	c := client(good)
	lease, err := c.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	has := addr(lease.ACK.YourIPAddr)
	if m, ok := s.Holder(has); !ok || m != mac {
		t.Errorf("%v is %v's", has, m)
	}

	flood := make(chan int)
	enough, end := context.WithCancel(t.Context())
	go func() {
		sent := 0
		bad.Do(func() {
			i, err := net.InterfaceByName("wlan")
			if err != nil {
				return
			}
			conn, err := packet.Listen(i, packet.Datagram, unix.ETH_P_IP, nil)
			if err != nil {
				return
			}
			defer conn.Close()
			for n := 0; enough.Err() == nil; n++ {
				m, err := dhcpv4.NewDiscovery(net.HardwareAddr{6, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
				if err != nil {
					return
				}
				if n%2 == 0 { // every other one by its own name
					m.ClientHWAddr = i.HardwareAddr
				}
				if _, err := conn.WriteTo(toServer(broadcast, m.ToBytes()), &packet.Addr{HardwareAddr: net.HardwareAddr{255, 255, 255, 255, 255, 255}}); err == nil {
					sent++
				}
			}
		})
		flood <- sent
	}()
	for n := range 5 {
		again, err := client(good).Request(t.Context(), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(has.AsSlice())))
		if err != nil || addr(again.ACK.YourIPAddr) != has {
			t.Fatalf("beside a flood, try %d: %v, %v, had %v", n, again, err, has)
		}
	}
	end()
	t.Logf("5 leases beside a flood of %d messages: %+v", <-flood, s.Counts())
	if n := len(s.Leases()); n > 2 {
		t.Errorf("%d leases for two stations", n)
	}

	stop()
	s, stop = start()
	defer func() { stop() }()
	if m, ok := s.Holder(has); !ok || m != mac {
		t.Errorf("after a restart %v is %v's", has, m)
	}
	// A renewal is an ordinary datagram from the address (RFC 2131, 4.4.5), so the kernel has to have it.
	good.Address("wlan", has.String()+"/24")
	var renewed *dhcpv4.DHCPv4
	good.Do(func() {
		m, err := dhcpv4.NewRenewFromAck(lease.ACK)
		if err != nil {
			return
		}
		conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: has.AsSlice(), Port: clientPort}, &net.UDPAddr{IP: kit.Addr().AsSlice(), Port: serverPort})
		if err != nil {
			return
		}
		defer conn.Close()
		b := make([]byte, 1500)
		for range 20 { // it may have asked for all that a station is answered for now
			conn.Write(m.ToBytes())
			conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			if n, err := conn.Read(b); err == nil {
				renewed, _ = dhcpv4.FromBytes(b[:n])
				return
			}
		}
	})
	if renewed == nil || renewed.MessageType() != dhcpv4.MessageTypeAck || addr(renewed.YourIPAddr) != has {
		t.Errorf("renewed: %v", renewed)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		if err := client(good).Release(lease); err != nil {
			t.Error(err)
		}
		if _, ok := s.Holder(has); !ok {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a released lease still holds")
		}
	}
	if !netip.MustParsePrefix("10.66.0.0/24").Contains(has) {
		t.Errorf("%v", has)
	}
}
