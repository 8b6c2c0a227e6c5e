package scanner

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// strange is a scanner set to a country that nobody knows.
type strange struct {
	keys  map[rune][]stroke // what it sends; none: it lacks the character
	lacks string            // and what comes as another
}

// drawStrange makes one: any keys with any modifiers, dead keys, characters by their number, some that it lacks or takes others for. One that
// types with caps lock on has small and capital letters on the same key.
func drawStrange(t *rapid.T) strange {
	rows, caps := slices.Clone(keys), rapid.Bool().Draw(t, "caps lock")
	chance := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "keys"), 0))
	chance.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	d := strange{keys: map[rune][]stroke{}}
	if caps {
		for r := 'a'; r <= 'z'; r++ {
			d.keys[r] = []stroke{{key: rows[0], shift: true, caps: true}}
			d.keys[unicode.ToUpper(r)] = []stroke{{key: rows[0], caps: true}}
			rows = rows[1:]
		}
	}
	free := []stroke{{key: keySpace}}
	for _, key := range rows {
		free = append(free, stroke{key: key}, stroke{key: key, shift: true}, stroke{key: key, altGr: true}, stroke{key: key, shift: true, altGr: true}, stroke{key: key, alt: true})
	}
	chance.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	for r := ' '; r <= '~'; r++ {
		if d.keys[r] != nil {
			continue
		}
		s := free[0]
		free = free[1:]
		if d.keys[r] = []stroke{s}; needed(r) || r == ' ' {
			continue
		}
		switch how := rapid.SampledFrom([]string{"key", "key", "key", "dead", "number", "nothing", "another"}).Draw(t, string(r)); how {
		case "dead":
			d.keys[r] = []stroke{s, d.keys[' '][0]}
		case "number":
			d.keys[r] = []stroke{{literal: r}}
		case "nothing", "another":
			d.lacks += string(r)
			if d.keys[r] = nil; how == "another" {
				d.keys[r] = d.keys['-'] // which has been drawn, or is nothing yet
			}
		}
	}
	return d
}

func (d strange) types(text string) (strokes []stroke) {
	for _, r := range text {
		strokes = append(strokes, d.keys[r]...)
	}
	return strokes
}

// TestAnyLayoutIsLearned that types what is needed at all, and from then on types every text, after it was kept too.
func TestAnyLayoutIsLearned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawStrange(t)
		l, lacks, reason := learn(d.types(Sheet()))
		if reason != "" || lacks != sorted(d.lacks) {
			t.Fatalf("lacks %q, want %q: %s", lacks, d.lacks, reason)
		}
		kept, err := parseLayout(l.String())
		if err != nil {
			t.Fatal(err)
		}
		var has []rune
		for r := ' '; r <= '~'; r++ {
			if !strings.ContainsRune(d.lacks, r) {
				has = append(has, r)
			}
		}
		for _, text := range []string{ticket, rapid.StringOfN(rapid.SampledFrom(has), 1, 60, -1).Draw(t, "text")} {
			if got := kept.text(d.types(text)); got != text {
				t.Fatalf("%q, want %q", got, text)
			}
		}
	})
}

// sorted has characters in the sheet's order.
func sorted(s string) string {
	rs := []rune(s)
	slices.SortFunc(rs, func(a, b rune) int { return slices.Index(sheetOrder, a) - slices.Index(sheetOrder, b) })
	return string(rs)
}

// TestAMisreadSheetTeachesNothing: a key that is lost, doubled or another's, and an end that is missing.
func TestAMisreadSheetTeachesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawStrange(t)
		good := d.types(Sheet())
		i := rapid.IntRange(0, len(good)-1).Draw(t, "at")
		bad := slices.Clone(good)
		switch rapid.IntRange(0, 3).Draw(t, "fault") {
		case 0:
			bad = slices.Delete(bad, i, i+1)
		case 1:
			bad = slices.Insert(bad, i, bad[i])
		case 2:
			if bad[i].shift = !bad[i].shift; bad[i].literal != 0 {
				bad[i].literal++
			}
		case 3:
			bad = bad[:i]
		}
		if l, _, reason := learn(bad); reason == "" {
			t.Fatalf("learned %s", l)
		}
	})
}

// TestASheetInAKnownLayout is that layout, with all that the sheet has not.
func TestASheetInAKnownLayout(t *testing.T) {
	if n := len(Sheet()); n != 283 {
		t.Errorf("%d characters", n)
	}
	for _, known := range layouts {
		var typed []stroke
		lacks := ""
		for _, r := range Sheet() {
			if strokes, ok := known.strokesOf(string(r)); ok {
				typed = append(typed, strokes...)
			} else if !strings.ContainsRune(lacks, r) {
				lacks += string(r)
			}
		}
		l, lacking, reason := learn(typed)
		if reason != "" || l.name != known.name || lacking != lacks {
			t.Errorf("%s: learned %s, without %q, want %q: %s", known.name, l, lacking, lacks, reason)
		}
	}
}

// TestWhatIsNotLearned says why.
func TestWhatIsNotLearned(t *testing.T) {
	us := layoutOf(t, "us")
	small, _ := us.strokesOf(strings.ToLower(Sheet()))
	without, _ := us.strokesOf(strings.ReplaceAll(Sheet(), ":", ""))
	code, _ := us.strokesOf("4006381333931")
	for want, strokes := range map[string][]stroke{"It types A and a by the same key": small, "It does not type :, which tickets have": without, "13 keys came": code, "Keys were lost": {}} {
		if _, _, reason := learn(strokes); !strings.Contains(reason, want) {
			t.Errorf("%q, want %q", reason, want)
		}
	}
}

// FuzzLayout: what was kept may have been damaged. What is taken is a layout, and is written as it was read.
func FuzzLayout(f *testing.F) {
	strokes, _ := layouts[0].strokesOf(Sheet())
	odd(strokes)
	l, _, _ := learn(strokes)
	f.Add(l.String())
	f.Add("de")
	f.Add(strings.Repeat("- ", 94) + "-")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLayout(text)
		if err != nil {
			return
		}
		if again, err := parseLayout(l.String()); err != nil || again.String() != l.String() {
			t.Errorf("%q: %q, %v", text, again, err)
		}
		if l.name == Own && len(l.means) > 95 {
			t.Errorf("%d characters", len(l.means))
		}
	})
}
