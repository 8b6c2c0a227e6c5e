package scanner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A scanner whose layout no table has is taught by a sheet: a code with every printable character of ASCII in an order that is known
// here. For a character such scanners send a key, with Shift, AltGr (or Ctrl and Alt) or Alt; a dead key and a space; or Alt and its
// number on the number pad, some of them always (unix.stackexchange.com, question 392654). For what their country's table lacks they send
// nothing (github.com/Fabi019/hid-barcode-scanner, issue 385), or another character. So the sheet has each character by itself, a mark
// behind it, and then all of them once more, the other way round: keys that were lost show in one of the two, what a scanner never sends
// is missing in both.

// mark is behind each character of the sheet: all layouts have it on a key of its own.
const mark = '0'

// sheetOrder are the sheet's characters, but for the mark. It begins and ends with what no scanner trims, or takes for a command to itself.
var sheetOrder = func() (order []rune) {
	for r := rune(' '); r <= '~'; r++ {
		if r != mark {
			order = append(order, r)
		}
	}
	plain := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	return append(slices.DeleteFunc(slices.Clone(order), func(r rune) bool { return !plain(r) }), slices.DeleteFunc(order, plain)...)
}()

// needed tells whether a scanner is of no use that does not type a character: edgekit's own codes and those on goods are made of these.
func needed(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == ':' || r == '-' }

// Sheet is the text of the code, 283 characters, that teaches a scanner's layout: see Scanner.Teach.
func Sheet() string {
	text := []rune{mark}
	for _, r := range sheetOrder {
		text = append(text, r, mark)
	}
	again := slices.Clone(sheetOrder)
	slices.Reverse(again)
	return string(append(text, again...))
}

// Lesson is what came of a sheet.
type Lesson struct {
	Layout string // by which the scanner is read from now on: one of Layouts, Own, or "" where it sends characters
	Lacks  string // characters that it does not type, or not so that they can be told apart
	Reason string // why nothing was learned, for people; "": it was
}

// Own is the name of a layout that was learned.
const Own = "its own"

// learn finds out a layout from the strokes of the sheet. reason is why it cannot, for people.
func learn(strokes []stroke) (l layout, lacks, reason string) {
	typed, reason := parts(strokes)
	if reason != "" {
		return l, "", reason
	}
	all := append([]rune{mark}, sheetOrder...)
	at, by, dead := map[rune]stroke{}, map[stroke][]rune{}, map[rune]bool{}
	for _, r := range all {
		t, space := typed[r], typed[' ']
		if dead[r] = len(t) == 2 && len(space) == 1 && t[1] == space[0]; dead[r] || len(t) == 1 && t[0].literal == 0 {
			at[r], by[t[0]] = t[0], append(by[t[0]], r)
		}
	}
	l = layout{Own, map[stroke]rune{}, map[stroke]bool{}}
	for _, r := range all {
		s, ok := at[r]
		if !ok {
			continue
		}
		must := slices.DeleteFunc(slices.Clone(by[s]), func(r rune) bool { return !needed(r) })
		if len(must) > 1 {
			return l, "", fmt.Sprintf("It types %c and %c by the same key. Have it leave capital and small letters as they are, and scan the sheet again.", must[0], must[1])
		}
		if len(by[s]) > 1 && !slices.Contains(must, r) {
			continue // it cannot be told from others
		}
		if l.means[s] = r; dead[r] {
			l.dead[s] = true
		}
	}
	for _, r := range all {
		if l.text(typed[r]) == string(r) {
			continue
		}
		if needed(r) {
			return l, "", fmt.Sprintf("It does not type %c, which tickets have. Set it to another country, and scan the sheet again.", r)
		}
		lacks += string(r)
	}
	for _, known := range layouts {
		if !slices.ContainsFunc(all, func(r rune) bool { return !strings.ContainsRune(lacks, r) && known.text(typed[r]) != string(r) }) {
			return known, lacks, ""
		}
	}
	return l, lacks, ""
}

