package offer

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"edgekit.internal/capture/h264"
)

// Answer is what the kit says of itself.
type Answer struct {
	Ufrag, Pwd  string // ICE
	Fingerprint string // SHA-256, in SDP's form
	Version     uint64 // rises with every answer of a session

	SSRC       uint32 // of the picture
	SoundSSRC  uint32
	CNAME      string
	SPS        []byte // of the stream; nil: not known yet
	MaxMessage int    // bytes, for the data channel

	Hosts []netip.Addr // addresses of the kit, the preferred first; 16 at most count
	Port  uint16

	TCPPort uint16 // of the same addresses; 0: there is none
}

const maxHosts = 16

// level says which profile-level-id to answer: the profile must be the one chosen from the offer, the level is that of
// the stream itself once it is known, so that a decoder prepares for what really comes.
func (o *Offer) level(sps []byte) string {
	real, err := h264.ProfileLevelID(sps)
	if err != nil {
		return o.Profile
	}
	if constrainedBaseline(real) == constrainedBaseline(o.Profile) && real[:2] == o.Profile[:2] {
		return real
	}
	return o.Profile[:4] + real[4:]
}

// Answer writes the answer: the offer's sections in order, picture and sound sent, one bundled transport, one candidate for each
// address, or two.
func (o *Offer) Answer(a Answer) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("v=0")
	line("o=- %d %d IN IP4 0.0.0.0", uint64(a.SSRC)<<16|1, a.Version)
	line("s=-")
	line("t=0 0")
	var mids []string
	for _, s := range o.Media {
		if s.Accepted && s.Mid != "" {
			mids = append(mids, s.Mid)
		}
	}
	if len(mids) > 0 {
		line("a=group:BUNDLE %s", strings.Join(mids, " "))
	}
	line("a=ice-lite")
	line("a=msid-semantic: WMS edgekit")
	for _, s := range o.Media {
		switch {
		case !s.Accepted:
			line("m=%s 0 %s %s", s.Kind, s.Proto, s.Format)
			line("c=IN IP4 0.0.0.0")
			if s.Mid != "" {
				line("a=mid:%s", s.Mid)
			}
			line("a=inactive")
			continue
		case s.Kind == "video":
			o.video(line, s, a)
		case s.Kind == "audio":
			o.sound(line, s, a)
		default:
			line("m=application 9 %s webrtc-datachannel", s.Proto)
			line("c=IN IP4 0.0.0.0")
			line("a=sctp-port:5000")
			line("a=max-message-size:%d", a.MaxMessage)
		}
		if s.Mid != "" {
			line("a=mid:%s", s.Mid)
		}
		line("a=setup:passive")
		line("a=ice-ufrag:%s", a.Ufrag)
		line("a=ice-pwd:%s", a.Pwd)
		line("a=fingerprint:sha-256 %s", a.Fingerprint)
		a.candidates(line)
	}
	return b.String()
}

func (o *Offer) video(line func(string, ...any), s Section, a Answer) {
	line("m=video 9 %s %d", s.Proto, o.PayloadType)
	line("c=IN IP4 0.0.0.0")
	line("a=rtcp:9 IN IP4 0.0.0.0")
	line("a=rtpmap:%d H264/90000", o.PayloadType)
	line("a=fmtp:%d level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=%s", o.PayloadType, o.level(a.SPS))
	for _, f := range o.Feedback {
		line("a=rtcp-fb:%d %s", o.PayloadType, f)
	}
	if o.WideID != 0 {
		line("a=extmap:%d %s", o.WideID, ExtWide)
	}
	if o.DelayID != 0 {
		line("a=extmap:%d %s", o.DelayID, ExtDelay)
	}
	line("a=rtcp-mux")
	if o.Reduced {
		line("a=rtcp-rsize")
	}
	line("a=sendonly")
	line("a=msid:edgekit picture")
	line("a=ssrc:%d cname:%s", a.SSRC, a.CNAME)
}

// candidates names the kit's addresses (RFC 8839 section 5.1), the first one first by priority (RFC 8445 section 5.1.2.1), and TCP
// after all UDP (RFC 6544 section 4.2: a lower type preference, as browsers have it, and in the local one 4 for a passive host's).
func (a *Answer) candidates(line func(string, ...any)) {
	seen := map[netip.Addr]bool{}
	for i, host := range a.Hosts[:min(len(a.Hosts), maxHosts)] {
		host = host.Unmap().WithZone("")
		if !host.IsValid() || seen[host] {
			continue
		}
		seen[host] = true
		line("a=candidate:%d 1 udp %d %s %d typ host", i+1, 126<<24|uint32(65535-i)<<8|255, host, a.Port)
		if a.TCPPort != 0 {
			line("a=candidate:%d 1 tcp %d %s %d typ host tcptype passive", i+1+maxHosts, 90<<24|uint32(4<<13|8191-i)<<8|255, host, a.TCPPort)
		}
	}
	line("a=end-of-candidates")
}

// ParseFragment reads the ICE user fragment of a restart (RFC 8840 section 4.4); its password must be there too, though
// a lite agent sends no checks that would need it.
func ParseFragment(fragment string) (ufrag string, err error) {
	ufrag, pwd := Credentials(fragment)
	if !iceToken(ufrag, 4) || !iceToken(pwd, 22) {
		return "", Refuse(Malformed, "the fragment lacks a valid a=ice-ufrag and a=ice-pwd (RFC 8840)")
	}
	return ufrag, nil
}

// Credentials reads the ICE user fragment and password of an SDP fragment; empty: it has none.
func Credentials(fragment string) (ufrag, pwd string) {
	for line := range strings.Lines(fragment) {
		line = strings.TrimRight(line, "\r\n")
		if u, ok := strings.CutPrefix(line, "a=ice-ufrag:"); ok && ufrag == "" {
			ufrag = u
		}
		if p, ok := strings.CutPrefix(line, "a=ice-pwd:"); ok && pwd == "" {
			pwd = p
		}
	}
	return ufrag, pwd
}

// Fragment writes the kit's ICE credentials and candidates (RFC 8840 section 9), for the section that carries the transport.
func (o *Offer) Fragment(a Answer) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("a=ice-lite")
	line("a=ice-ufrag:%s", a.Ufrag)
	line("a=ice-pwd:%s", a.Pwd)
	for _, s := range o.Media {
		if s.Accepted {
			line("m=%s 9 %s %s", s.Kind, s.Proto, s.Format)
			line("a=mid:%s", s.Mid)
			a.candidates(line)
			break
		}
	}
	return b.String()
}

// Matches compares the client's certificate with the fingerprint of its offer (RFC 8122 section 5).
func (o *Offer) Matches(chain [][]byte) error {
	if len(chain) == 0 {
		return errors.New("no client certificate")
	}
	var sum []byte
	switch o.Hash {
	case "sha-256":
		s := sha256.Sum256(chain[0])
		sum = s[:]
	case "sha-384":
		s := sha512.Sum384(chain[0])
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(chain[0])
		sum = s[:]
	}
	if sum == nil || !bytes.Equal(sum, o.Fingerprint) {
		return errors.New("the client's certificate is not the one its offer named")
	}
	return nil
}
