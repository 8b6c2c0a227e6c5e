package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"edgekit.internal/cmd/internal/kittest"
)

// venue is a network with a kit, and a cable to it from this machine, which lets through what it is told to. It takes root.
type venue struct {
	t   *testing.T
	kit *kittest.Net
}

// venueKit is the kit's address.
const venueKit = "10.99.8.1"

func newVenue(t *testing.T) *venue {
	v := &venue{t: t, kit: kittest.NewNet(t)}
	here := fmt.Sprint("venue", os.Getpid()) // goes with its other end
	v.kit.IP(fmt.Sprintf("link add cable type veth peer name %s netns %d", here, os.Getpid()), "addr add "+venueKit+"/24 dev cable", "link set cable up")
	for _, line := range []string{"addr add 10.99.8.2/24 dev " + here, "link set " + here + " up"} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
	return v
}

func (v *venue) start() (k *kittest.Kit) {
	kittest.Programs(v.t) // not built in there
	v.kit.Do(func() { k = kittest.Start(v.t, "-listen", venueKit+":0") })
	kittest.Until(v.t, "a way to the kit", func() bool { // the cable's ends take a while to be up
		c, err := net.Dial("tcp", strings.TrimPrefix(k.Viewer, "http://"))
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	return k
}

// udp says whether the network lets UDP through, either way.
func (v *venue) udp(passes bool) {
	v.t.Helper()
	var c *nftables.Conn
	var err error
	v.kit.Do(func() { c, err = nftables.New(nftables.AsLasting()) })
	if err != nil {
		v.t.Fatal(err)
	}
	defer c.CloseLasting()
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "venue"}
	c.AddTable(table) // so that there is one to delete
	c.DelTable(table)
	if !passes {
		c.AddTable(table)
		for name, hook := range map[string]*nftables.ChainHook{"in": nftables.ChainHookInput, "out": nftables.ChainHookOutput} {
			chain := c.AddChain(&nftables.Chain{Name: name, Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter})
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
				&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
				&expr.Verdict{Kind: expr.VerdictDrop},
			}})
		}
	}
	if err := c.Flush(); err != nil {
		v.t.Fatal(err)
	}
}

// peersScript keeps the page's connections.
const peersScript = `
window.peers = [];
const Real = RTCPeerConnection;
window.RTCPeerConnection = class extends Real { constructor(...how) { super(...how); peers.push(this); } };
`

// way is the protocol by which the page's picture comes now, and the kit's port; "": it connects.
func way(t *testing.T, b context.Context) string {
	t.Helper()
	return kittest.Read(t, b, `(async () => {
		const all = await peers.at(-1).getStats();
		const pair = all.get([...all.values()].find((s) => s.type === "transport")?.selectedCandidatePairId);
		return pair ? all.get(pair.localCandidateId).protocol + " to " + all.get(pair.remoteCandidateId).port : "";
	})()`)
}

// TestTheShopIsOpenWhereNoUDPGetsThrough: a phone in such a network sees the picture move and buys, through the port of the page. When
// the network changes its mind under a page that plays, the picture goes on by the other way.
func TestTheShopIsOpenWhereNoUDPGetsThrough(t *testing.T) {
	v := newVenue(t)
	v.udp(false)
	k := v.start()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(k.Viewer, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	b := kittest.Browser(t, peersScript, shownScript)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Agree")
	kittest.See(t, b, "moving picture", seen+` > 60`)
	kittest.Until(t, "the picture comes by TCP", func() bool { return way(t, b) == "tcp to "+port })
	kittest.Press(t, b, "Buy Mug for € 10.00")
	kittest.See(t, b, "outcome", status+`.startsWith("Confirmed")`)

	soon := func() string {
		t.Helper()
		kittest.See(t, b, "picture", `shown.length > 0`)
		return kittest.Read(t, b, `Math.round(shown[0] - performance.timeOrigin)`)
	}
	kittest.Open(t, b, k.Viewer+"/?warm")
	t.Logf("the first picture is there %s ms after the page was asked for, by %s", soon(), way(t, b))

	origin := kittest.Read(t, b, `performance.timeOrigin`)
	for _, passes := range []bool{true, false} {
		v.udp(passes)
		changed := time.Now()
		if passes { // a browser that has a way looks for no better one for a while: it is told to
			kittest.Open(t, b, k.Viewer+"/?again")
			t.Logf("and %s ms by %s", soon(), way(t, b))
			origin = kittest.Read(t, b, `performance.timeOrigin`)
		}
		want := map[bool]string{true: "udp", false: "tcp"}[passes] + " to " + port
		kittest.Until(t, "the picture comes by "+want, func() bool {
			return kittest.Read(t, b, seen+` > 30 && peers.length > 0`) == "true" && way(t, b) == want
		})
		t.Logf("the picture comes by %s %v after UDP passes: %v", want, time.Since(changed).Round(time.Millisecond), passes)
		n, err := strconv.Atoi(kittest.Read(t, b, seen))
		if err != nil {
			t.Fatal(err)
		}
		kittest.See(t, b, "moving picture by "+want, seen+" > "+strconv.Itoa(n+60))
	}
	t.Logf("the longest without a picture was %s ms; the page has made %s connection(s)", kittest.Read(t, b, `Math.max(...shown.slice(1).map((at, i) => at - shown[i]))`), kittest.Read(t, b, "peers.length"))
	kittest.Press(t, b, "Buy Pen for € 2.50")
	kittest.See(t, b, "outcome", status+`.startsWith("Confirmed")`)
	if kittest.Read(t, b, `performance.timeOrigin`) != origin {
		t.Error("the page was loaded again")
	}
	if code, took := k.Stop(); code != 0 || took > 3*time.Second { // as it promises
		t.Errorf("it ends with %d after %v while somebody watches by TCP", code, took)
	}
}
