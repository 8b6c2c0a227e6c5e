package tcp

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

// all reads datagrams until something is wrong.
func all(r io.Reader) (got [][]byte, err error) {
	f := frames{from: r}
	for {
		b, err := f.Next()
		if err != nil {
			return got, err
		}
		got = append(got, bytes.Clone(b))
	}
}

// Datagrams arrive whole, wherever the stream is cut.
func TestDatagramsArriveWholeHoweverTheStreamIsCut(t *testing.T) {
	want := [][]byte{{}, {1}, bytes.Repeat([]byte{2}, MaxLen), {3, 4}, bytes.Repeat([]byte{5}, MaxLen), bytes.Repeat([]byte{6}, 700), {}}
	var stream []byte
	for _, b := range want {
		stream = Append(stream, b)
	}
	for cut := range len(stream) + 1 {
		got, err := all(io.MultiReader(bytes.NewReader(stream[:cut]), bytes.NewReader(stream[cut:])))
		if err != io.EOF || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("cut at %d: %d datagrams, %v", cut, len(got), err)
		}
	}
	for name, r := range map[string]io.Reader{"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)), "with its end at once": iotest.DataErrReader(bytes.NewReader(stream))} {
		if got, err := all(r); err != io.EOF || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%s: %d datagrams, %v", name, len(got), err)
		}
	}
	if got, err := all(bytes.NewReader(stream[:len(stream)-3])); err != io.EOF || len(got) != len(want)-2 {
		t.Errorf("half a datagram: %d of %d, %v", len(got), len(want), err)
	}
}

// A length that no datagram has ends the stream, without what claims to be so long.
func TestTooLongADatagramIsRefused(t *testing.T) {
	stream := Append(Append(nil, []byte{1}), make([]byte, MaxLen+1))
	if got, err := all(bytes.NewReader(stream)); !errors.Is(err, ErrFrame) || len(got) != 1 {
		t.Errorf("%d datagrams, %v", len(got), err)
	}
	if _, err := all(bytes.NewReader([]byte{255, 255})); !errors.Is(err, ErrFrame) {
		t.Error(err)
	}
}

// Any bytes are cut as a plain reading of RFC 4571 cuts them.
func FuzzFrames(f *testing.F) {
	f.Add(Append(Append(nil, []byte("one")), nil), 2)
	f.Add([]byte{5, 220, 1}, 1)
	f.Add([]byte{5, 221}, 1)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		cut = max(0, min(cut, len(b)))
		got, err := all(io.MultiReader(bytes.NewReader(b[:cut]), iotest.HalfReader(bytes.NewReader(b[cut:]))))
		var want [][]byte
		wantErr, rest := io.EOF, b
		for len(rest) >= 2 {
			n := int(rest[0])<<8 | int(rest[1])
			if n > MaxLen {
				wantErr = ErrFrame
				break
			}
			if len(rest) < 2+n {
				break
			}
			want, rest = append(want, rest[2:2+n]), rest[2+n:]
		}
		if err != wantErr || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%d datagrams, %v; want %d, %v", len(got), err, len(want), wantErr)
		}
	})
}
