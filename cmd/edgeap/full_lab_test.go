//go:build lab

package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// waitsFor bounds what comes of the kit's own rules: a phone rests for wire.WifiRest.
const waitsFor = wire.WifiRest + 2*kittest.Limit

// TestLabAFullNetwork has four phones want the three places of a network, by the programs and their own clocks: an operator's, one that
// nobody looks at, one whose person only looks, and one that hostapd has to turn away. The second goes first and the first never; the
// third is told and stays by a tap; and whoever had to go is back by itself when there is room.
func TestLabAFullNetwork(t *testing.T) {
	const boss, pocket, watcher, newcomer = 1, 2, 13, 14
	l := newLab(t)
	for _, n := range []int{watcher, newcomer} {
		l.radio(t, n)
	}
	l.set("mode = \"ap\"\ncountry = \"DE\"\nchannel = 6\nphones = 3\nstay = 1\n")
	l.start()
	defer l.kill()
	if w := l.ready("access point"); w.Most != 3 {
		t.Errorf("%+v", w)
	}
	k := kittest.StartIn(t, l.data, "-picture", "160x90@1", "-listen", ":8080", "-operator", ":8443", "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))
	join := func(n int) *phone {
		p := l.phone(t, n, "WPA-PSK", l.join.Password)
		p.joined(t)
		p.lease(t)
		return p
	}
	are := func(when string, want ...int) {
		t.Helper()
		w := l.status()
		for _, n := range []int{boss, pocket, watcher, newcomer} {
			if slices.Contains(want, n) != authorized(w, n) {
				t.Errorf("%s: phone %d is on: %v. %+v", when, n, authorized(w, n), w.Stations)
			}
		}
	}

	join(boss).pair(t, k.Code)
	idle := join(pocket)
	page, place := join(watcher).watch(t)
	began := time.Now()
	last := l.phone(t, newcomer, "WPA-PSK", l.join.Password)
	kittest.UntilWithin(t, "hostapd to turn the fourth away: it has no more room (IEEE 802.11-2020, table 9-50)", 2*kittest.Limit, func() bool {
		return strings.Contains(last.log(), "CTRL-EVENT-AUTH-REJECT") && strings.Contains(last.log(), "status_code=17")
	})
	are("full", boss, pocket, watcher)
	last.on(t, 1)
	t.Logf("the next phone is let in %v after it came", time.Since(began).Round(time.Second))
	are("room was made", boss, watcher, newcomer)
	if n := strings.Count(k.Log(), "a phone was let go"); n != 1 {
		t.Errorf("%d phones were let go for one:\n%s", n, k.Log())
	}
	if len(place) > 0 {
		t.Errorf("who looks was told %+v", <-place)
	}
	last.lease(t)
	if status, body, err := last.open(t, "http://edgekit.internal/"); err != nil || status != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("the page: %d, %v", status, err)
	}
	_, lastPlace := last.watch(t)
	kittest.UntilWithin(t, "who had to go to be kept out for a while", 2*kittest.Limit, func() bool {
		return strings.Contains(idle.log(), "CTRL-EVENT-AUTH-REJECT")
	})

	if p := hears(t, place); p.Is != wire.PlaceGoes || p.InMS != 20_000 || p.Code == "" {
		t.Errorf("%+v", p)
	}
	if status, err := page.Do("POST", "/api/stay", nil, nil); err != nil || status != http.StatusNoContent {
		t.Errorf("stay: %d, %v", status, err)
	}
	if p := hears(t, place); p.Is != wire.PlaceStays {
		t.Errorf("%+v", p)
	}
	if p := hears(t, lastPlace); p.Is != wire.PlaceGoes || p.Code == "" {
		t.Errorf("%+v", p)
	}
	idle.on(t, 2)
	are("one that does not tap made room for who rested", boss, pocket, watcher)
	idle.lease(t)
	kittest.UntilWithin(t, "its sheet to say why it had to go", 2*kittest.Limit, func() bool {
		_, body, err := idle.open(t, "http://edgekit.internal/portal")
		return err == nil && strings.Contains(body, "your place went to somebody else")
	})
	idle.end()
	last.on(t, 2)
	are("there was room again", boss, watcher, newcomer)
}

