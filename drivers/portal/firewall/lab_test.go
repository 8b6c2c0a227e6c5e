//go:build lab

package firewall

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/portal/internal/netns"
)

// TestLabVisitorsReachThePageAndNothingElse, with the machine routing for all that it is worth.
func TestLabVisitorsReachThePageAndNothingElse(t *testing.T) {
	s := newStreet(t)
	s.expect(s.one, "yes", "tcp", "10.66.0.1:8443", "10.66.0.11:22") // without the table: so the rest shows the table's doing
	s.kit.Do(func() { os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) })
	s.set(shut)
	s.expect(s.one, "yes", "tcp", "10.66.0.1:80", "10.66.0.1:53")
	s.expect(s.one, "yes", "udp", "10.66.0.1:80", "10.66.0.1:53")
	s.expect(s.one, "no", "tcp", "10.66.0.1:443", "10.66.0.1:853")
	s.expect(s.one, "no", "udp", "10.66.0.1:443")
	s.expect(s.one, "silence", "tcp", "10.66.0.1:8443", "10.66.0.1:22", "192.168.178.20:80", "192.168.178.20:8443", "192.168.178.1:80", "8.8.8.8:80")
	s.expect(s.one, "silence", "udp", "10.66.0.1:7777", "192.168.178.20:53", "192.168.178.1:53", "8.8.8.8:53")
	s.expect(s.inside, "silence", "tcp", "10.66.0.1:80", "10.66.0.1:53") // not for the operator's network either
	if is := s.kit.Sysctl("net/ipv4/conf/air/forwarding"); is != "0" {
		t.Errorf("the kernel routes what comes from stations: %s", is)
	}

	t.Run("a station by way of the kit", func(t *testing.T) { // as with client isolation, the frame is the kit's
		for _, forward := range []string{"0", "1"} {
			s.kit.Do(func() { os.WriteFile("/proc/sys/net/ipv4/conf/air/forwarding", []byte(forward), 0o644) })
			heard := s.listen(s.two)
			s.frame(s.one, s.macOf(s.kit, "air"), ip4(guests[0].IP, guests[1].IP, unix.IPPROTO_UDP, udp(7777, "psst")))
			if heard() {
				t.Errorf("with forwarding %s station 2 hears station 1", forward)
			}
		}
	})
	t.Run("another's address", func(t *testing.T) {
		heard := s.listen(s.kit)
		s.frame(s.one, s.macOf(s.kit, "air"), ip4(guests[1].IP, shut.Kit.Addr(), unix.IPPROTO_UDP, udp(80, "psst")))
		s.frame(s.one, s.macOf(s.kit, "air"), ip4(netip.MustParseAddr("10.66.0.99"), shut.Kit.Addr(), unix.IPPROTO_UDP, udp(80, "psst")))
		s.frame(s.one, s.macOf(s.kit, "air"), ip4(netip.MustParseAddr("127.0.0.1"), shut.Kit.Addr(), unix.IPPROTO_UDP, udp(80, "psst")))
		if heard() {
			t.Error("the kit takes it for station 2")
		}
		s.frame(s.one, s.macOf(s.kit, "air"), ip4(guests[0].IP, shut.Kit.Addr(), unix.IPPROTO_UDP, udp(80, "psst")))
		if !heard() {
			t.Error("and its own is not heard: the test is blind")
		}
	})
	t.Run("claiming another's address in ARP", func(t *testing.T) {
		reply := append([]byte{0, 1, 8, 0, 6, 4, 0, 2}, macs[0][:]...)
		reply = append(append(append(reply, guests[1].IP.AsSlice()...), s.macOf(s.kit, "air")...), shut.Kit.Addr().AsSlice()...)
		s.raw(s.one, unix.ETH_P_ARP, s.macOf(s.kit, "air"), reply)
		s.expect(s.two, "yes", "tcp", "10.66.0.1:80")
		if is := s.neighbours()[guests[1].IP]; is != macs[1].String() {
			t.Errorf("the kit looks for station 2 at %s", is)
		}
	})
	t.Run("asking as thousands", func(t *testing.T) { // the kernel notes who asked, and has room for 1024 in all
		before := s.noted("air")
		s.rawMany(s.one, unix.ETH_P_ARP, s.macOf(s.kit, "air"), 3000, func(n int) []byte {
			ask := append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, macs[0][:]...)
			return append(append(append(ask, 11, 0, byte(n>>8), byte(n)), 0, 0, 0, 0, 0, 0), shut.Kit.Addr().AsSlice()...)
		})
		if is := s.noted("air"); is > before+10 {
			t.Errorf("the kit took note of %d of 3000 senders that nobody is", is-before)
		}
		s.expect(s.kit, "yes", "tcp", "44.1.2.9:80") // a machine that the kit has not spoken to
	})
	t.Run("IPv6", func(t *testing.T) {
		s.one.Address("wlan", "fe80::2/64")
		s.kit.Address("air", "fe80::1/64")
		s.expect(s.one, "silence", "tcp", "[fe80::1%wlan]:80", "[fe80::1%wlan]:8443")
		var found bool
		s.one.Do(func() { found = neighbour6("wlan", "fe80::1") })
		if !found {
			t.Error("neighbour discovery is not answered: phones take that for a fault")
		}
		before := s.noted("air")
		began := time.Now()
		to := netip.MustParseAddr("fe80::1")
		s.rawMany(s.one, unix.ETH_P_IPV6, s.macOf(s.kit, "air"), 3000, func(n int) []byte {
			return solicit(netip.AddrFrom16([16]byte{0xfe, 0x80, 8: 1, 14: byte(n >> 8), 15: byte(n)}), to, macs[0])
		})
		most := 2*solicits + solicits*int(time.Since(began).Seconds()+1)
		if more := s.noted("air") - before; more < 1 || more > most {
			t.Errorf("the kit took note of %d of 3000 senders, want 1 to %d", more, most)
		}
	})
	t.Run("pings, within reason", func(t *testing.T) {
		if n := s.pings(s.one, 60); n < 5 || n > 30 {
			t.Errorf("%d of 60 answered", n)
		}
		if n := s.pings(s.two, 1); n != 1 {
			t.Error("and none of another's")
		}
	})
	t.Run("a lease that ends", func(t *testing.T) {
		s.guests(guests[1:])
		s.expect(s.one, "silence", "tcp", "10.66.0.1:80")
		s.expect(s.two, "yes", "tcp", "10.66.0.1:80")
		s.guests(guests)
		s.expect(s.one, "yes", "tcp", "10.66.0.1:80")
	})
	t.Run("somebody flushes all tables", func(t *testing.T) {
		s.do(func() error { c := &nftables.Conn{}; c.FlushRuleset(); return c.Flush() })
		s.expect(s.one, "yes", "tcp", "10.66.0.1:8443")
		s.do(s.f.Check)
		s.expect(s.one, "silence", "tcp", "10.66.0.1:8443")
		s.do(func() error { c := &nftables.Conn{}; c.FlushRuleset(); return c.Flush() })
		s.guests(guests)
		s.expect(s.one, "silence", "tcp", "10.66.0.1:8443")
		s.expect(s.one, "yes", "tcp", "10.66.0.1:80")
	})
	t.Run("the interface goes down and comes back", func(t *testing.T) {
		s.kit.Down("air")
		s.do(s.f.Check)
		s.kit.Up("air")
		s.do(s.f.Check)
		if is := s.neighbours(); is[guests[0].IP] != macs[0].String() || is[guests[1].IP] != macs[1].String() {
			t.Errorf("the kit looks for its stations at %v", is)
		}
	})
	t.Run("the operators' door", func(t *testing.T) {
		c := shut
		c.Staff = Staff{Port: 8443, Stations: macs[:1]}
		s.set(c)
		s.expect(s.one, "yes", "tcp", "10.66.0.1:8443", "10.66.0.1:80")
		s.expect(s.one, "silence", "tcp", "10.66.0.1:22")
		s.expect(s.two, "silence", "tcp", "10.66.0.1:8443")
		c.Staff = Staff{Port: 8443, Anybody: true}
		s.set(c)
		s.expect(s.two, "yes", "tcp", "10.66.0.1:8443")
		s.set(shut)
		s.expect(s.one, "silence", "tcp", "10.66.0.1:8443")
		s.expect(s.two, "silence", "tcp", "10.66.0.1:8443")
	})
	t.Run("a page on another port is found on 80", func(t *testing.T) {
		c := shut
		c.Visitors = 7777
		s.set(c)
		s.expect(s.one, "yes", "tcp", "10.66.0.1:80", "10.66.0.1:7777")
		s.expect(s.one, "yes", "udp", "10.66.0.1:7777")
		s.expect(s.one, "silence", "udp", "10.66.0.1:80")
		s.expect(s.one, "silence", "tcp", "10.66.0.1:8443", "192.168.178.20:80")
	})
	t.Run("removed, it is gone, and nothing else", func(t *testing.T) {
		other := &nftables.Table{Name: "another", Family: nftables.TableFamilyINet}
		s.do(func() error { c := &nftables.Conn{}; c.AddTable(other); return c.Flush() })
		s.do(s.f.Remove)
		s.do(s.f.Remove)
		s.expect(s.one, "yes", "tcp", "10.66.0.1:8443")
		if air, is := s.kit.Sysctl("net/ipv4/conf/air/rp_filter"), s.kit.Sysctl("net/ipv4/conf/default/rp_filter"); air != is {
			t.Errorf("rp_filter %s is left, where new interfaces have %s", air, is)
		}
		s.do(func() error {
			c := &nftables.Conn{}
			all, err := c.ListTables()
			if len(all) != 1 || all[0].Name != other.Name {
				t.Errorf("tables: %v", all)
			}
			return err
		})
	})
}

