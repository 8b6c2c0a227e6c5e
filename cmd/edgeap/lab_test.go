//go:build lab

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/hardware/identity"
)

// TestLabAccessPoint is a market day of the access point, with the very program of the image, Debian's hostapd and the kernel's
// own 802.11 (mac80211_hwsim: three radios that hear one another): phones join by WPA3 and WPA2, reach the kit, and stay. What becomes of
// hostapd itself is drivers/wifiap's TestLabLife.
func TestLabAccessPoint(t *testing.T) {
	l := newLab(t)
	l.set("mode = \"ap\"\nsecurity = \"mixed\"\ncountry = \"DE\"\n")
	began := time.Now()
	l.start()
	up := l.ready("access point")
	t.Logf("up %v after the start of edgeap", time.Since(began).Round(time.Millisecond))
	if up.SSID != l.join.SSID || up.Security != "mixed" || up.Country != "DE" || up.Channel != 6 || up.Address != "10.66.0.1/24" || up.Most < 10 || up.Starts != 1 {
		t.Errorf("%+v", up)
	}
	if info := l.run("iw", "dev", "wlan0", "info"); !strings.Contains(info, "type AP") {
		t.Errorf("iw: %s", info)
	}
	if a := l.run("ip", "addr", "show", "wlan0"); !strings.Contains(a, "inet 10.66.0.1/24 ") {
		t.Errorf("ip: %s", a)
	}
	if st, err := os.Stat("/run/edgeap/hostapd.conf"); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("hostapd.conf: %v, %v", st, err)
	}

	one, two := l.phone(t, 1, "SAE", l.join.Password), l.phone(t, 2, "WPA-PSK", l.join.Password)
	began = time.Now()
	both := l.until("two phones on", func(w wire.Wifi) bool { return authorized(w, 1) && authorized(w, 2) })
	t.Logf("two phones joined within %v", time.Since(began).Round(time.Millisecond))
	for _, s := range both.Stations {
		if s.WPA3 != (s.MAC == mac(1)) {
			t.Errorf("%s joined by WPA3: %v", s.MAC, s.WPA3)
		}
	}
	l.until("what is known of a phone", func(w wire.Wifi) bool {
		s := station(w, 1)
		return s.SignalDBm < 0 && s.ConnectedMS >= 1000 && s.RxKbps > 0 && s.RxBytes > 0 && s.TxBytes > 0
	})

	t.Run("phones reach the kit and not one another", func(t *testing.T) {
		for _, p := range []*phone{one, two} {
			p.lease(t)
			kittest.Until(t, "the kit answers", func() bool { return ping(p.n, "10.66.0.1") == nil })
		}
		if ping(1, two.ip) == nil || ping(2, one.ip) == nil {
			t.Error("phones reach one another")
		}
	})

	t.Run("edgeap killed: phones stay on, and the next one takes hostapd over", func(t *testing.T) {
		was := l.status()
		l.kill()
		if err := ping(1, "10.66.0.1"); err != nil {
			t.Errorf("with edgeap gone: %v", err)
		}
		l.start()
		is := l.ready("access point taken over")
		if !is.Adopted || is.PID != was.PID || is.Starts != 0 {
			t.Errorf("%+v", is)
		}
		if a, b := station(was, 1), station(l.status(), 1); b.ConnectedMS < a.ConnectedMS || !b.Authorized {
			t.Errorf("the phone joined anew: %+v, then %+v", a, b)
		}
	})

	t.Run("the kit shows it, and is killed: the network stays up", func(t *testing.T) {
		k := kittest.StartIn(t, l.data, "-picture", "320x180@5")
		kittest.UntilWithin(t, "a row of the access point in the kit's status", 2*kittest.Limit, func() bool {
			var s wire.KitStatus
			l.get("control.sock", "/status", &s)
			for _, d := range s.Devices {
				if d.Device == "wifi" && d.State == "ready" && strings.Contains(d.Name, l.join.SSID) {
					return true
				}
			}
			return false
		})
		was := l.status()
		k.Kill()
		if is := l.status(); is.Device.State != "ready" || is.PID != was.PID || !authorized(is, 1) {
			t.Errorf("%+v", is)
		}
	})

	t.Run("the interface is taken down", func(t *testing.T) {
		was := l.status()
		began := time.Now()
		l.run("ip", "link", "set", "wlan0", "down")
		l.until("another hostapd", func(w wire.Wifi) bool { return w.Device.State == "ready" && w.PID != was.PID })
		t.Logf("up again after %v", time.Since(began).Round(time.Millisecond))
		l.until("the phone is back by itself", func(w wire.Wifi) bool { return authorized(w, 1) })
	})

	t.Run("the radio is taken out and put in again", func(t *testing.T) {
		hwsim(t, delRadio)
		l.until("nothing", func(w wire.Wifi) bool { return w.Device.State == "absent" && w.Radio == "" })
		began := time.Now()
		hwsim(t, newRadio)
		l.ready("the radio is found")
		t.Logf("up %v after it was put in", time.Since(began).Round(time.Millisecond))
		l.back("a phone is back by itself", one)
		t.Logf("a phone on %v after it was put in", time.Since(began).Round(time.Millisecond))
		was := one.ip
		if one.lease(t); one.ip != was {
			t.Errorf("it had %s, and has %s", was, one.ip)
		}
		if a := one.ask(t, "shop.example.com"); a != "10.66.0.1" {
			t.Errorf("names are not answered: %q", a)
		}
	})

	t.Run("other settings, without a restart", func(t *testing.T) {
		l.set("mode = \"ap\"\nssid = \"Blau; Tür\"\npassword = \"correct horse\"\nsecurity = \"wpa3\"\ncountry = \"US\"\nchannel = 13\n")
		l.until("a reason", func(w wire.Wifi) bool {
			return w.Device.State == "failed" && strings.Contains(w.Device.Reason, "channel 13 in the country US")
		})
		l.set("mode = \"ap\"\nssid = \"Blau; Tür\"\npassword = \"correct horse\"\nsecurity = \"wpa3\"\ncountry = \"US\"\nband = \"5\"\n")
		w := l.until("WPA3 on 5 GHz", func(w wire.Wifi) bool { return w.Device.State == "ready" && w.SSID == "Blau; Tür" })
		if w.Security != "wpa3" || w.Channel != 36 {
			t.Errorf("%+v", w)
		}
		l.set("mode = \"off\"\n")
		l.until("off", func(w wire.Wifi) bool { return w.Device.State == "absent" && w.Mode == "off" })
		if out, _ := exec.Command("pidof", "hostapd").Output(); len(out) > 0 {
			t.Errorf("hostapd runs: %s", out)
		}
	})
	one.end()
	two.end()
	t.Run("an open network, which a phone joins without a password", func(t *testing.T) {
		l.set("mode = \"ap\"\nsecurity = \"open\"\n")
		l.until("open", func(w wire.Wifi) bool { return w.Device.State == "ready" && w.Security == "open" })
		p := l.phone(t, 1, "NONE", "")
		w := l.until("a phone on", func(w wire.Wifi) bool { return authorized(w, 1) })
		if station(w, 1).WPA3 {
			t.Errorf("%+v", w)
		}
		p.lease(t)
		if a := p.ask(t, "edgekit.internal"); a != "10.66.0.1" {
			t.Errorf("names are not answered: %q", a)
		}
		if p.reaches(t, "10.66.0.1:22") {
			t.Error("more is open to it than the page")
		}
	})
	l.cmd.Process.Signal(syscall.SIGTERM)
	if err := l.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	if out, _ := exec.Command("pidof", "hostapd").Output(); len(out) > 0 {
		t.Errorf("hostapd runs after an orderly end: %s", out)
	}
	if log := l.log(); strings.Contains(log, l.join.Password) || strings.Contains(log, "correct horse") || strings.Contains(log, mac(1)) {
		t.Errorf("a secret or a phone's address in the log:\n%s", log)
	}
}

