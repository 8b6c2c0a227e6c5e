//go:build lab

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/jsimonetti/rtnetlink/v2/driver"
	"github.com/mdlayher/packet"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// phone is wpa_supplicant in a network namespace of its own.
type phone struct {
	t       *testing.T
	n       int
	dir     string
	cmd     *exec.Cmd
	ip, dns string // what it was given
}

// phone has a phone join the kit's network by WPA-PSK (WPA2) or SAE (WPA3), or, by NONE, an open one, on channel 6 or on that which is given.
func (l *lab) phone(t *testing.T, n int, how, password string, mhz ...int) *phone {
	t.Helper()
	p := &phone{t: t, n: n, dir: t.TempDir()}
	if mhz == nil {
		mhz = []int{2437} // on all channels an emulated machine takes minutes
	}
	secret, mfp := "psk", 1
	if how == "SAE" {
		secret, mfp = "sae_password", 2
	}
	key := fmt.Sprintf("ieee80211w=%d\n%s=%q\n", mfp, secret, password)
	if how == "NONE" {
		key = ""
	}
	text := fmt.Sprintf("ctrl_interface=%s\nsae_pwe=2\nnetwork={\nssid=%q\nscan_freq=%d\nkey_mgmt=%s\n%s}\n", p.dir, l.join.SSID, mhz[0], how, key)
	conf := filepath.Join(p.dir, "conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command("in-ns", fmt.Sprint("c", n), "wpa_supplicant", "-t", "-i", fmt.Sprint("wlan", n), "-c", conf)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("phone %d's log:\n%s", n, p.log())
		}
		p.end()
	})
	return p
}

// back waits until phones are on again; one that waits ever longer after failures, as wpa_supplicant does, is told to try.
func (l *lab) back(what string, phones ...*phone) {
	l.t.Helper()
	asked := time.Now()
	l.until(what, func(w wire.Wifi) bool {
		again, all := time.Since(asked) > 10*time.Second, true
		for _, p := range phones {
			if !authorized(w, p.n) {
				if all = false; again {
					p.cli("reassociate")
					asked = time.Now()
				}
			}
		}
		return all
	})
}

func (p *phone) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

func (p *phone) log() string {
	b, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// joined waits until the phone itself says that it is on. To ask edgeap again and again takes of an emulated machine what the phone needs.
func (p *phone) joined(t *testing.T) {
	t.Helper()
	kittest.UntilWithin(t, "a phone on", 2*kittest.Limit, func() bool { return strings.Contains(p.log(), "CTRL-EVENT-CONNECTED") })
}

func (p *phone) cli(command string) {
	p.t.Helper()
	if out, err := exec.Command("wpa_cli", "-p", p.dir, "-i", fmt.Sprint("wlan", p.n), command).CombinedOutput(); err != nil {
		p.t.Fatalf("wpa_cli %s: %v: %s", command, err, out)
	}
}

// inPhone runs a function on a thread in a phone's network namespace, and returns when it has. Sockets that it opens itself are the
// phone's; it must not call t.Fatal. The thread goes back to where it was: it may be one whose end would end a child.
func inPhone(t *testing.T, n int, f func()) {
	t.Helper()
	inNet(t, fmt.Sprint("c", n), f)
}

func inNet(t *testing.T, name string, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		here, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer here.Close()
		there, err := os.Open("/run/netns/" + name)
		if err == nil {
			err = errors.Join(unix.Setns(int(there.Fd()), unix.CLONE_NEWNET), there.Close())
		}
		if err == nil {
			f()
			if err = unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err == nil {
				runtime.UnlockOSThread()
			}
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// lease has a phone ask for an address, by a client that is not this project's, and use it as a phone does.
func (p *phone) lease(t *testing.T) *nclient4.Lease {
	t.Helper()
	var c *nclient4.Client
	var err error
	inPhone(t, p.n, func() {
		c, err = nclient4.New(p.name(), nclient4.WithTimeout(time.Second), nclient4.WithRetry(30))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*kittest.Limit) // it waits twice as long each time
	defer cancel()
	l, err := c.Request(ctx)
	if err != nil {
		t.Fatalf("phone %d: no address: %v", p.n, err)
	}
	p.run(t, "ip", "addr", "flush", "dev", p.name())
	p.run(t, "ip", "addr", "add", l.ACK.YourIPAddr.String()+"/24", "dev", p.name())
	p.run(t, "ip", "route", "add", "default", "via", l.ACK.Router()[0].String())
	p.ip, p.dns = l.ACK.YourIPAddr.String(), l.ACK.DNS()[0].String()
	return l
}

func (p *phone) name() string { return fmt.Sprint("wlan", p.n) }

func (p *phone) run(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.Command("in-ns", append([]string{fmt.Sprint("c", p.n)}, command...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("phone %d: %v: %v: %s", p.n, command, err, out)
	}
	return string(out)
}

// ask has a phone ask for a name's address; "" is none.
func (p *phone) ask(t *testing.T, name string) (answer string) {
	t.Helper()
	var err error
	inPhone(t, p.n, func() {
		var r *dns.Msg
		c := dns.Client{Timeout: 5 * time.Second}
		if r, _, err = c.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), p.dns+":53"); err != nil {
			return
		}
		for _, rr := range r.Answer {
			if a, ok := rr.(*dns.A); ok {
				answer = a.A.String()
			}
		}
	})
	if err != nil {
		t.Errorf("phone %d asks for %s: %v", p.n, name, err)
	}
	return answer
}

// browser is one of the phone's: it finds pages by their names.
func (p *phone) browser(t *testing.T) *http.Client {
	return &http.Client{Timeout: kittest.Limit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(_ context.Context, network, address string) (c net.Conn, err error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			inPhone(t, p.n, func() {
				r, _, e := new(dns.Client).Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA), p.dns+":53")
				if err = e; err == nil {
					if len(r.Answer) == 0 {
						err = fmt.Errorf("%s: %s", host, dns.RcodeToString[r.Rcode])
						return
					}
					c, err = net.DialTimeout("tcp", net.JoinHostPort(r.Answer[0].(*dns.A).A.String(), port), kittest.Limit)
				}
			})
			return c, err
		}}}
}

