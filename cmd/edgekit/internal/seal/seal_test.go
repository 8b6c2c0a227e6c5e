package seal

import "testing"

func TestOnlyWhatWasSignedOpens(t *testing.T) {
	k := Key("made by the test")
	s := k.Sign("ann")
	if v, ok := k.Open(s); !ok || v != "ann" {
		t.Fatal(v, ok)
	}
	for _, bad := range []string{"", "ann", "ann.", "bob" + s[3:], s[:len(s)-1], s + "A", Key("another").Sign("ann"), "." + s} {
		if v, ok := k.Open(bad); ok {
			t.Errorf("%q opened as %q", bad, v)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := Key("made by the test")
	f.Add(k.Sign("ann"))
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok := k.Open(s); ok && k.Sign(v) != s {
			t.Errorf("%q opened as %q", s, v)
		}
	})
}
