//go:build bench

package fanout

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// TestBenchViewersOverTCPBehindABottleneck is some of pion's players behind a queue of the kernel's own that carries less than they want, by
// UDP and without it: what is old must not pile up before it. It takes root.
//
//	go test -tags bench -run TestBenchViewersOverTCP -v ./capture/fanout
func TestBenchViewersOverTCPBehindABottleneck(t *testing.T) {
	for _, c := range []struct {
		phones, kbps int
		tcp          bool
	}{{1, 1200, false}, {1, 1200, true}, {6, 5000, false}, {6, 5000, true}} {
		t.Run(fmt.Sprintf("%d by TCP %v", c.phones, c.tcp), func(t *testing.T) {
			b := newBottleneck(t, nil)
			// The kit is at the other end: players connect by TCP from where they are made.
			var udp *net.UDPConn
			var l net.Listener
			var errs [2]error
			b.there(func() {
				udp, errs[0] = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(farEnd)})
				l, errs[1] = net.Listen("tcp4", net.JoinHostPort(farEnd, "0"))
			})
			for _, err := range errs {
				if err != nil {
					t.Fatal(err)
				}
			}
			b.kit = newKit(t, Config{Conn: udp, TCPPort: l.Addr().(*net.TCPAddr).AddrPort().Port(), SetBitrate: func(l uint8, kbps int) { b.rates[l].Store(int64(kbps)) }})
			serveTCP(t, b.kit, l)
			b.kit.SetLayers(simLadder)
			for _, layer := range simLadder {
				b.rates[layer.ID].Store(int64(layer.Kbps))
				b.encode(layer)
			}
			queue := func(kbps int) {
				b.run("tc", fmt.Sprintf("-n %s qdisc replace dev edgekit-far root tbf rate %dkbit burst 16k latency 250ms", namespace, kbps))
			}
			queue(c.kbps)
			for range c.phones {
				w := &watcher{last: time.Now(), held: map[uint16]*rtp.Packet{}}
				w.client = newClient(t, b.kit, clientConfig{channel: true, tcp: c.tcp, host: netip.MustParseAddr(farEnd), play: w.play, heard: w.heard})
				b.phones = append(b.phones, w)
			}
			t.Logf("%d phones on %d kbit/s, as they come: %v", c.phones, c.kbps, b.watch(8*time.Second))
			t.Logf("then: %v", b.watch(15*time.Second))
			queue(c.kbps / 3)
			t.Logf("of a third, at first: %v", b.watch(5*time.Second))
			t.Logf("then: %v", b.watch(10*time.Second))
			queue(c.kbps)
			b.watch(20 * time.Second)
			t.Logf("of all again, after 20 s: %v", b.watch(5*time.Second))
			t.Logf("%+v", b.kit.Stats())
		})
	}
}
