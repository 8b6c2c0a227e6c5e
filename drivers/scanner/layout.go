package scanner

import (
	"strings"
	"unicode"
)

// A scanner that is a keyboard sends keys, not characters: which ones depends on the country it is set to, and what they mean on
// the layout that they are read by. Keys are the kernel's (linux/input-event-codes.h).
const (
	keyTab        = 15
	keyEnter      = 28
	keyGS         = 27 // with Ctrl: the character that parts the fields of GS1 codes
	keyLeftCtrl   = 29
	keyLeftShift  = 42
	keyRightShift = 54
	keyLeftAlt    = 56
	keySpace      = 57
	keyCapsLock   = 58
	keyKPEnter    = 96
	keyRightCtrl  = 97
	keyRightAlt   = 100 // AltGr
)

// keys are those that differ between layouts, in the order of the layouts' rows: beside the 1 to beside backspace, Q to the
// right, A to enter, and from the one beside left shift (which boards for the US lack) to right shift.
var keys = []uint16{41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
	30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 43,
	86, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53}

// pad are the keys of the number pad that print, with number lock, the same everywhere but for the point.
var pad = map[uint16]rune{71: '7', 72: '8', 73: '9', 75: '4', 76: '5', 77: '6', 79: '1', 80: '2', 81: '3', 82: '0', 83: '.', 55: '*', 74: '-', 78: '+', 98: '/'}

// layout is what keys mean.
type layout struct {
	name  string
	means map[stroke]rune // of strokes without caps, literal or what the same key prints everywhere
	dead  map[stroke]bool // prints only with the space that follows
}

// table is a country's layout by rows; third is with AltGr, by what the key is without. Plain and shift are those of the layouts of
// these names in xkeyboard-config (fr: its oss), key by key; AltGr is what is printed on the keys, as Windows has it.
type table struct {
	name         string
	plain, shift string
	third        map[rune]rune
	fourth       map[rune]rune // with AltGr and shift
	dead         string
}

// tables are the layouts that are known by name, the most usual first: where nothing tells them apart, the first counts. Any other is
// learned from a sheet: see Sheet.
var tables = []table{
	{name: "us", plain: "`1234567890-=" + "qwertyuiop[]" + "asdfghjkl;'\\" + "<zxcvbnm,./",
		shift: "~!@#$%^&*()_+" + "QWERTYUIOP{}" + "ASDFGHJKL:\"|" + ">ZXCVBNM<>?"},
	{name: "de", plain: "^1234567890ß´" + "qwertzuiopü+" + "asdfghjklöä#" + "<yxcvbnm,.-",
		shift: "°!\"§$%&/()=?`" + "QWERTZUIOPÜ*" + "ASDFGHJKLÖÄ'" + ">YXCVBNM;:_", dead: "^´`",
		third: map[rune]rune{'2': '²', '3': '³', '7': '{', '8': '[', '9': ']', '0': '}', 'ß': '\\', 'q': '@', 'e': '€', '+': '~', '<': '|', 'm': 'µ'}},
	{name: "fr", plain: "²&é\"'(-è_çà)=" + "azertyuiop^$" + "qsdfghjklmù*" + "<wxcvbn,;:!",
		shift: "\x001234567890°+" + "AZERTYUIOP¨£" + "QSDFGHJKLM%µ" + ">WXCVBN?./§", dead: "^¨",
		third: map[rune]rune{'é': '~', '"': '#', '\'': '{', '(': '[', '-': '|', 'è': '`', '_': '\\', 'ç': '^', 'à': '@', ')': ']', '=': '}', 'e': '€', '$': '¤'}},
	{name: "es", plain: "º1234567890'¡" + "qwertyuiop`+" + "asdfghjklñ´ç" + "<zxcvbnm,.-",
		shift: "ª!\"·$%&/()=?¿" + "QWERTYUIOP^*" + "ASDFGHJKLÑ¨Ç" + ">ZXCVBNM;:_", dead: "`^´¨",
		third: map[rune]rune{'º': '\\', '1': '|', '2': '@', '3': '#', '4': '~', '6': '¬', 'e': '€', '`': '[', '+': ']', '´': '{', 'ç': '}'}},
	{name: "it", plain: "\\1234567890'ì" + "qwertyuiopè+" + "asdfghjklòàù" + "<zxcvbnm,.-",
		shift: "|!\"£$%&/()=?^" + "QWERTYUIOPé*" + "ASDFGHJKLç°§" + ">ZXCVBNM;:_",
		third: map[rune]rune{'è': '[', '+': ']', 'ò': '@', 'à': '#', 'e': '€'}, fourth: map[rune]rune{'è': '{', '+': '}'}},
	{name: "gb", plain: "`1234567890-=" + "qwertyuiop[]" + "asdfghjkl;'#" + "\\zxcvbnm,./",
		shift: "¬!\"£$%^&*()_+" + "QWERTYUIOP{}" + "ASDFGHJKL:@~" + "|ZXCVBNM<>?", third: map[rune]rune{'`': '¦', '4': '€'}},
	{name: "ch", plain: "§1234567890'^" + "qwertzuiopü¨" + "asdfghjklöä$" + "<yxcvbnm,.-",
		shift: "°+\"*ç%&/()=?`" + "QWERTZUIOPè!" + "ASDFGHJKLéà£" + ">YXCVBNM;:_", dead: "^¨`´",
		third: map[rune]rune{'1': '¦', '2': '@', '3': '#', '6': '¬', '7': '|', '\'': '´', '^': '~', 'e': '€', 'ü': '[', '¨': ']', 'ä': '{', '$': '}', '<': '\\'}},
}

