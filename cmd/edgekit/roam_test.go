package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/internal/kittest"
)

// roamScript keeps when each picture was shown and taken, what the page asked for, and the taps it sent. The last picture may be shown again
// when its track ends.
const roamScript = stripScript + `
const roam = window.roam = { shown: [], asked: [], taps: new Set(), fresh: true };
addEventListener("DOMContentLoaded", () => {
  const v = document.querySelector("video");
  let last;
  const next = (_, m) => {
    v.requestVideoFrameCallback(next);
    if (m.rtpTimestamp === undefined || m.rtpTimestamp === last) return;
    last = m.rtpTimestamp;
    roam.shown.push([performance.timeOrigin + performance.now(), clock(v)]);
    if (roam.shown.length > 2000) roam.shown.splice(0, 1000);
  };
  v.requestVideoFrameCallback(next);
});
const tapped = (text) => { try { const m = JSON.parse(text); if (m.offer) roam.taps.add(m.id), roam.fresh = false; } catch (e) {} };
const real = window.fetch, send = RTCDataChannel.prototype.send, make = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (...how) {
  const channel = make.apply(this, how);
  channel.addEventListener("message", (e) => { if (JSON.parse(e.data).type === "offers") roam.fresh = true; });
  return channel;
};
window.fetch = (at, how = {}) => {
  const a = [Date.now(), (how.method || "GET") + " " + at.replace(/^(.whep).*/, "$1"), "…"];
  if (typeof how.body === "string") tapped(how.body);
  if (!at.includes("still")) roam.asked.push(a);
  const res = real(at, how);
  res.then((r) => { if (at === "/api/offers" && r.ok) roam.fresh = true; a[2] = r.status + " after " + (Date.now() - a[0]); }, (e) => { a[2] = e.name + " after " + (Date.now() - a[0]); });
  return res;
};
RTCDataChannel.prototype.send = function (text) { tapped(text); return send.call(this, text); };
`

var (
	roamRounds = flag.Int("roam.rounds", 1, "how often each journey is made, in TestTheBrowserHasThePictureBack")
	roamOnly   = flag.String("roam.only", "", "only those whose names match")
)

// street is where a phone walks: a kit, and two networks that lead to it.
type street struct {
	kit, phone *kittest.Net
	k          *kittest.Kit
	at         string // the kit's -listen
	ip         int    // the phone's last number

	router *kittest.Net // on the way from a third network, for long journeys
	up     int          // its last number
}

// hub is the kit's address in both networks.
const hub = "10.99.0.1"

func newStreet(t *testing.T) *street {
	s := &street{kit: kittest.NewNet(t), phone: kittest.NewNet(t), ip: 2}
	s.kit.IP("addr add "+hub+"/32 dev lo",
		"link add one type veth peer name one netns "+s.phone.Path(), "addr add 10.99.1.1/24 dev one", "link set one up",
		"link add two type veth peer name two netns "+s.phone.Path(), "addr add 10.99.2.1/24 dev two", "link set two up")
	s.phone.IP("link set two up", "link set one up", "addr add 10.99.1.2/24 dev one", "route add default via 10.99.1.1")
	kittest.Programs(t) // not built in there
	s.kit.Do(func() { s.k = kittest.Start(t, "-listen", hub+":0", "-picture", "640x360@30") })
	s.at = strings.TrimPrefix(s.k.Viewer, "http://")
	return s
}

// route makes a third network, whose router has one address for all in it.
func (s *street) route(t *testing.T) {
	s.router, s.up = kittest.NewNet(t), 2
	s.router.IP("link add three type veth peer name three netns "+s.phone.Path(), "addr add 10.99.3.1/24 dev three", "link set three up",
		"link add out type veth peer name four netns "+s.kit.Path(), fmt.Sprintf("addr add 10.99.4.%d/24 dev out", s.up), "link set out up")
	s.kit.IP("addr add 10.99.4.1/24 dev four", "link set four up")
	s.router.IP("route add default via 10.99.4.1")
	s.phone.IP("link set three up")
	var err error
	s.router.Do(func() { err = os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
	if err != nil {
		t.Fatal(err)
	}
	s.router.Do(func() {
		var c *nftables.Conn
		if c, err = nftables.New(); err != nil {
			return
		}
		nat := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "router"})
		out := c.AddChain(&nftables.Chain{Table: nat, Name: "out", Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource})
		c.AddRule(&nftables.Rule{Table: nat, Chain: out, Exprs: []expr.Any{&expr.Masq{}}})
		err = c.Flush()
	})
	if err != nil {
		t.Fatalf("address translation: %v", err)
	}
}