// radio puts one in for a further phone, whose number must be none of the kernel's own for radios. It stays, as the machine's own do.
func (l *lab) radio(t *testing.T, n int) {
	t.Helper()
	ns := fmt.Sprint("c", n)
	if _, err := os.Stat("/run/netns/" + ns); err == nil {
		return
	}
	radios := func() (all []string) {
		all, err := filepath.Glob("/sys/class/ieee80211/*/device/net/*")
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	was := radios()
	hwsim(t, newRadio)
	var is []string
	kittest.Until(t, "a radio", func() bool {
		is = slices.DeleteFunc(radios(), func(r string) bool { return slices.Contains(was, r) })
		return len(is) == 1
	})
	name := filepath.Base(is[0])
	phy := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(is[0]))))
	l.run("sh", "-c", ": >/run/netns/"+ns+" && unshare --net=/run/netns/"+ns+" true")
	l.run("iw", "phy", phy, "set", "netns", "name", ns)
	for _, command := range []string{"ip link set lo up", "ip link set " + name + " address " + mac(n), "ip link set " + name + " name wlan" + fmt.Sprint(n)} {
		l.run(append([]string{"in-ns", ns}, strings.Fields(command)...)...)
	}
}

// on waits until a phone has joined so many times.
func (p *phone) on(t *testing.T, times int) {
	t.Helper()
	kittest.UntilWithin(t, fmt.Sprintf("phone %d on for the %d. time", p.n, times), waitsFor, func() bool {
		return strings.Count(p.log(), "CTRL-EVENT-CONNECTED") >= times
	})
}

// pair makes an operator's of a phone.
func (p *phone) pair(t *testing.T, code string) {
	t.Helper()
	v := p.visitor(t, "https://edgekit.internal:8443")
	v.Client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	kittest.UntilWithin(t, "the console's door", 2*kittest.Limit, func() bool {
		status, err := v.Do("POST", "/api/operator/pair", map[string]string{"code": code}, nil)
		return err == nil && status == http.StatusNoContent
	})
	if status, err := v.Do("GET", "/api/operator/settings", nil, nil); err != nil || status != http.StatusOK { // by which the kit knows the phone
		t.Fatalf("phone %d's console: %d, %v", p.n, status, err)
	}
}

// visitor is a browser with cookies at a phone.
func (p *phone) visitor(t *testing.T, base string) *kittest.Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &kittest.Visitor{Base: base, Client: p.browser(t)}
	v.Client.Jar = jar
	return v
}

// watch opens a page at a phone, as one without a data channel: it is told what becomes of its place.
func (p *phone) watch(t *testing.T) (v *kittest.Visitor, place <-chan wire.Place) {
	t.Helper()
	v = p.visitor(t, "http://edgekit.internal")
	kittest.UntilWithin(t, "a session", 2*kittest.Limit, func() bool {
		status, err := v.Do("POST", "/api/session", nil, nil)
		return err == nil && status == http.StatusOK
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.Base+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	stays := *v.Client
	stays.Timeout = 0
	res, err := stays.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("phone %d's news: %+v, %v", p.n, res, err)
	}
	said := make(chan wire.Place, 8)
	go func() {
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			data, _ := strings.CutPrefix(lines.Text(), "data: ")
			var is wire.Place
			if json.Unmarshal([]byte(data), &is) == nil && is.Type == wire.TypePlace {
				select {
				case said <- is:
				default: // more than a test asks for
				}
			}
		}
	}()
	return v, said
}

// hears waits until a page is told something of its place.
func hears(t *testing.T, place <-chan wire.Place) (p wire.Place) {
	t.Helper()
	select {
	case p = <-place:
	case <-time.After(waitsFor):
		t.Fatalf("a page is told nothing within %v", waitsFor)
	}
	return p
}
