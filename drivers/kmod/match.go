package kmod

import "strings"

// normal is a module's name or alias as the tables are searched for it: the kernel takes '-' and '_' for the same
// character, except between the brackets of a pattern, where '-' means a range (kmod's depmod does the same).
func normal(s string) string {
	if !strings.Contains(s, "-") {
		return s
	}
	b, inside := []byte(s), false
	for i, c := range b {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == '-' && !inside:
			b[i] = '_'
		}
	}
	return string(b)
}

// match tells whether an alias's pattern matches a name by the rules of fnmatch(3) without flags, which are those of the
// kernel's module tables: '*' any text, '?' one character, [abc], [a-z], [!a-z], and '\' before a character that is meant
// as such. It takes time in the product of both lengths at most, whatever the pattern.
func match(pattern, name string) bool {
	p, n := 0, 0
	star, from := -1, 0 // where the last '*' was, and from where in name it is being tried
	for n < len(name) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				star, from = p, n
				p++
				continue
			}
			if width, ok := one(pattern[p:], name[n]); ok {
				p += width
				n++
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star+1, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// one matches the first item of a pattern against a character, and says how much of the pattern it is.
func one(pattern string, c byte) (width int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		if width, ok, closed := set(pattern, c); closed {
			return width, ok
		}
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	}
	return 1, pattern[0] == c
}

// set matches a bracketed set. One that is not closed is no set.
func set(pattern string, c byte) (width int, ok, closed bool) {
	i := 1
	not := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if not {
		i++
	}
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return i + 1, ok != not, true
		}
		low := pattern[i]
		high := low
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			high = pattern[i+2]
			i += 2
		}
		i++
		ok = ok || low <= c && c <= high
	}
	return 0, false, false
}