// journey is something that happens to the phone or the kit. what does it and ends when there is a path again; if there is an outage,
// away is called in it.
type journey struct {
	name string
	long bool // only when each is tried several times
	what func(t *testing.T, s *street, away func())
}

var journeys = []journey{
	{"another address in the network", false, func(t *testing.T, s *street, _ func()) {
		old := s.ip
		s.ip++
		s.phone.IP(fmt.Sprintf("addr del 10.99.1.%d/24 dev one", old), fmt.Sprintf("addr add 10.99.1.%d/24 dev one", s.ip), "route replace default via 10.99.1.1")
	}},
	{"another network", false, func(t *testing.T, s *street, _ func()) {
		s.phone.IP("addr add 10.99.2.2/24 dev two", "route replace default via 10.99.2.1", "addr flush dev one")
	}},
	{"the first network again", false, func(t *testing.T, s *street, _ func()) {
		s.phone.IP(fmt.Sprintf("addr add 10.99.1.%d/24 dev one", s.ip), "route replace default via 10.99.1.1", "addr flush dev two")
	}},
	{"a network behind a router", true, func(t *testing.T, s *street, _ func()) {
		s.phone.IP("addr add 10.99.3.2/24 dev three", "route replace default via 10.99.3.1", "addr flush dev one")
	}},
	{"another address of the router, which the phone does not know", true, func(t *testing.T, s *street, _ func()) {
		old := s.up
		s.up++
		s.router.IP(fmt.Sprintf("addr del 10.99.4.%d/24 dev out", old), fmt.Sprintf("addr add 10.99.4.%d/24 dev out", s.up), "route replace default via 10.99.4.1")
	}},
	{"the first network, from behind the router", true, func(t *testing.T, s *street, _ func()) {
		s.phone.IP(fmt.Sprintf("addr add 10.99.1.%d/24 dev one", s.ip), "route replace default via 10.99.1.1", "addr flush dev three")
	}},
	{"no network for 3 s", false, func(t *testing.T, s *street, away func()) { s.down(3*time.Second, away) }},
	{"out of reach for 3 s, which the phone does not know", false, func(t *testing.T, s *street, away func()) { s.deaf(3*time.Second, away) }},
	{"the kit is killed", false, func(t *testing.T, s *street, away func()) {
		s.k.Kill()
		away()
		s.kit.Do(func() { s.k = kittest.StartIn(t, s.k.Data, "-listen", s.at, "-picture", "640x360@30") })
	}},
	{"no network for 20 s", false, func(t *testing.T, s *street, away func()) { s.down(20*time.Second, away) }},
	{"out of reach for 20 s", true, func(t *testing.T, s *street, away func()) { s.deaf(20*time.Second, away) }},
	{"no network for 70 s", true, func(t *testing.T, s *street, _ func()) { s.down(70*time.Second, func() {}) }}, // a tap is not tried for so long
}

// down takes the phone's network away, and gives it back.
func (s *street) down(d time.Duration, away func()) {
	over := time.After(d)
	s.phone.IP("link set one down")
	away()
	<-over
	s.phone.IP("link set one up", "route replace default via 10.99.1.1")
}

// deaf has what phone and kit send go nowhere: to stations that there are not.
func (s *street) deaf(d time.Duration, away func()) {
	over := time.After(d)
	nobody := " lladdr 02:00:00:00:00:77 nud permanent dev one"
	s.phone.IP("neigh replace 10.99.1.1" + nobody)
	s.kit.IP(fmt.Sprintf("neigh replace 10.99.1.%d", s.ip) + nobody)
	away()
	<-over
	s.phone.IP("neigh del 10.99.1.1 dev one")
	s.kit.IP(fmt.Sprintf("neigh del 10.99.1.%d dev one", s.ip))
}

