package codepage

import (
	"slices"
	"testing"
)

// TestEveryLetterComesBack as what it was, over every table of every set.
func TestEveryLetterComesBack(t *testing.T) {
	for set, tables := range sets {
		set := Set(set)
		for _, table := range tables {
			if len(table.letters) != 128 {
				t.Errorf("set %d, table %d: %d letters", set, table.number, len(table.letters))
			}
			for _, r := range table.letters {
				if r != '\ufffd' && !set.Has(string(r)) {
					t.Errorf("set %d, table %d: %q cannot be said", set, table.number, r)
				}
			}
		}
		for _, text := range []string{"plain ~", "Grüße € 5", "Łódź, Привет", "☕", ""} {
			b, _, ok := set.Encode(text, set.First())
			if got := said(set, b); ok != (got == text) || ok != set.Has(text) {
				t.Errorf("set %d: %q, %v: %q", set, text, ok, got)
			}
		}
	}
}

// said reads what Encode has written.
func said(s Set, b []byte) (text string) {
	at := s.First()
	for i := 0; i < len(b); i++ {
		if b[i] == 0x1b {
			at = b[i+2]
			i += 2
			continue
		}
		text += string(s.Decode(b[i], at))
	}
	return text
}

// TestTablesAreChangedNoMoreThanTheyMust: what the selected one has stays in it, over lines too.
func TestTablesAreChangedNoMoreThanTheyMust(t *testing.T) {
	b, now, ok := Epson.Encode("Łódź é", 19)
	if want := []byte("\x1bt\x12\x9d\xa2d\xab \x82"); !ok || now != 18 || !slices.Equal(b, want) {
		t.Errorf("%q, %d, %v, want %q", b, now, ok, want)
	}
	if b, now, _ = Epson.Encode("é", now); now != 18 || string(b) != "\x82" {
		t.Errorf("%q, %d", b, now)
	}
	if b, now, _ = Epson.Encode("5 €", now); now != 19 || string(b) != "5 \x1bt\x13\xd5" {
		t.Errorf("%q, %d", b, now)
	}
}
