package hostap

import (
	"net"
	"strings"
)

// Event is something that a program tells of by itself.
type Event struct {
	Name string // such as AP-ENABLED, AP-STA-CONNECTED, CTRL-EVENT-CONNECTED
	MAC  string // of the station that it is about, in small letters; "": of none
	Text string // what follows the name, as it is written
}

// Value is what the event says of a key, as KEY=VALUE; "": nothing. A value in quotes, which may be of somebody's choice, is not
// looked into.
func (e Event) Value(key string) string {
	quoted, escaped := false, false
	for word := range strings.FieldsFuncSeq(e.Text, func(r rune) bool {
		if r == '"' && !escaped {
			quoted = !quoted
		}
		escaped = r == '\\' && !escaped
		return r == ' ' && !quoted
	}) {
		if value, ok := strings.CutPrefix(word, key+"="); ok {
			return value
		}
	}
	return ""
}

// ParseEvent reads one message of an attached connection: "<3>AP-STA-CONNECTED 02:00:00:00:01:00 …", the number in front being
// its weight in the log. ok is false for what is no event.
func ParseEvent(message string) (e Event, ok bool) {
	rest, ok := strings.CutPrefix(message, "<")
	if !ok {
		return e, false
	}
	_, rest, ok = strings.Cut(rest, ">")
	words := strings.Fields(rest)
	if !ok || len(words) == 0 || !isName(words[0]) {
		return e, false
	}
	e.Name, e.Text = words[0], strings.TrimSpace(rest[len(words[0]):])
	if len(words) > 1 && IsMAC(words[1]) {
		e.MAC = strings.ToLower(words[1])
	}
	return e, true
}

func isName(s string) bool {
	for _, r := range s {
		if r != '-' && r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return len(s) <= 64
}

// IsMAC tells whether a text is a station's address, six bytes with colons between.
func IsMAC(s string) bool {
	_, err := net.ParseMAC(s)
	return err == nil && len(s) == len("02:00:00:00:00:00") && s[2] == ':'
}
