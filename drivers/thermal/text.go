package thermal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain says with the printer's own characters what typographers write with others.
var plain = strings.NewReplacer("‘", "'", "’", "'", "‚", ",", "“", `"`, "”", `"`, "„", `"`, "‐", "-", "‑", "-", "–", "-", "—", "-",
	"−", "-", "…", "...", "•", "·", "\u00ad", "")

// maxRunes bounds a line that is asked for; what is longer ends in dots.
const maxRunes = 500

// clean makes text of what may be anything: valid UTF-8, words parted by single spaces, without control characters and
// without the invisible ones that turn the order of letters around, and not too long.
func clean(s string) string {
	if len(s) > maxRunes*utf8.UTFMax {
		s = s[:maxRunes*utf8.UTFMax]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || r == '\u2028' || r == '\u2029':
			return ' '
		case r == utf8.RuneError:
			return '?'
		case r == '\u200c' || r == '\u200d': // joiners, without which some scripts cannot be written
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, plain.Replace(s))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxRunes {
		s = string(r[:maxRunes-3]) + "..."
	}
	return s
}

// wrap breaks text at spaces into lines that fit, and where a word does not, in the word. A character of text that
// belongs to the one before it is not parted from it. There is always a line.
func wrap(s string, fits func(string) bool) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && fits(line+" "+word) {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for !fits(word) {
			n := part(word, fits)
			if n == len(word) {
				break
			}
			lines, word = append(lines, word[:n]), word[n:]
		}
		line = word
	}
	return append(lines, line)
}

// part is the length of the longest beginning of a word that fits; never less than a character.
func part(word string, fits func(string) bool) int {
	ends := make([]int, 0, len(word))
	join := false
	for i, r := range word {
		mark := unicode.Is(unicode.M, r) || r == '\u200c' || r == '\u200d'
		if i > 0 && !mark && !join {
			ends = append(ends, i)
		}
		join = r == '\u200d'
	}
	ends = append(ends, len(word))
	low, high := 0, len(ends)-1
	for low < high {
		if mid := (low + high + 1) / 2; fits(word[:ends[mid]]) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return ends[low]
}
