package h264

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNALsAreFoundBehindEitherStartCode(t *testing.T) {
	sps, pps, idr := []byte{0x67, 1, 2}, []byte{0x68, 3}, []byte{0x65, 0, 0, 3, 1, 9}
	for name, c := range map[string]struct {
		stream []byte
		want   [][]byte
	}{
		"four bytes":         {join([]byte{0, 0, 0, 1}, sps, pps, idr), [][]byte{sps, pps, idr}},
		"three bytes":        {join([]byte{0, 0, 1}, sps, pps, idr), [][]byte{sps, pps, idr}},
		"bytes before":       {append([]byte{9, 9}, join([]byte{0, 0, 1}, pps)...), [][]byte{pps}},
		"trailing zeros":     {append(join([]byte{0, 0, 1}, sps, pps), 0, 0, 0), [][]byte{sps, pps}},
		"empty unit":         {[]byte{0, 0, 1, 0, 0, 1, 0x68}, [][]byte{{0x68}}},
		"ends in start code": {[]byte{0, 0, 1, 0x68, 0, 0, 1}, [][]byte{{0x68}}},
		"no start code":      {[]byte{1, 2, 3}, nil},
		"nothing":            {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, slices.Collect(NALs(c.stream))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNALsAreWindowsThatCannotGrowIntoTheirNeighbour(t *testing.T) {
	stream := join([]byte{0, 0, 1}, []byte{0x67, 1}, []byte{0x68, 2})
	before := bytes.Clone(stream)
	for nal := range NALs(stream) {
		_ = append(nal, 0xff)
	}
	if !bytes.Equal(stream, before) {
		t.Errorf("appending to a unit changed the stream: % x", stream)
	}
	if n := testing.AllocsPerRun(100, func() {
		for range NALs(stream) {
		}
	}); n != 0 {
		t.Errorf("%v allocations a picture", n)
	}
}

func TestKeyPicturesAreTheOnesWithIDRSlices(t *testing.T) {
	start := []byte{0, 0, 0, 1}
	for _, c := range []struct {
		stream []byte
		want   bool
	}{
		{join(start, []byte{0x67, 66}, []byte{0x68, 1}, []byte{0x65, 1}), true},
		{join(start, []byte{0x41, 1}), false},
		{join(start, []byte{0x41, 1}, []byte{0x65, 1}), false},
		{join(start, []byte{0x67, 66}), false},
		{nil, false},
	} {
		if got := IsKey(c.stream); got != c.want {
			t.Errorf("IsKey(% x) = %v", c.stream, got)
		}
	}
	if got := Find(join(start, []byte{0x67, 66}, []byte{0x68, 1}), PPS); !bytes.Equal(got, []byte{0x68, 1}) {
		t.Errorf("PPS found: % x", got)
	}
}

// FuzzNALs: putting the units together again and splitting once more gives the same units, and none holds a start code.
func FuzzNALs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x67, 0, 0, 1, 0x68, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 1})
	f.Fuzz(func(t *testing.T, stream []byte) {
		units := slices.Collect(NALs(stream))
		for _, u := range units {
			if len(u) == 0 || u[len(u)-1] == 0 || bytes.Contains(u, startCode) {
				t.Fatalf("unit % x of % x", u, stream)
			}
		}
		if d := cmp.Diff(units, slices.Collect(NALs(join([]byte{0, 0, 0, 1}, units...)))); d != "" {
			t.Fatal(d)
		}
		IsKey(stream)
	})
}

func join(start []byte, units ...[]byte) []byte {
	var b []byte
	for _, u := range units {
		b = append(append(b, start...), u...)
	}
	return b
}
