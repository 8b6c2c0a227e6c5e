package push

import (
	"strings"

	"github.com/pion/webrtc/v4"
)

// Bounds of what a server may say of STUN and TURN servers.
const (
	maxICEServers = 8
	maxLinks      = 32
	maxLink       = 2 << 10
)

// iceServers reads the Link headers (RFC 8288) of a WHIP answer: those with rel="ice-server" name STUN and TURN servers,
// with username and credential (RFC 9725 section 4.6). Others, and what cannot be read, are passed over.
func iceServers(headers []string) (servers []webrtc.ICEServer) {
	n := 0
	for _, h := range headers {
		for h = strings.TrimLeft(h, " \t,"); h != ""; h = strings.TrimLeft(h, " \t,") {
			if n++; n > maxLinks || len(servers) == maxICEServers || len(h) > maxHeader {
				return servers
			}
			target, params, rest, ok := link(h)
			if !ok {
				break
			}
			h = rest
			if s, ok := iceServer(target, params); ok {
				servers = append(servers, s)
			}
		}
	}
	return servers
}

func iceServer(target string, params map[string]string) (s webrtc.ICEServer, ok bool) {
	if !strings.EqualFold(params["rel"], "ice-server") || len(target) > maxLink {
		return s, false
	}
	scheme, _, found := strings.Cut(target, ":")
	s.URLs = []string{target}
	switch scheme = strings.ToLower(scheme); {
	case !found:
		return s, false
	case scheme == "stun" || scheme == "stuns":
		return s, true
	case scheme == "turn" || scheme == "turns":
		kind, said := params["credential-type"]
		s.Username, s.Credential = params["username"], params["credential"]
		return s, (!said || strings.EqualFold(kind, "password")) && s.Username != "" && params["credential"] != ""
	}
	return s, false
}

// link reads one link-value: <target>, and its parameters by name in lower case, the first of each name.
func link(s string) (target string, params map[string]string, rest string, ok bool) {
	if !strings.HasPrefix(s, "<") {
		return "", nil, "", false
	}
	target, s, ok = strings.Cut(s[1:], ">")
	if !ok {
		return "", nil, "", false
	}
	params = map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, ";") {
			break
		}
		s = strings.TrimLeft(s[1:], " \t")
		end := strings.IndexAny(s, "=;, \t")
		if end < 0 {
			end = len(s)
		}
		name, value := strings.ToLower(s[:end]), ""
		s = strings.TrimLeft(s[end:], " \t")
		if strings.HasPrefix(s, "=") {
			if value, s, ok = word(strings.TrimLeft(s[1:], " \t")); !ok {
				return "", nil, "", false
			}
		}
		if _, twice := params[name]; !twice && name != "" {
			params[name] = value
		}
	}
	if s != "" && s[0] != ',' {
		return "", nil, "", false
	}
	return target, params, s, true
}

// word reads a token or quoted-string (RFC 9110 section 5.6).
func word(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";, \t")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
