package scanner

import (
	"slices"
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

// layout is what keys mean, by rows; third is with AltGr, by what the key is without. Plain and shift are those of the layouts of
// these names in xkeyboard-config (fr: its oss), key by key; AltGr is what is printed on the keys, as Windows has it.
type layout struct {
	name         string
	plain, shift string
	third        map[rune]rune
	fourth       map[rune]rune // with AltGr and shift
	dead         string        // keys that print only with the space that follows
}

// layouts are all there are, the most usual first: where nothing tells them apart, the first counts.
var layouts = []layout{
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

// Layouts are the names of all layouts there are.
func Layouts() (names []string) {
	for _, l := range layouts {
		names = append(names, l.name)
	}
	return names
}

// stroke is a key as it was pressed.
type stroke struct {
	key                uint16
	shift, altGr, caps bool
	ctrl               bool
	literal            rune // not 0: whatever the layout, this
}

// rune is what a stroke prints; 0: nothing.
func (l layout) rune(s stroke) rune {
	switch {
	case s.literal != 0:
		return s.literal
	case s.key == keySpace:
		return ' '
	case pad[s.key] != 0:
		return pad[s.key]
	}
	i := slices.Index(keys, s.key)
	if i < 0 {
		return 0
	}
	plain, shifted := []rune(l.plain)[i], []rune(l.shift)[i]
	switch {
	case s.altGr && s.shift:
		return l.fourth[plain]
	case s.altGr:
		return l.third[plain]
	case s.ctrl && s.key == keyGS:
		return 0x1d
	case s.ctrl:
		return 0
	case s.caps && unicode.IsLetter(plain) && unicode.ToUpper(plain) == shifted:
		s.shift = !s.shift
	}
	if s.shift {
		return shifted
	}
	return plain
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
		dead = slices.Contains([]rune(l.dead), r) && s.literal == 0
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
		if slices.Contains([]rune(l.dead), want) {
			strokes = append(strokes, stroke{key: keySpace})
		}
	}
	return strokes, true
}