// TestLabTheWayOut: where the operator allows it visitors reach the internet, at a measure, and never the operator's own network.
func TestLabTheWayOut(t *testing.T) {
	s := newStreet(t)
	s.set(shut)
	s.expect(s.one, "silence", "tcp", "8.8.8.8:80")
	s.set(open)
	s.do(func() error { return s.f.Guests(guests, guests[1:]) })
	s.expect(s.one, "silence", "tcp", "8.8.8.8:80") // it has not been through the portal
	s.expect(s.one, "yes", "tcp", "10.66.0.1:80")
	s.expect(s.two, "yes", "tcp", "8.8.8.8:80")
	s.guests(guests)
	s.expect(s.one, "yes", "tcp", "8.8.8.8:80", "10.66.0.1:80")
	s.expect(s.one, "yes", "udp", "8.8.8.8:7777")
	s.expect(s.one, "silence", "tcp", "192.168.178.1:80", "192.168.178.20:80", "44.1.2.9:80", "8.8.8.8:25")
	s.expect(s.one, "silence", "udp", "192.168.178.1:53", "44.1.2.9:53", "10.66.0.1:7777")
	s.expect(s.inside, "silence", "tcp", "10.66.0.10:22", "10.66.0.1:80")
	s.expect(s.inside, "silence", "udp", "10.66.0.10:7777")

	heard := s.listen(s.beyond)
	s.frame(s.one, s.macOf(s.kit, "air"), ip4(guests[1].IP, netip.MustParseAddr("8.8.8.8"), unix.IPPROTO_UDP, udp(7777, "psst")))
	if heard() {
		t.Error("a station goes out as another")
	}
	s.frame(s.one, s.macOf(s.kit, "air"), ip4(guests[0].IP, netip.MustParseAddr("8.8.8.8"), unix.IPPROTO_UDP, udp(7777, "psst")))
	if !heard() {
		t.Error("and not as itself: the test is blind")
	}

	t.Run("at a measure, each its own", func(t *testing.T) {
		got := s.flood(s.one, "8.8.8.8:7777", 4000, 1000)
		if got > wayOutAtOnce/1000*3/2 || got < wayOutAtOnce/1000/10 { // sockets' own bounds are lower than that on some machines
			t.Errorf("%d kB of 4000 came back at once, expected at most about %d", got, wayOutAtOnce/1000)
		}
		s.expect(s.two, "yes", "udp", "8.8.8.8:7777")
	})
	t.Run("the table of connections is not one station's to fill", func(t *testing.T) {
		before := s.tracked()
		for range 40 {
			s.expect(s.two, "yes", "tcp", "10.66.0.1:80")
		}
		if after := s.tracked(); after > before+5 {
			t.Errorf("%d connections to the kit are in it", after-before)
		}
		began := time.Now()
		s.one.Do(func() {
			c, err := net.ListenPacket("udp4", ":0")
			if err != nil {
				return
			}
			defer c.Close()
			for n := range 5000 {
				c.WriteTo([]byte{1}, &net.UDPAddr{IP: net.IPv4(8, 8, 8, 8), Port: 10000 + n})
			}
		})
		most := 5*connections + int(time.Since(began).Seconds()*connections)
		if more := s.tracked() - before; more < 50 || more > most {
			t.Errorf("%d more after 5000 new ones at once, expected %d at most", more, most)
		}
		c := open
		c.Visitors = 7777
		s.set(c)
		s.expect(s.two, "yes", "tcp", "10.66.0.1:80", "10.66.0.1:7777")
		s.set(open)
	})
	if is := s.kit.Sysctl("net/ipv4/conf/air/forwarding"); is != "1" {
		t.Errorf("forwarding %s", is)
	}
	s.set(shut)
	s.expect(s.one, "silence", "tcp", "8.8.8.8:80")
	if air, wan := s.kit.Sysctl("net/ipv4/conf/air/forwarding"), s.kit.Sysctl("net/ipv4/conf/wan/forwarding"); air != "0" || wan != "0" {
		t.Errorf("forwarding %s, %s after it was forbidden", air, wan)
	}
}