// reached waits until there is a way from phone to kit: interfaces take a while to be what they were told to be.
func (s *street) reached(t *testing.T) {
	t.Helper()
	kittest.Until(t, "a way to the kit", func() (there bool) {
		s.phone.Do(func() {
			c, err := net.DialTimeout("tcp", s.at, 30*time.Millisecond)
			if there = err == nil; there {
				c.Close()
			}
		})
		return there
	})
}

// TestTheBrowserHasThePictureBack: a real browser, in a network of its own that changes under it, has a picture again that was taken after there
// was a path; as the same visitor, without a question, and a tap made meanwhile sells once. How soon is in the log.
func TestTheBrowserHasThePictureBack(t *testing.T) {
	s := newStreet(t)
	if *roamRounds > 1 {
		s.route(t)
	}
	b := kittest.BrowserIn(t, s.phone, roamScript)
	kittest.Open(t, b, s.k.Viewer+"/")
	kittest.Press(t, b, "Agree")
	kittest.See(t, b, "moving picture", `roam.shown.length > 30`)
	origin := kittest.Read(t, b, `performance.timeOrigin`)
	taps := 0
	tap := func() {
		taps++
		kittest.Until(t, "a tap", func() bool { // the prompt may have been under way to another place
			kittest.Press(t, b, "Buy Pen for € 2.50")
			return kittest.Read(t, b, `roam.taps.size`) == fmt.Sprint(taps)
		})
	}
	sold := func(what string) {
		kittest.See(t, b, "ticket after "+what, fmt.Sprintf(`document.querySelector("#tickets").childElementCount === %d`, taps))
		kittest.See(t, b, "a token that was not used", `roam.fresh`)
	}
	took := map[string][]time.Duration{}
	for round := range *roamRounds {
		for _, j := range journeys {
			if !regexp.MustCompile(*roamOnly).MatchString(j.name) || j.long && *roamRounds == 1 {
				continue
			}
			if round > 0 { // a path is asked every 2.5 s while all is well: any moment of that may be the wrong one
				<-time.After(time.Duration(rand.Int64N(int64(2500 * time.Millisecond))))
			}
			outage := false
			j.what(t, s, func() { outage = true; tap() })
			s.reached(t)
			back, backMS := time.Now(), uint32(capture.Monotonic()/time.Millisecond)
			after := firstTaken(t, b, backMS).Sub(back).Round(time.Millisecond)
			took[j.name] = append(took[j.name], after)
			t.Logf("%s: the picture is back after %v; asked %s", j.name, after, kittest.Read(t, b, fmt.Sprintf(`roam.asked.splice(0).slice(-14).map(([at, what, came]) => what + " at " + (at - %d) + ": " + came).join(", ")`, back.UnixMilli())))
			if outage {
				sold(j.name)
			}
			tap()
			sold(j.name)
			if kittest.Read(t, b, `performance.timeOrigin`) != origin {
				t.Error("the page was loaded again")
			}
			if kittest.Read(t, b, `document.querySelector("dialog").open`) == "true" {
				t.Error("the page asks for consent again")
			}
		}
	}
	if n := kittest.Read(t, b, `roam.taps.size`); n != fmt.Sprint(taps) {
		t.Errorf("%d taps were sent under %s ids", taps, n)
	}
	for _, j := range journeys {
		if all := took[j.name]; len(all) > 1 {
			slices.Sort(all)
			t.Logf("%s: median %v, worst %v: %v", j.name, all[len(all)/2], all[len(all)-1], all)
		}
	}
}

// firstTaken is when the first picture was shown that was taken no earlier than a time of the synthetic camera's clock, in ms.
func firstTaken(t *testing.T, b context.Context, ms uint32) (shown time.Time) {
	t.Helper()
	find := fmt.Sprintf(`roam.shown.find(([, taken]) => taken >= 0 && (taken - %d | 0) >= 0)`, ms)
	kittest.See(t, b, "picture", "!!"+find)
	var at float64
	if err := json.Unmarshal([]byte(kittest.Read(t, b, find+"[0]")), &at); err != nil {
		t.Fatal(err)
	}
	return time.UnixMicro(int64(at * 1000))
}
