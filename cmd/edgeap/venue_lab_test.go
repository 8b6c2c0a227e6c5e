//go:build lab

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/mdns"
	"edgekit.internal/drivers/wifiap/firmware"
)

// hall is a venue's network in the namespace of radio 1: an access point by Debian's hostapd, a router that gives addresses, and the
// internet behind it, as far as a kit looks for it.
type hall struct {
	t      *testing.T
	l      *lab
	dir    string
	cmd    *exec.Cmd
	gives  atomic.Bool // addresses
	online atomic.Bool
}

const (
	hallIs  = "192.168.7.1" // in there, the router
	hallKit = "192.168.7.20"
	worldIs = "8.8.8.8" // behind it
)

func newHall(t *testing.T, l *lab) *hall {
	t.Helper()
	h := &hall{t: t, l: l, dir: t.TempDir()}
	h.gives.Store(true)
	in := func(command ...string) { l.run(append([]string{"in-ns", "c1"}, command...)...) }
	in("ip", "link", "set", "lo", "up")
	in("ip", "addr", "flush", "dev", "wlan1")
	in("ip", "addr", "add", "10.9.9.9/24", "dev", "wlan1") // of another network, and the one that the kernel would speak by
	in("ip", "addr", "add", hallIs+"/24", "dev", "wlan1")
	in("ip", "addr", "add", worldIs+"/32", "dev", "lo")
	var err error
	var addresses *server4.Server
	var names, clock net.PacketConn
	var page net.Listener
	inPhone(t, 1, func() {
		if addresses, err = server4.NewServer("wlan1", &net.UDPAddr{Port: 67}, h.address); err != nil {
			return
		}
		if names, err = net.ListenPacket("udp4", hallIs+":53"); err != nil {
			return
		}
		if clock, err = net.ListenPacket("udp4", hallIs+":123"); err != nil {
			return
		}
		page, err = net.Listen("tcp", worldIs+":80")
	})
	if err != nil {
		t.Fatal(err)
	}
	go addresses.Serve()
	web := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "outside") })}
	go web.Serve(page)
	server := &dns.Server{PacketConn: names, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg)
		r.SetReply(q)
		if is := map[string]string{"0.gokrazy.pool.ntp.org.": hallIs, "shop.example.com.": worldIs}[q.Question[0].Name]; q.Question[0].Qtype == dns.TypeA && is != "" {
			r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(is)}}
		}
		w.WriteMsg(r)
	})}
	go server.ActivateAndServe()
	go func() { // a time server, that does not know the time
		b := make([]byte, 128)
		for {
			n, from, err := clock.ReadFrom(b)
			if err != nil {
				return
			}
			if n == 48 && h.online.Load() {
				answer := make([]byte, 48)
				answer[0] = 4<<3 | 4
				copy(answer[24:32], b[40:48])
				clock.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() {
		h.down()
		web.Close()
		addresses.Close()
		names.Close()
		clock.Close()
		in("ip", "addr", "flush", "dev", "wlan1")
		in("ip", "addr", "del", worldIs+"/32", "dev", "lo")
	})
	return h
}

// address answers who asks for one: all get the same, as there is one kit.
func (h *hall) address(conn net.PacketConn, _ net.Addr, m *dhcpv4.DHCPv4) {
	kind := map[dhcpv4.MessageType]dhcpv4.MessageType{dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeRequest: dhcpv4.MessageTypeAck}[m.MessageType()]
	if kind == dhcpv4.MessageTypeNone || !h.gives.Load() {
		return
	}
	router := net.ParseIP(hallIs)
	r, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.ParseIP(hallKit)), dhcpv4.WithServerIP(router), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		dhcpv4.WithRouter(router), dhcpv4.WithDNS(router), dhcpv4.WithLeaseTime(60), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(router)))
	if err == nil {
		conn.WriteTo(r.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: 68})
	}
}

