package firewall

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"edgekit.internal/drivers/portal"
)

// TestIntervalsCoverTheirNetworks, and nothing else: an address is in the set if the last element at or below it is a beginning.
func TestIntervalsCoverTheirNetworks(t *testing.T) {
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		n := rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0, 1, 0x0a000000, 0x0affffff, 0x0b000000, 0xe0000000, 0xdfffffff, 0xffffffff})).Draw(t, "address")
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
	})
	rapid.Check(t, func(t *rapid.T) {
		networks := append([]netip.Prefix{}, never...)
		for range rapid.IntRange(0, 8).Draw(t, "networks") {
			networks = append(networks, netip.PrefixFrom(address.Draw(t, "network"), rapid.IntRange(1, 32).Draw(t, "bits")))
		}
		es := intervals(networks)
		for n := 1; n < len(es); n++ {
			if bytes.Compare(es[n-1].Key, es[n].Key) >= 0 || es[n-1].IntervalEnd == es[n].IntervalEnd {
				t.Fatalf("out of order: %v", es)
			}
		}
		for range 20 {
			a := address.Draw(t, "probe")
			want, got := false, false
			for _, p := range networks {
				want = want || p.Masked().Contains(a)
			}
			for _, e := range es {
				if bytes.Compare(e.Key, a.AsSlice()) <= 0 {
					got = !e.IntervalEnd
				}
			}
			if got != want {
				t.Fatalf("%v: %v, want %v, of %v", a, got, want, networks)
			}
		}
	})
}

func TestElementsAreAsTheKernelPadsThem(t *testing.T) {
	es := elements([]portal.Lease{{MAC: portal.MAC{2, 0, 0, 0, 1, 0}, IP: netip.MustParseAddr("10.66.0.10")}})
	if len(es) != 1 || !bytes.Equal(es[0].Key, []byte{10, 66, 0, 10, 2, 0, 0, 0, 1, 0, 0, 0}) {
		t.Errorf("%v", es)
	}
}

func TestWhatCannotBeATable(t *testing.T) {
	for _, c := range []Config{{}, {Interface: "a name of sixteen", Kit: netip.MustParsePrefix("10.66.0.1/24"), Visitors: 80}, {Interface: "wlan0", Visitors: 80},
		{Interface: "wlan0", Kit: netip.MustParsePrefix("fe80::1/64"), Visitors: 80}, {Interface: "wlan0", Kit: netip.MustParsePrefix("10.66.0.1/24")}} {
		if err := (&Firewall{}).Set(c); err == nil {
			t.Errorf("%+v taken", c)
		}
	}
}
