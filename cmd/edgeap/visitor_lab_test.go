//go:build lab

package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/packet"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/portal/firewall"
)

// TestLabVisitors is what phones meet on the access point, over the kernel's own 802.11: an address, names, the page of a kit that
// runs, and nothing else; whatever one of them tries, and while the programs that give it to them are killed.
func TestLabVisitors(t *testing.T) {
	l := newLab(t)
	l.set("mode = \"ap\"\nsecurity = \"mixed\"\ncountry = \"DE\"\n")
	l.start()
	l.ready("access point")
	kit := kittest.StartIn(t, l.data, "-picture", "160x90@1", "-listen", ":8080")
	secret, err := net.Listen("tcp", ":8443") // stands for the operators' door, which is open to all the kit's networks
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	air, err := net.InterfaceByName("wlan0")
	if err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	one := l.phone(t, 1, "SAE", l.join.Password)
	one.joined(t)
	joined := time.Since(began)
	lease := one.lease(t)
	leased := time.Since(began)
	kittest.UntilWithin(t, "the page by its name", 2*kittest.Limit, func() bool {
		status, body, err := one.open(t, "http://edgekit.internal/")
		if err != nil && !errors.Is(err, unix.ECONNREFUSED) {
			t.Log(err) // a machine that emulates is slower than the kit's patience at times, as a bad radio is: phones try again
		}
		return err == nil && status == http.StatusOK && strings.Contains(body, "<html")
	})
	t.Logf("from nothing to the page: %v (budget: 3 s on a machine that is not emulated); joined after %v, address after %v", time.Since(began).Round(time.Millisecond), joined.Round(time.Millisecond), leased.Round(time.Millisecond))
	kit.Kill() // what its camera takes of an emulated machine is missed by the air; from here on another page stands in
	page, err := net.Listen("tcp", ":8080")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "<html>") })}
	go web.Serve(page)
	defer web.Close()
	if api := string(lease.ACK.Options.Get(dhcpv4.GenericOptionCode(114))); api != "http://edgekit.internal/captive" {
		t.Errorf("captive portal's API: %q", api)
	}
	two := l.phone(t, 2, "WPA-PSK", l.join.Password)
	l.until("another phone on", func(w wire.Wifi) bool { return authorized(w, 2) })
	two.lease(t)
	if one.ip == two.ip {
		t.Fatalf("both have %s", one.ip)
	}
	w := l.until("both phones' addresses", func(w wire.Wifi) bool { return station(w, 1).IP == one.ip && station(w, 2).IP == two.ip })
	if w.Portal.Leases != 2 {
		t.Errorf("%+v", w.Portal)
	}

	t.Run("names, before the portal and after it", func(t *testing.T) {
		if a := one.ask(t, "shop.example.com"); a != "10.66.0.1" {
			t.Errorf("before: %q", a)
		}
		l.put("/guests/" + one.ip + "/accepted")
		if a, b, c := one.ask(t, "shop.example.com"), one.ask(t, "captive.apple.com"), one.ask(t, "edgekit.internal"); a != "" || b != "10.66.0.1" || c != "10.66.0.1" {
			t.Errorf("after: %q %q %q", a, b, c)
		}
		if a := two.ask(t, "shop.example.com"); a != "10.66.0.1" {
			t.Errorf("another phone is through too: %q", a)
		}
	})
	var door net.Listener // of phone 2's own: it would answer whoever got through
	if inPhone(t, 2, func() { door, err = net.Listen("tcp", ":8080") }); err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	hostile := func(t *testing.T, when string) {
		t.Helper()
		for _, address := range []string{"10.66.0.1:8443", two.ip + ":8080"} {
			if one.reaches(t, address) {
				t.Errorf("%s: %s is open to visitors", when, address)
			}
		}
	}
	t.Run("nothing else", func(t *testing.T) {
		hostile(t, "on a good day")
		if !one.reaches(t, "10.66.0.1:80") || !one.reaches(t, "10.66.0.1:8080") {
			t.Error("and the page is not")
		}
	})
	t.Run("another's address is not taken for it", func(t *testing.T) {
		var a [4]byte
		copy(a[:], net.ParseIP(two.ip).To4())
		before := l.status().Portal.Questions
		q, err := new(dns.Msg).SetQuestion("spoofed.example.com.", dns.TypeA).Pack()
		if err != nil {
			t.Fatal(err)
		}
		one.send(t, air.HardwareAddr, func(int) []byte { return datagram(a, [4]byte{10, 66, 0, 1}, 5353, 53, q) }, 20)
		one.ask(t, "edgekit.internal") // behind them on the air
		if after := l.status().Portal.Questions; after != before+1 {
			t.Errorf("%d questions answered, expected one", after-before)
		}
	})
	t.Run("a phone that plays the server is heard by no other", func(t *testing.T) {
		var ear *packet.Conn
		var err error
		inPhone(t, 2, func() {
			var i *net.Interface
			if i, err = net.InterfaceByName(two.name()); err == nil {
				ear, err = packet.Listen(i, packet.Datagram, unix.ETH_P_IP, nil)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer ear.Close()
		offer := datagram([4]byte{10, 66, 0, 66}, [4]byte{255, 255, 255, 255}, 67, 68, []byte("psst"))
		for _, to := range []net.HardwareAddr{{255, 255, 255, 255, 255, 255}, {2, 0, 0, 0, 2, 0}} {
			one.send(t, to, func(int) []byte { return offer }, 20)
		}
		two.ask(t, "edgekit.internal") // behind them on the air, and heard itself
		ear.SetReadDeadline(time.Now().Add(time.Second))
		heard := 0
		for b := make([]byte, 1500); ; heard++ {
			n, _, err := ear.ReadFrom(b)
			if err != nil {
				break
			}
			if strings.Contains(string(b[:n]), "psst") {
				t.Fatal("a phone hears another's offer")
			}
		}
		if heard == 0 {
			t.Error("nothing heard at all: the test is blind")
		}
	})
	t.Run("one phone starves nobody", func(t *testing.T) {
		sent := one.send(t, net.HardwareAddr{255, 255, 255, 255, 255, 255}, discover, 300)
		w := l.until("what it asked for refused", func(w wire.Wifi) bool { return w.Portal.Foreign+w.Portal.Flooded >= 100 })
		if w.Portal.Leases != 2 || w.Portal.Full != 0 {
			t.Errorf("after %d messages: %+v", sent, w.Portal)
		}
		was := two.ip
		if two.lease(t); two.ip != was {
			t.Errorf("another phone had %s, and has %s", was, two.ip)
		}
	})
	t.Run("edgeap killed: shut as before, and all know one another when it is back", func(t *testing.T) {
		l.kill()
		hostile(t, "with edgeap gone")
		if !one.reaches(t, "10.66.0.1:80") {
			t.Error("the page is gone with edgeap")
		}
		l.start()
		hostile(t, "while edgeap starts")
		w := l.ready("access point taken over")
		if !w.Adopted || w.Portal.Leases != 2 || station(w, 1).IP != one.ip || !station(w, 1).Accepted || station(w, 2).Accepted {
			t.Errorf("%+v", w)
		}
		was := two.ip
		kittest.Until(t, "names are answered again", func() bool { return two.ask(t, "edgekit.internal") == "10.66.0.1" })
		if two.lease(t); two.ip != was {
			t.Errorf("a phone had %s, and has %s", was, two.ip)
		}
	})
	t.Run("hostapd killed: phones come back to what they had", func(t *testing.T) {
		was, pid := two.ip, l.status().PID
		unix.Kill(pid, unix.SIGKILL)
		hostile(t, "with hostapd gone")
		l.until("another hostapd", func(w wire.Wifi) bool { return w.Device.State == "ready" && w.PID != pid })
		l.back("both phones back", one, two)
		if two.lease(t); two.ip != was {
			t.Errorf("a phone had %s, and has %s", was, two.ip)
		}
		if status, _, err := two.open(t, "http://edgekit.internal/"); err != nil || status != http.StatusOK {
			t.Errorf("the page: %d %v", status, err)
		}
		hostile(t, "after it")
	})
	t.Run("the way out, where the operator allows it", func(t *testing.T) {
		outside(t, l)
		l.set("mode = \"ap\"\nsecurity = \"mixed\"\ncountry = \"DE\"\ninternet = true\n")
		l.until("a way out", func(w wire.Wifi) bool { return w.Portal.InternetVia == "wan" })
		if w := l.status(); !station(w, 1).Accepted || station(w, 2).Accepted {
			t.Fatalf("%+v", w)
		}
		kittest.Until(t, "a page outside, by its name", func() bool {
			_, body, err := one.open(t, "http://shop.example.com/")
			return err == nil && body == "outside"
		})
		l.until("that it leads nowhere, as nobody there tells the time", func(w wire.Wifi) bool { return w.Portal.Internet == "no" })
		if a, b := one.ask(t, "captive.apple.com"), one.ask(t, "shop.example.com"); a != "10.66.0.1" || b != "8.8.8.8" {
			t.Errorf("with a way out that leads nowhere a phone looks for the internet at %q, and for a page at %q", a, b)
		}
		for _, address := range []string{"192.168.9.1:80", "192.168.9.2:8080", two.ip + ":8080"} {
			if one.reaches(t, address) {
				t.Errorf("%s is open to visitors", address)
			}
		}
		if two.reaches(t, "8.8.8.8:80") || two.ask(t, "shop.example.com") != "10.66.0.1" {
			t.Error("who has not been through the portal gets out")
		}
		hostile(t, "with a way out")
		l.set("mode = \"ap\"\nsecurity = \"mixed\"\ncountry = \"DE\"\n")
		l.until("no way out", func(w wire.Wifi) bool { return w.Portal.InternetVia == "" })
		if one.reaches(t, "8.8.8.8:80") {
			t.Error("a way out that was forbidden")
		}
	})
	t.Run("switched off, nothing is left", func(t *testing.T) {
		one.end()
		two.end()
		l.set("mode = \"off\"\n")
		l.until("off", func(w wire.Wifi) bool { return w.Device.State == "absent" && w.Mode == "off" })
		tables, err := (&nftables.Conn{}).ListTables()
		if err != nil || slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == firewall.TableName }) {
			t.Errorf("tables: %v %v", tables, err)
		}
	})
	l.cmd.Process.Signal(unix.SIGTERM)
	if err := l.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	if log := l.log(); strings.Contains(log, mac(1)) || strings.Contains(log, mac(2)) {
		t.Errorf("a phone's address in the log:\n%s", log)
	}
}