// up starts the access point, on channel 6, with lines of hostapd's configuration.
func (h *hall) up(lines ...string) {
	h.t.Helper()
	conf := filepath.Join(h.dir, "hostapd.conf")
	text := "interface=wlan1\ndriver=nl80211\nssid=Halle 3\nhw_mode=g\nchannel=6\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(h.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	h.cmd = exec.Command("in-ns", "c1", "hostapd", conf)
	h.cmd.Stdout, h.cmd.Stderr = log, log
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hall) down() {
	if h.cmd != nil {
		h.cmd.Process.Signal(syscall.SIGTERM)
		h.cmd.Wait()
		h.cmd = nil
	}
	if h.t.Failed() {
		b, _ := os.ReadFile(filepath.Join(h.dir, "log"))
		h.t.Logf("the hall's log:\n%s", b)
	}
}

// find asks everybody in the hall for a name's address, from a port of its own, as simple programs do; "": nobody answered.
func (h *hall) find(name string) (address string) {
	var err error
	inPhone(h.t, 1, func() {
		var conn net.PacketConn
		if conn, err = net.ListenPacket("udp4", hallIs+":0"); err != nil {
			return
		}
		defer conn.Close()
		var i *net.Interface
		if i, err = net.InterfaceByName("wlan1"); err != nil {
			return
		}
		q, e := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
		if err = errors.Join(e, ipv4.NewPacketConn(conn).SetMulticastInterface(i), conn.SetDeadline(time.Now().Add(2*time.Second))); err != nil {
			return
		}
		if _, err = conn.WriteTo(q, net.UDPAddrFromAddrPort(mdns.Group)); err != nil {
			return
		}
		b := make([]byte, 9000)
		n, _, e := conn.ReadFrom(b)
		var r dns.Msg
		if e != nil || r.Unpack(b[:n]) != nil {
			return // nobody, or rubbish
		}
		for _, rr := range r.Answer {
			if a, ok := rr.(*dns.A); ok {
				address = a.A.String()
			}
		}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return address
}

// reaches is whether a machine in the hall gets through to a TCP port within two seconds.
func (h *hall) reaches(address string) bool {
	h.t.Helper()
	return (&phone{n: 1}).reaches(h.t, address)
}

// in waits for the kit to be in the hall's network.
func (l *lab) in(what string) *wire.WifiVenue {
	l.t.Helper()
	return l.venue(what, func(v *wire.WifiVenue) bool { return v.Device.State == "ready" })
}

func (l *lab) venue(what string, ok func(*wire.WifiVenue) bool) *wire.WifiVenue {
	l.t.Helper()
	return l.until(what, func(w wire.Wifi) bool { return w.Venue != nil && ok(w.Venue) }).Venue
}

func says(words string) func(*wire.WifiVenue) bool {
	return func(v *wire.WifiVenue) bool { return strings.Contains(v.Device.Reason, words) }
}

// TestLabVenue is a kit in the network of a hall, with the very program of the image, Debian's wpa_supplicant and the kernel's own
// 802.11: from all that may be in the way, to visitors who open the page there, through everything that may end.
func TestLabVenue(t *testing.T) {
	l := newLab(t)
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := os.ReadFile("/run/edgeap/wpa_supplicant.log")
			t.Logf("wpa_supplicant's log:\n%s", said)
		}
	})
	h := newHall(t, l)
	const password = "in halle drei"
	settings := func(ssid, password string) string {
		return fmt.Sprintf("mode = \"venue\"\ncountry = \"DE\"\nvenue-ssid = %q\nvenue-password = %q\n", ssid, password)
	}
	wpa2 := []string{"wpa=2", "wpa_key_mgmt=WPA-PSK", "rsn_pairwise=CCMP", "wpa_passphrase=" + password}
	wpa3 := []string{"wpa=2", "wpa_key_mgmt=SAE", "rsn_pairwise=CCMP", "ieee80211w=2", "sae_pwe=2", "sae_password=" + password}

	l.set("mode = \"venue\"\n")
	l.start()
	l.venue("no cable", says("Plug in a cable"))
	l.set(settings("Halle 3", "not "+password))
	l.venue("nothing there", says(`no network called "Halle 3" in reach`))
	h.up(wpa2...)
	l.venue("a wrong password", says("does not take the password"))
	l.set(settings("Halle 3", password))
	began := time.Now()
	v := l.in("the right one")
	t.Logf("in the network %v after it was right", time.Since(began).Round(time.Millisecond))
	if v.Address != hallKit+"/24" || v.Router != hallIs || v.Security != "wpa2" || v.Radio != "wlan0" || v.SSID != "Halle 3" || v.MHz != 2437 {
		t.Errorf("%+v", v)
	}
	l.venue("no internet", func(v *wire.WifiVenue) bool {
		return v.Device.State == "ready" && says("internet is not reached")(v) && v.Internet == "no"
	})
	if b, err := os.ReadFile(resolvConf); err != nil || !strings.Contains(string(b), "nameserver "+hallIs+"\n") {
		t.Errorf("%s: %q, %v", resolvConf, b, err)
	}
	if r := l.run("ip", "route"); !strings.Contains(r, "default via "+hallIs+" dev wlan0") {
		t.Errorf("routes: %s", r)
	}
	if is := strings.TrimSpace(l.run("cat", "/proc/sys/net/ipv6/conf/wlan0/accept_ra")); is != "0" {
		t.Errorf("whoever says there that it is a router gives the kit addresses: accept_ra %s", is)
	}
	if st, err := os.Stat("/run/edgeap/wpa_supplicant.conf"); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("wpa_supplicant.conf: %v, %v", st, err)
	}

	t.Run("edgeap killed: the kit stays in the network, and the next one takes it over", func(t *testing.T) {
		was := l.in("joined")
		l.kill()
		if err := ping(1, hallKit); err != nil {
			t.Errorf("with edgeap gone: %v", err)
		}
		h.online.Store(true)
		l.start()
		is := l.venue("joined, and online", func(v *wire.WifiVenue) bool {
			return v.Device.State == "ready" && v.Internet == "yes" && v.Device.Reason == ""
		})
		if !is.Adopted || is.PID != was.PID || is.Starts != 0 {
			t.Errorf("%+v", is)
		}
	})

	t.Run("wpa_supplicant killed", func(t *testing.T) {
		was := l.in("joined")
		syscall.Kill(was.PID, syscall.SIGKILL)
		l.venue("another", func(v *wire.WifiVenue) bool { return v.Device.State == "ready" && v.PID != was.PID })
	})

	t.Run("the hall's access point goes, and comes back hidden, with WPA3, and a router that is slow", func(t *testing.T) {
		h.down()
		l.venue("it is gone", says(`connection to "Halle 3" was lost`))
		l.venue("and stays so", func(v *wire.WifiVenue) bool { return v.Address == "" && says("in reach")(v) })
		h.gives.Store(false)
		h.up(append(wpa3, "ignore_broadcast_ssid=1")...)
		l.venue("no address", says("nobody there gives it an address"))
		h.gives.Store(true)
		if v := l.in("back"); v.Security != "wpa3" {
			t.Errorf("%+v", v)
		}
	})

	t.Run("a wrong password with WPA3", func(t *testing.T) {
		l.set(settings("Halle 3", "not "+password))
		l.venue("refused", says("does not take the password"))
	})

	t.Run("an open network, a password, and none", func(t *testing.T) {
		h.down()
		h.up()
		l.venue("it has none", says("is an open network"))
		l.set("mode = \"venue\"\nvenue-ssid = \"Halle 3\"\n")
		if v := l.in("open"); v.Security != "open" {
			t.Errorf("%+v", v)
		}
		h.down()
		h.up(wpa2...)
		l.venue("it has one", says("asks for a password"))
		l.set(settings("Halle 3", password))
		l.in("with it")
	})

	t.Run("visitors find the kit by its name, and open the page there", func(t *testing.T) {
		l.venue("its name", func(v *wire.WifiVenue) bool { return v.Name == "edgekit.local" })
		at := ""
		kittest.Until(t, "its address by its name", func() bool { at = h.find("EdgeKit.local."); return at != "" })
		if at != hallKit {
			t.Errorf("it is %s", at)
		}
		kittest.StartIn(t, l.data, "-picture", "160x90@1", "-listen", ":8080")
		kittest.UntilWithin(t, "the page", 2*kittest.Limit, func() bool {
			out, err := exec.Command("in-ns", "c1", "wget", "-q", "-O", "-", "http://"+at+":8080/").Output()
			return err == nil && strings.Contains(string(out), "<html")
		})
		if !h.reaches(hallKit + ":8080") {
			t.Error("a page that was opened is not reached: the test is blind")
		}
	})

	t.Run("another that would like the name shares it with nobody", func(t *testing.T) { // mostly the kit keeps it; but both may ask at once
		ctx, end := context.WithCancel(t.Context())
		var other atomic.Value
		other.Store("")
		over := make(chan error, 1)
		go inPhone(t, 1, func() {
			over <- mdns.Host{Name: "edgekit", Interface: "wlan1", Address: netip.MustParsePrefix(hallIs + "/24"), Tell: func(name string) { other.Store(name) }}.Run(ctx)
		})
		defer func() {
			if v := l.status().Venue; t.Failed() && v != nil {
				t.Logf("the kit is %q, the other %q", v.Name, other.Load())
			}
		}()
		kittest.Until(t, "two names", func() bool {
			w := l.status()
			if w.Venue == nil {
				return false
			}
			names := []string{w.Venue.Name, other.Load().(string)}
			slices.Sort(names)
			return slices.Equal(names, []string{"edgekit-2.local", "edgekit.local"})
		})
		end()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})

	t.Run("the radio is taken out and put in again", func(t *testing.T) {
		hwsim(t, delRadio)
		l.venue("nothing", says("no Wi-Fi radio"))
		hwsim(t, newRadio)
		l.in("found")
	})

	l.cmd.Process.Signal(syscall.SIGTERM)
	if err := l.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	if out, _ := exec.Command("pidof", "wpa_supplicant").Output(); len(out) > 0 {
		t.Errorf("wpa_supplicant runs after an orderly end: %s", out)
	}
	if a := l.run("ip", "-4", "addr"); strings.Contains(a, hallKit) {
		t.Errorf("the address is left: %s", a)
	}
	if log := l.log(); strings.Contains(log, password) {
		t.Errorf("a secret in the log:\n%s", log)
	}
}

