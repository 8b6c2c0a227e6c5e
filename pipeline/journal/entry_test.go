package journal

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var sale = Entry{Kind: Sale, Kit: 123456, Wall: 1_790_000_000_000, Tap: bytes.Repeat([]byte{7}, 16), Offer: "mug", Ticket: 42,
	Total: 1000, Currency: "EUR", Lines: []Line{{SKU: "MUG", N: 1, Amount: 1000, Tax: 160}}, Via: "page", Boot: 3}

func TestEntryComesBack(t *testing.T) {
	b, err := Encode(sale)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if d := cmp.Diff(sale, got, cmpopts.IgnoreUnexported(Line{})); err != nil || d != "" {
		t.Fatalf("%v\n%s", err, d)
	}
	fix := Entry{Kind: Fix, Kit: 5_000, Wall: 1_790_000_000_000, Boot: 3, Source: "phone", Within: 5_000}
	f, err := Encode(fix)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(f); err != nil || !cmp.Equal(fix, got, cmpopts.IgnoreUnexported(Line{})) || len(f) > 40 {
		t.Errorf("%d bytes: %+v, %v", len(f), got, err)
	}
	press := Entry{Kind: Press, Kit: 5_000, Wall: 1_790_000_000_000, Boot: 3, Tap: bytes.Repeat([]byte{7}, 16), Button: "start-drop", Action: "start-next-drop", Offer: "mug", Via: "button", Refused: "refused"}
	p, err := Encode(press)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(p); err != nil || !cmp.Equal(press, got, cmpopts.IgnoreUnexported(Line{})) {
		t.Errorf("%+v, %v", got, err)
	}
	if len(b) > 90 {
		t.Errorf("a small sale takes %d bytes", len(b))
	}
}

// FuzzDecode: what decodes encodes back to something that decodes the same; nothing panics.
func FuzzDecode(f *testing.F) {
	b, _ := Encode(sale)
	f.Add(b)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if e2, err := Decode(again); err != nil || !cmp.Equal(e, e2, cmpopts.IgnoreUnexported(Line{}), cmpopts.EquateEmpty()) {
			t.Fatalf("%+v is not %+v: %v", e, e2, err)
		}
	})
}