// open has a phone open a page, as a person does.
func (p *phone) open(t *testing.T, url string) (status int, body string, err error) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	res, err := p.browser(t).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(b), err
}

// reaches is whether a phone gets through to a TCP port within two seconds.
func (p *phone) reaches(t *testing.T, address string) (yes bool) {
	t.Helper()
	inPhone(t, p.n, func() {
		c, err := net.DialTimeout("tcp", address, 2*time.Second)
		if yes = err == nil; yes {
			c.Close()
		}
	})
	return yes
}

// send has a phone put packets of its own making on the air, to the kit.
func (p *phone) send(t *testing.T, to net.HardwareAddr, next func(n int) []byte, times int) (sent int) {
	t.Helper()
	var err error
	inPhone(t, p.n, func() {
		var i *net.Interface
		if i, err = net.InterfaceByName(p.name()); err != nil {
			return
		}
		var c *packet.Conn
		if c, err = packet.Listen(i, packet.Datagram, unix.ETH_P_IP, nil); err != nil {
			return
		}
		defer c.Close()
		for n := range times {
			if _, e := c.WriteTo(next(n), &packet.Addr{HardwareAddr: to}); e == nil {
				sent++
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// outside is a network behind the kit, with a router, a server for names, and a page in the internet. It goes with the test.
func outside(t *testing.T, l *lab) {
	t.Helper()
	l.run("sh", "-c", ": >/run/netns/up && unshare --net=/run/netns/up true")
	there, err := os.Open("/run/netns/up")
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	peer := &rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{Name: "lan", NetNS: rtnetlink.NetNSForFD(uint32(there.Fd()))}}
	if err := c.Link.New(&rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{Name: "wan", Info: &rtnetlink.LinkInfo{Kind: "veth", Data: &driver.Veth{PeerInfo: peer}}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.run("ip", "link", "del", "wan") })
	for _, command := range []string{"in-ns up ip link set lo up", "in-ns up ip link set lan up", "in-ns up ip addr add 192.168.9.1/24 dev lan", "in-ns up ip addr add 8.8.8.8/32 dev lan",
		"ip link set wan up", "ip addr add 192.168.9.2/24 dev wan", "ip route add default via 192.168.9.1"} {
		l.run(strings.Fields(command)...)
	}
	var page net.Listener
	var names net.PacketConn
	inNet(t, "up", func() {
		if page, err = net.Listen("tcp", ":80"); err == nil {
			names, err = net.ListenPacket("udp4", "8.8.8.8:53")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "outside") })}
	go web.Serve(page)
	server := &dns.Server{PacketConn: names, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg)
		r.SetReply(q)
		r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(8, 8, 8, 8)}}
		w.WriteMsg(r)
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { web.Close(); names.Close() })
	if err := os.WriteFile(resolvConf, []byte("nameserver 8.8.8.8\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(resolvConf) })
}

// discover is the n-th DISCOVER of a phone that wants all addresses.
func discover(n int) []byte {
	m, err := dhcpv4.NewDiscovery(net.HardwareAddr{6, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	if err != nil {
		panic(err)
	}
	return datagram([4]byte{}, [4]byte{255, 255, 255, 255}, 68, 67, m.ToBytes())
}

// datagram is an IPv4 packet with a UDP datagram, whose checksum says that it has none.
func datagram(from, to [4]byte, source, port uint16, payload []byte) []byte {
	size := 28 + len(payload)
	p := append([]byte{0x45, 0, byte(size >> 8), byte(size), 0, 0, 0, 0, 64, 17, 0, 0}, from[:]...)
	p = append(p, to[:]...)
	sum := uint32(0)
	for n := 0; n < len(p); n += 2 {
		sum += uint32(p[n])<<8 | uint32(p[n+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	p[10], p[11] = byte(sum>>8), byte(sum)
	size -= 20
	p = append(p, byte(source>>8), byte(source), byte(port>>8), byte(port), byte(size>>8), byte(size), 0, 0)
	return append(p, payload...)
}