// TestLabSecondRadio: an adapter that is plugged in while the kit's own network is up joins the venue's, and phones in the kit's reach
// the internet by it, and nothing else there.
func TestLabSecondRadio(t *testing.T) {
	l := newLab(t)
	h := newHall(t, l)
	h.online.Store(true)
	const password = "in halle drei"
	h.up("wpa=2", "wpa_key_mgmt=WPA-PSK", "rsn_pairwise=CCMP", "wpa_passphrase="+password)
	l.set(fmt.Sprintf("mode = \"ap\"\nchannel = 6\ncountry = \"DE\"\ninternet = true\nvenue-ssid = \"Halle 3\"\nvenue-password = %q\n", password))
	l.start()
	if w := l.ready("access point"); w.Radio != "wlan0" {
		t.Errorf("%+v", w)
	}
	l.venue("no adapter yet", says("no second Wi-Fi adapter"))
	if w := l.status(); w.Portal.InternetVia != "" {
		t.Errorf("by %s already", w.Portal.InternetVia)
	}
	hwsim(t, newRadio)
	v := l.in("joined by the adapter")
	w := l.until("it is the way out", func(w wire.Wifi) bool { return w.Portal.InternetVia == v.Radio })
	if v.Radio == "wlan0" || w.Radio != "wlan0" || w.Device.State != "ready" || v.Internet == "no" || v.Name != "" {
		t.Errorf("%+v, and %+v", w, v)
	}
	p := l.phone(t, 2, "WPA-PSK", l.join.Password)
	l.until("a phone on", func(w wire.Wifi) bool { return authorized(w, 2) })
	p.lease(t)
	l.put("/guests/" + p.ip + "/accepted")
	kittest.UntilWithin(t, "a page of the internet", 2*kittest.Limit, func() bool {
		_, body, err := p.open(t, "http://shop.example.com/")
		return err == nil && body == "outside"
	})
	if p.reaches(t, hallIs+":80") || p.reaches(t, hallIs+":53") {
		t.Error("the venue's own machines are open to visitors")
	}
	door, err := net.Listen("tcp", ":8443") // stands for the operators', which is open to all the kit's networks
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	if h.reaches(hallKit + ":8443") {
		t.Error("the venue reaches the operators' door")
	}
	hwsimOf(t, delRadio, v.Radio)
	l.venue("it was pulled out", says("no second Wi-Fi adapter"))
	if w := l.status(); w.Device.State != "ready" || !authorized(w, 2) {
		t.Errorf("%+v", w)
	}
	l.cmd.Process.Signal(syscall.SIGTERM)
	if err := l.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

// TestLabFirmwareIsFoundInMemory: a real kernel looks for firmware in the folder that drivers/wifiap/firmware tells it of, and follows a
// link there, as a read-only root and a driver that asks for one name take it to. The file is the one that every kernel with Wi-Fi asks
// for, the rules of the countries.
func TestLabFirmwareIsFoundInMemory(t *testing.T) {
	l := newLab(t)
	const rules, minimal, standard = "/lib/firmware/regulatory.db", "/lib/firmware/cypress/cyfmac43455-sdio-minimal.bin", "/lib/firmware/brcm/brcmfmac43455-sdio.bin"
	for path, text := range map[string]string{minimal: "43455_sdio-maxclients-noclminc", standard: "43455_sdio-dfsradar"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := firmware.Choose("/", firmware.Minimal); err != nil || firmware.Running("/") != firmware.Minimal {
		t.Fatalf("%v, %s", err, firmware.Running("/"))
	}
	folder := strings.TrimSpace(l.run("cat", "/sys/module/firmware_class/parameters/path"))
	if b, err := os.ReadFile(filepath.Join(folder, "brcm", filepath.Base(standard))); err != nil || string(b) != "43455_sdio-maxclients-noclminc" {
		t.Errorf("%q, %v", b, err)
	}
	elsewhere := t.TempDir()
	for _, end := range []string{"", ".p7s"} {
		moved := filepath.Join(elsewhere, filepath.Base(rules)+end)
		l.run("mv", rules+end, moved)
		t.Cleanup(func() { l.run("mv", moved, rules+end) })
	}
	if out, err := exec.Command("iw", "reg", "reload").CombinedOutput(); err == nil {
		t.Errorf("the rules are still found, so the test is blind: %s", out)
	}
	for _, end := range []string{"", ".p7s"} {
		if err := os.Symlink(filepath.Join(elsewhere, filepath.Base(rules)+end), filepath.Join(folder, filepath.Base(rules)+end)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("iw", "reg", "reload").CombinedOutput(); err != nil {
		t.Errorf("the rules are not found in the folder: %v: %s", err, out)
	}
	if err := firmware.Choose("/", firmware.Standard); err != nil || firmware.Running("/") != firmware.Standard {
		t.Errorf("%v, %s", err, firmware.Running("/"))
	}
}