// lab is an edgeap in the lab's machine.
type lab struct {
	t    *testing.T
	data string
	join settings.Join
	cmd  *exec.Cmd
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, data: t.TempDir()}
	if err := os.RemoveAll("/run/edgeap"); err != nil { // as a power cut: no test meets phones that have been through another's portal
		t.Fatal(err)
	}
	who, err := identity.Open(l.data)
	if err != nil {
		t.Fatal(err)
	}
	l.join, _ = settings.Default().Join(who.ID, who.Secret(settings.JoinSecret))
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := os.ReadFile("/run/edgeap/hostapd.log")
			t.Logf("edgeap's log:\n%s\nhostapd's:\n%s", l.log(), said)
		}
		if l.cmd != nil && l.cmd.ProcessState == nil { // the test ended early: what it left would answer the next one's phones
			l.cmd.Process.Signal(syscall.SIGTERM)
			l.cmd.Wait()
		}
	})
	return l
}

func (l *lab) set(wifi string) {
	l.t.Helper()
	path := filepath.Join(l.data, settings.Name)
	if err := os.WriteFile(path+".new", []byte("[wifi]\n"+wifi), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) start(flags ...string) {
	l.t.Helper()
	log, err := os.OpenFile(filepath.Join(l.data, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	l.cmd = exec.Command(filepath.Join(kittest.Programs(l.t), "edgeap"), append([]string{"-data", l.data}, flags...)...)
	l.cmd.Stderr = log
	if err := l.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) kill() {
	l.cmd.Process.Kill()
	l.cmd.Wait()
}

func (l *lab) log() string {
	b, err := os.ReadFile(filepath.Join(l.data, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (l *lab) client(socket string) *http.Client {
	return &http.Client{Timeout: kittest.Limit, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(l.data, socket))
	}}}
}

func (l *lab) get(socket, path string, answer any) {
	if res, err := l.client(socket).Get("http://kit" + path); err == nil {
		defer res.Body.Close()
		json.NewDecoder(res.Body).Decode(answer)
	}
}

func (l *lab) put(path string) {
	l.t.Helper()
	req, err := http.NewRequest(http.MethodPut, "http://kit"+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	res, err := l.client(wire.WifiSocket).Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		l.t.Errorf("PUT %s: %s", path, res.Status)
	}
}

// status is what edgeap says; nothing while it does not answer.
func (l *lab) status() (w wire.Wifi) {
	l.get(wire.WifiSocket, "/status", &w)
	return w
}

func (l *lab) until(what string, ok func(wire.Wifi) bool) (w wire.Wifi) {
	l.t.Helper()
	defer func() {
		if !ok(w) {
			l.t.Logf("%s: edgeap says %+v", what, w)
		}
	}()
	kittest.UntilWithin(l.t, what, 2*kittest.Limit, func() bool { w = l.status(); return ok(w) })
	return w
}

func (l *lab) ready(what string) wire.Wifi {
	l.t.Helper()
	return l.until(what, func(w wire.Wifi) bool { return w.Device.State == "ready" })
}

func (l *lab) run(command ...string) string {
	l.t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%v: %v: %s", command, err, out)
	}
	return string(out)
}

// mac is a phone's address, which the kernel gives by the radios' numbers.
func mac(n int) string { return fmt.Sprintf("02:00:00:00:%02d:00", n) }

func station(w wire.Wifi, n int) (s wire.WifiStation) {
	for _, s := range w.Stations {
		if s.MAC == mac(n) {
			return s
		}
	}
	return s
}

func authorized(w wire.Wifi, n int) bool { return station(w, n).Authorized }

func ping(n int, to string) error {
	return exec.Command("in-ns", fmt.Sprint("c", n), "ping", "-c", "1", "-W", "2", to).Run()
}

// Commands and attributes of the virtual radios' own family (drivers/net/wireless/mac80211_hwsim.h).
const (
	newRadio, delRadio = 4, 5
	radioName          = 17
)

// hwsim takes the radio of wlan0 out of the machine, or puts another one in.
func hwsim(t *testing.T, command uint8) {
	t.Helper()
	hwsimOf(t, command, "wlan0")
}

func hwsimOf(t *testing.T, command uint8, interfaceName string) {
	t.Helper()
	c, err := genetlink.Dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.GetFamily("MAC80211_HWSIM")
	if err != nil {
		t.Fatal(err)
	}
	e := netlink.NewAttributeEncoder()
	if command == delRadio {
		phy, err := os.ReadFile(filepath.Join("/sys/class/net", interfaceName, "phy80211/name"))
		if err != nil {
			t.Fatal(err)
		}
		e.String(radioName, strings.TrimSpace(string(phy)))
	}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	flags := netlink.Request
	if command == delRadio {
		flags |= netlink.Acknowledge
	}
	m := genetlink.Message{Header: genetlink.Header{Command: command, Version: f.Version}, Data: data}
	if command == newRadio { // answered by the radio's number, in an error's place
		if _, err := c.Send(m, f.ID, flags); err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, err := c.Execute(m, f.ID, flags); err != nil {
		t.Fatal(err)
	}
}