// layouts are the tables, key by key.
var layouts = func() (all []layout) {
	for _, t := range tables {
		l := layout{t.name, map[stroke]rune{}, map[stroke]bool{}}
		plain, shift := []rune(t.plain), []rune(t.shift)
		for i, key := range keys {
			for s, r := range map[stroke]rune{{key: key}: plain[i], {key: key, shift: true}: shift[i],
				{key: key, altGr: true}: t.third[plain[i]], {key: key, altGr: true, shift: true}: t.fourth[plain[i]]} {
				if r != 0 {
					l.means[s] = r
				}
				if r != 0 && strings.ContainsRune(t.dead, r) {
					l.dead[s] = true
				}
			}
		}
		all = append(all, l)
	}
	return all
}()

// Layouts are the names of the layouts that are known.
func Layouts() (names []string) {
	for _, l := range layouts {
		names = append(names, l.name)
	}
	return names
}

// stroke is a key as it was pressed.
type stroke struct {
	key                     uint16
	shift, altGr, alt, ctrl bool
	caps                    bool
	literal                 rune // not 0: whatever the layout, this
}

// rune is what a stroke prints; 0: nothing.
func (l layout) rune(s stroke) rune {
	caps := s.caps
	s.caps = false
	r := l.means[s]
	if caps && unicode.IsLetter(r) {
		other := s
		other.shift = !s.shift
		if o := l.means[other]; o != r && unicode.ToUpper(o) == unicode.ToUpper(r) {
			r = o
		}
	}
	switch {
	case s.literal != 0:
		return s.literal
	case r != 0:
		return r
	case s.key == keySpace:
		return ' '
	case s.ctrl && !s.altGr && s.key == keyGS:
		return 0x1d
	}
	return pad[s.key]
}

// text is what strokes print.
func (l layout) text(strokes []stroke) string {
	var out []rune
	dead := false
	for _, s := range strokes {
		r := l.rune(s)
		if r == 0 || dead && r == ' ' {
			dead = false
			continue
		}
		s.caps = false
		dead = l.dead[s]
		out = append(out, r)
	}
	return string(out)
}

// strokesOf is the way back: the keys that a scanner set to this layout sends; false: it has none for a character.
func (l layout) strokesOf(text string) (strokes []stroke, ok bool) {
	for _, want := range text {
		found := want == ' '
		s := stroke{key: keySpace}
		for _, key := range keys {
			for _, mods := range []stroke{{}, {shift: true}, {altGr: true}, {altGr: true, shift: true}} {
				if mods.key = key; !found && l.rune(mods) == want {
					s, found = mods, true
				}
			}
		}
		if !found {
			return nil, false
		}
		strokes = append(strokes, s)
		if l.dead[s] {
			strokes = append(strokes, stroke{key: keySpace})
		}
	}
	return strokes, true
}