// parts are the strokes of each of the sheet's characters, which are the same both times.
func parts(strokes []stroke) (typed map[rune][]stroke, reason string) {
	plain := func(s stroke, r rune) stroke { // whatever caps lock does to it
		s.shift = s.shift != (s.caps && unicode.IsLetter(r))
		s.caps = false
		return s
	}
	torn := fmt.Sprintf("That was not the sheet, or not all of it: %d keys came. Scan it again, with all of the code in the light.", len(strokes))
	if len(strokes) == 0 {
		return nil, "Keys were lost on the way. Scan the sheet again; a scanner by radio, nearer to the kit."
	}
	typed = map[rune][]stroke{mark: {plain(strokes[0], mark)}}
	rest := strokes[1:]
	for _, r := range sheetOrder {
		end := slices.IndexFunc(rest, func(s stroke) bool { return plain(s, mark) == typed[mark][0] })
		if end < 0 {
			return nil, torn
		}
		for _, s := range rest[:end] {
			typed[r] = append(typed[r], plain(s, r))
		}
		rest = rest[end+1:]
	}
	for _, r := range slices.Backward(sheetOrder) {
		for _, want := range typed[r] {
			if len(rest) == 0 {
				return nil, torn
			}
			if plain(rest[0], r) != want {
				return nil, fmt.Sprintf("Keys were lost on the way: %q did not come the same way twice. Scan the sheet again; a scanner by radio, nearer to the kit.", r)
			}
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		return nil, torn
	}
	return typed, ""
}

// modifiers are those of a stroke, by the letters that they are kept as.
var modifiers = []struct {
	letter string
	of     func(*stroke) *bool
}{
	{"s", func(s *stroke) *bool { return &s.shift }},
	{"g", func(s *stroke) *bool { return &s.altGr }},
	{"a", func(s *stroke) *bool { return &s.alt }},
	{"c", func(s *stroke) *bool { return &s.ctrl }},
}

// mostKey is the kernel's highest key (KEY_MAX in linux/input-event-codes.h).
const mostKey = 0x2ff

// String is a layout as it is kept: its name; or of each of the sheet's characters the stroke, which is modifiers, key, and _ where it is
// dead, or - where there is none.
func (l layout) String() string {
	if l.name != Own {
		return l.name
	}
	by := map[rune]string{}
	for s, r := range l.means {
		for _, m := range modifiers {
			if *m.of(&s) {
				by[r] += m.letter
			}
		}
		if by[r] += strconv.Itoa(int(s.key)); l.dead[s] {
			by[r] += "_"
		}
	}
	var words []string
	for _, r := range append([]rune{mark}, sheetOrder...) {
		words = append(words, cmp.Or(by[r], "-"))
	}
	return strings.Join(words, " ")
}

// parseLayout is the way back.
func parseLayout(text string) (l layout, err error) {
	if i := slices.Index(Layouts(), text); i >= 0 {
		return layouts[i], nil
	}
	words, all := strings.Split(text, " "), append([]rune{mark}, sheetOrder...)
	if len(words) != len(all) {
		return l, fmt.Errorf("scanner: kept layout of %d characters: expected %d, or one of %v", len(words), len(all), Layouts())
	}
	l = layout{Own, map[stroke]rune{}, map[stroke]bool{}}
	for i, word := range words {
		if word == "-" {
			continue
		}
		var s stroke
		key := word
		for _, m := range modifiers {
			key, *m.of(&s) = strings.CutPrefix(key, m.letter)
		}
		key, dead := strings.CutSuffix(key, "_")
		n, err := strconv.ParseUint(key, 10, 16)
		s.key = uint16(n)
		if err != nil || n == 0 || n > mostKey || l.means[s] != 0 {
			return l, fmt.Errorf("scanner: kept layout: %q for %q: expected a key of its own from 1 to %d behind any of s, g, a and c", word, all[i], mostKey)
		}
		if l.means[s] = all[i]; dead {
			l.dead[s] = true
		}
	}
	return l, nil
}
