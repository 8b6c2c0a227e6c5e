//go:build bench

package wifiap

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// crowded is a machine whose kernel has many stations to tell of, in its own bytes.
type crowded struct {
	machine
	dump [][]byte
}

func (c *crowded) stations(int) ([]Station, error) { return nl80211.ReadStations(c.dump) }

// told is what a kernel tells of a station (linux/nl80211.h).
func told(t *testing.T, n byte) []byte {
	t.Helper()
	nested := func(e *netlink.AttributeEncoder, what uint16, f func(*netlink.AttributeEncoder)) {
		e.Nested(what, func(e *netlink.AttributeEncoder) error { f(e); return nil })
	}
	e := netlink.NewAttributeEncoder()
	e.Bytes(unix.NL80211_ATTR_MAC, []byte{2, 0, 0, 0, n, 0})
	nested(e, unix.NL80211_ATTR_STA_INFO, func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NL80211_STA_INFO_INACTIVE_TIME, 2236)
		e.Uint32(unix.NL80211_STA_INFO_CONNECTED_TIME, 6)
		e.Uint8(unix.NL80211_STA_INFO_SIGNAL, 0x100-30)
		e.Uint64(unix.NL80211_STA_INFO_RX_BYTES64, 1<<32+1826)
		e.Uint64(unix.NL80211_STA_INFO_TX_BYTES64, 964)
		nested(e, unix.NL80211_STA_INFO_RX_BITRATE, func(e *netlink.AttributeEncoder) { e.Uint32(unix.NL80211_RATE_INFO_BITRATE32, 260) })
		nested(e, unix.NL80211_STA_INFO_TX_BITRATE, func(e *netlink.AttributeEncoder) { e.Uint32(unix.NL80211_RATE_INFO_BITRATE32, 585) })
		const authorized = 1 << unix.NL80211_STA_FLAG_AUTHORIZED
		e.Bytes(unix.NL80211_STA_INFO_STA_FLAGS, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, authorized), authorized))
	})
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBenchStations lists 50 stations of a mixed network through a socket that answers HTTP, as edgeap's does, from a kernel's own
// bytes and a hostapd in a process of its own. The times in ms are in three lines, for who runs it: any list; the first one after all have
// joined; and one of phones that were missed when they joined, where hostapd is asked about each. The kernel's own work is not in them.
func TestBenchStations(t *testing.T) {
	const phones = 50
	t.Setenv("FAKE_HOSTAPD", "good")
	c := &crowded{}
	for n := range byte(phones) {
		c.dump = append(c.dump, told(t, n))
	}
	r := stick()
	r.Interface = "wlan0"
	c.plug(r)
	dir := t.TempDir()
	a, _ := startOn(t, dir, c, Config{})
	n := network()
	n.Security, n.Phones = Mixed, phones
	a.Want(n)
	await(t, a, is(drivers.Ready))
	var joined []hostap.Event
	for n := range phones {
		e := hostap.Event{Name: "AP-STA-CONNECTED", MAC: fmt.Sprintf("02:00:00:00:%02x:00", n)}
		hears(dir, e.MAC, "SAE", network().Password, "off")
		joined = append(joined, e)
	}

	path := filepath.Join(t.TempDir(), "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		all, err := a.Stations(r.Context())
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(rw).Encode(all) // who does not get it says so
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	list := func() float64 {
		begun := time.Now()
		res, err := (&http.Client{Transport: transport}).Get("http://edgeap/status")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var all []Station
		if err := json.NewDecoder(res.Body).Decode(&all); err != nil || len(all) != phones || !all[phones-1].SAE || all[0].SignalDBm != -30 {
			t.Fatalf("%d stations, %v", len(all), err)
		}
		return float64(time.Since(begun)) / float64(time.Millisecond)
	}
	for _, anew := range [][]hostap.Event{nil, joined, {}} {
		var took []float64
		for range 500 {
			if anew != nil {
				a.mu.Lock()
				clear(a.sae)
				a.mu.Unlock()
			}
			for _, e := range anew {
				a.came(e)
			}
			took = append(took, list())
		}
		line, err := json.Marshal(took)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("took %s\n", line)
	}
}