// TestLabNobodyOutsideGetsThroughTheKit: the kernel routes what comes in by the way out, and would do so into every network of the kit's.
// What a machine routes besides, for others than stations, it goes on to.
func TestLabNobodyOutsideGetsThroughTheKit(t *testing.T) {
	s := newStreet(t)
	office := netns.New(t)
	s.kit.Cable("desk", office, "eth0")
	s.kit.Address("desk", "172.20.0.1/24")
	office.Address("eth0", "172.20.0.9/24")
	office.Default("172.20.0.1")
	s.echo(office, 22)
	s.inside.Do(func() {
		if err := addRoute("172.20.0.0/24", "192.168.178.20"); err != nil {
			t.Error(err)
		}
	})
	for reach(t, office, "tcp", "172.20.0.1:22") != "yes" { // as soon as the kernel has seen that the cable is plugged in
	}
	try := func() bool {
		heard := s.listen(office)
		s.inside.Do(func() {
			c, err := net.Dial("udp", "172.20.0.9:7777")
			if err == nil {
				_, err = c.Write([]byte("psst"))
				c.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
		return heard()
	}
	s.kit.Do(func() { os.WriteFile("/proc/sys/net/ipv4/conf/wan/forwarding", []byte("1"), 0o644) })
	if !try() {
		t.Fatal("not heard without the table either: the test is blind")
	}
	s.set(open)
	if try() {
		t.Error("the operator's network reaches another one by the kit")
	}
	s.expect(s.one, "yes", "tcp", "8.8.8.8:80")
	s.kit.Do(func() { os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) })
	s.expect(s.inside, "silence", "tcp", "172.20.0.9:22")
	s.expect(office, "yes", "tcp", "192.168.178.1:80")
	s.expect(office, "silence", "tcp", "10.66.0.10:22")
}

// TestLabAVenueDoesNotReachTheKit, whose guest it is by a second radio; the kit reaches out, and so do its stations where they may.
func TestLabAVenueDoesNotReachTheKit(t *testing.T) {
	for name, c := range map[string]Config{"of its own use": shut, "and its stations'": open} {
		t.Run(name, func(t *testing.T) {
			s := newStreet(t)
			s.inside.Address("lan", "fe80::2/64")
			s.kit.Address("wan", "fe80::1/64")
			s.set(c)
			s.expect(s.inside, "yes", "tcp", "192.168.178.20:80", "192.168.178.20:8443", "[fe80::1%lan]:8443") // a cable: operators come by it
			c.Venue = "wan"
			s.set(c)
			s.expect(s.inside, "silence", "tcp", "192.168.178.20:80", "192.168.178.20:8443", "192.168.178.20:22", "44.1.2.3:8443", "10.66.0.1:80", "[fe80::1%lan]:8443")
			s.expect(s.inside, "silence", "udp", "192.168.178.20:80", "192.168.178.20:7777")
			s.expect(s.kit, "yes", "tcp", "192.168.178.1:80", "8.8.8.8:80")
			s.expect(s.kit, "yes", "udp", "192.168.178.1:53", "8.8.8.8:53")
			s.expect(s.one, "yes", "tcp", "10.66.0.1:80")
			s.expect(s.one, "silence", "tcp", "192.168.178.1:80")
			if c.Internet.Interface != "" {
				s.expect(s.one, "yes", "tcp", "8.8.8.8:80")
			}
			before := s.tracked()
			for range 40 {
				s.expect(s.two, "yes", "tcp", "10.66.0.1:80")
			}
			if more := s.tracked() - before; more > 5 {
				t.Errorf("%d connections of stations to the kit are in the kernel's table", more)
			}
			c.Venue = ""
			s.set(c)
			s.expect(s.inside, "yes", "tcp", "192.168.178.20:8443")
		})
	}
}

// TestLabTheNextOneShutsTheWayOut: a program that was killed with the internet allowed left the kernel routing. The next one finds out
// by the table, whether it makes another or is to make none.
func TestLabTheNextOneShutsTheWayOut(t *testing.T) {
	for name, next := range map[string]func(*Firewall) error{"another table": func(f *Firewall) error { return f.Set(shut) }, "none": (*Firewall).Remove} {
		t.Run(name, func(t *testing.T) {
			s := newStreet(t)
			s.set(open)
			if is := s.kit.Sysctl("net/ipv4/conf/wan/forwarding"); is != "1" {
				t.Fatalf("forwarding %s with the way open", is)
			}
			s.do(func() error { return next(&Firewall{}) })
			if air, wan := s.kit.Sysctl("net/ipv4/conf/air/forwarding"), s.kit.Sysctl("net/ipv4/conf/wan/forwarding"); wan != "0" || name == "another table" && air != "0" {
				t.Errorf("forwarding %s, %s", air, wan)
			}
		})
	}
}

// TestLabNeverOpenInBetween: while the table is replaced again and again, and stations come and go, no packet gets by.
func TestLabNeverOpenInBetween(t *testing.T) {
	s := newStreet(t)
	s.set(shut)
	var l net.PacketConn
	var err error
	if s.kit.Do(func() { l, err = net.ListenPacket("udp4", ":9999") }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		sent := 0
		s.one.Do(func() {
			c, err := net.Dial("udp", "10.66.0.1:9999")
			if err != nil {
				return
			}
			defer c.Close()
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := c.Write([]byte("psst")); err == nil {
						sent++
					}
				}
			}
		})
		stopped <- sent
	}()
	for n := range 40 {
		c := shut
		c.Visitors = uint16(80 + n%2*8000)
		s.set(c)
		s.guests(guests[:n%3])
	}
	close(stop)
	sent := <-stopped
	l.SetReadDeadline(time.Now().Add(wait))
	if n, from, err := l.ReadFrom(make([]byte, 10)); err == nil {
		t.Errorf("%d bytes from %v got by, of %d sent", n, from, sent)
	}
	if sent < 1000 {
		t.Errorf("only %d sent", sent)
	}
	t.Logf("%d packets sent while the table was replaced 40 times", sent)
}
