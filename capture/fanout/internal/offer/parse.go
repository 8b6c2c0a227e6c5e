// Package offer reads a viewer's session description as far as the kit must know it, and writes the answer (RFC 8866,
// RFC 3264, RFC 8829). All of an offer is a stranger's: it is bounded, and nothing of it comes into the answer unread.
package offer

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Reason is a stable name for why an offer was refused.
type Reason string

// The reasons.
const (
	Malformed Reason = "malformed" // it cannot be read, or lacks what WebRTC requires
	NoCodec   Reason = "no-codec"  // it has no video the kit can send
)

// Refusal says why an offer was not accepted, for people and for programs.
type Refusal struct {
	Reason Reason
	Detail string
}

func (r *Refusal) Error() string { return "fanout: offer refused: " + r.Detail }

// Refuse makes a Refusal.
func Refuse(r Reason, format string, args ...any) *Refusal {
	return &Refusal{r, fmt.Sprintf(format, args...)}
}

// MaxLen is the largest session description that is read, in bytes; browsers' are under 10 KB.
const MaxLen = 64 << 10

// Offer is what the kit needs to know of a viewer's session description.
type Offer struct {
	Ufrag       string
	Hash        string // of the fingerprint: sha-256, sha-384 or sha-512
	Fingerprint []byte
	Media       []Section

	PayloadType byte
	Profile     string   // the six digits of the chosen payload type
	Feedback    []string // kinds of RTCP feedback for it, both sides know them
	Reduced     bool     // reduced-size RTCP (RFC 5506)
	WideID      byte     // of the transport-wide sequence number (RFC 8285 one-byte form); 0: not offered
	DelayID     byte     // of playout-delay; 0: not offered

	Sound     bool // it takes sound
	SoundType byte // as this payload type

	Channel    bool // it brings a data channel
	MaxMessage int  // bytes that it takes
}

// Section is one m-line, in the order of the offer.
type Section struct {
	Kind, Proto, Format, Mid string
	Accepted                 bool
}

// Header extensions.
const (
	ExtDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
	ExtWide  = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)

// Parse reads an offer. It takes one video section that wants to receive, one audio section that takes Opus, and one data channel; the
// rest is answered as rejected (RFC 3264 section 6).
func Parse(text string) (o Offer, err error) {
	if len(text) > MaxLen {
		return o, Refuse(Malformed, "the offer has %d bytes, expected at most %d", len(text), MaxLen)
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return o, Refuse(Malformed, "the offer is not a session description (RFC 8866): %v", err)
	}
	if len(d.MediaDescriptions) == 0 || len(d.MediaDescriptions) > 16 {
		return o, Refuse(Malformed, "the offer has %d media sections, expected 1 to 16", len(d.MediaDescriptions))
	}
	if _, lite := d.Attribute("ice-lite"); lite {
		return o, Refuse(Malformed, "the offer is of an ICE-lite agent, and so is the kit: expected a full one (RFC 8445 section 2.5)")
	}
	video := false
	var noVideo error
	for _, m := range d.MediaDescriptions {
		s := Section{Kind: m.MediaName.Media, Proto: strings.Join(m.MediaName.Protos, "/")}
		if s.Mid, _ = m.Attribute("mid"); len(s.Mid) > 64 || strings.ContainsFunc(s.Mid, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return o, Refuse(Malformed, "a media section has a=mid:%.70q, expected a token (RFC 5888)", s.Mid)
		}
		if len(m.MediaName.Formats) > 0 {
			s.Format = m.MediaName.Formats[0]
		}
		switch {
		case s.Kind == "video" && !video && strings.Contains(s.Proto, "SAVP") && receives(m):
			if noVideo = o.chooseCodec(m); noVideo == nil {
				video, s.Accepted = true, true
			}
		case s.Kind == "audio" && o.takesSound(&d, m, s):
			s.Accepted = true
		case s.Kind == "application" && !o.Channel && strings.HasSuffix(s.Proto, "DTLS/SCTP") && s.Format == "webrtc-datachannel":
			o.Channel, s.Accepted = true, true
			o.MaxMessage = 64 << 10 // RFC 8841 section 6.1
			if size, ok := m.Attribute("max-message-size"); ok {
				if n, err := strconv.ParseUint(size, 10, 31); err == nil && n > 0 { // 0: any size
					o.MaxMessage = int(n)
				}
			}
		}
		if s.Accepted {
			if err := o.transport(&d, m); err != nil {
				return o, err
			}
		}
		o.Media = append(o.Media, s)
	}
	if !video {
		if noVideo == nil {
			noVideo = Refuse(NoCodec, "the offer has no video section that receives; expected one with a=recvonly")
		}
		return o, noVideo
	}
	return o, o.checkBundle(&d)
}

func receives(m *sdp.MediaDescription) bool {
	_, sends := m.Attribute("sendonly")
	_, none := m.Attribute("inactive")
	_, bundleOnly := m.Attribute("bundle-only") // its port is 0 and says nothing (RFC 9143 section 7.2.1)
	return !sends && !none && (m.MediaName.Port.Value != 0 || bundleOnly)
}

// tagged is the section that speaks for the transport of all in the bundle (RFC 9143 section 7.2), nil where there is none.
func tagged(d *sdp.SessionDescription) *sdp.MediaDescription {
	group, _ := d.Attribute("group")
	mids := strings.Fields(group)
	for _, m := range d.MediaDescriptions {
		if mid, ok := m.Attribute("mid"); ok && len(mids) > 1 && mids[0] == "BUNDLE" && mid == mids[1] {
			return m
		}
	}
	return nil
}

// checkBundle: with more than one section they must share a transport (RFC 9143); the kit has one port.
func (o *Offer) checkBundle(d *sdp.SessionDescription) error {
	if !o.Channel && !o.Sound {
		return nil
	}
	mids := bundled(d)
	for _, s := range o.Media {
		if s.Accepted && !slices.Contains(mids, s.Mid) {
			return Refuse(Malformed, "the offer's sections do not share a transport: expected a=group:BUNDLE with every a=mid (RFC 9143)")
		}
	}
	return nil
}

// transport reads ICE credentials and fingerprint, from the section or else the session (RFC 8839, RFC 8122), or else the
// one that speaks for the bundle. The first accepted section's count: with BUNDLE there is one transport.
func (o *Offer) transport(d *sdp.SessionDescription, m *sdp.MediaDescription) error {
	if o.Ufrag != "" {
		return nil
	}
	find := func(key string) string {
		if v, ok := m.Attribute(key); ok {
			return v
		}
		v, ok := d.Attribute(key)
		if speaker := tagged(d); !ok && speaker != nil {
			v, _ = speaker.Attribute(key)
		}
		return v
	}
	o.Ufrag = find("ice-ufrag")
	if !iceToken(o.Ufrag, 4) || !iceToken(find("ice-pwd"), 22) {
		return Refuse(Malformed, "the offer lacks a valid a=ice-ufrag and a=ice-pwd (RFC 8839 section 5.4)")
	}
	hash, digits, _ := strings.Cut(find("fingerprint"), " ")
	sum, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits), ":", ""))
	if o.Hash = strings.ToLower(hash); err != nil || len(sum) != map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[o.Hash] || len(sum) == 0 {
		return Refuse(Malformed, "the offer lacks a usable a=fingerprint: expected sha-256, sha-384 or sha-512 and its digits (RFC 8122)")
	}
	o.Fingerprint = sum
	if setup := find("setup"); setup != "actpass" && setup != "active" {
		return Refuse(Malformed, "the offer says a=setup:%.20s; the kit is the DTLS server: expected actpass or active (RFC 8842)", setup)
	}
	return nil
}

// iceToken checks a user fragment or password: letters, digits, + and / (RFC 8839 section 5.4), and what some
// players have besides; 256 at most.
func iceToken(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=") == ""
}

// chooseCodec picks the payload type: H.264 with packetization-mode=1 (RFC 6184 section 8.1) whose profile is
// constrained baseline, or else baseline, of which it is a part. Every browser's WebRTC has the first. A player that says
// nothing of the mode means mode 0 by the letter; those that do, such as GStreamer's whepsrc, put any packets together, and
// get what they could not be given otherwise.
func (o *Offer) chooseCodec(m *sdp.MediaDescription) error {
	best := 0
	for _, format := range m.MediaName.Formats[:min(len(m.MediaName.Formats), 128)] {
		n, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			continue
		}
		var name, fmtp string
		for _, a := range m.Attributes {
			pt, rest, _ := strings.Cut(a.Value, " ")
			switch {
			case pt != format:
			case a.Key == "rtpmap":
				name = rest
			case a.Key == "fmtp":
				fmtp = rest
			}
		}
		if !strings.EqualFold(name, "H264/90000") {
			continue
		}
		profile, mode := h264Parameters(fmtp)
		rank := 0
		switch {
		case mode != "1" && mode != "":
		case constrainedBaseline(profile):
			rank = 2
		case strings.HasPrefix(profile, "42"):
			rank = 1
		}
		if mode == "1" && rank > 0 {
			rank += 2
		}
		if rank > best {
			best, o.PayloadType, o.Profile = rank, byte(n), profile
		}
	}
	if best == 0 {
		return Refuse(NoCodec, "the offer has no video the kit can send: expected H264/90000 with packetization-mode=1 and a baseline profile-level-id such as 42e01f")
	}
	o.extras(m)
	return nil
}

// extras reads which feedback and header extensions the offer has.
func (o *Offer) extras(m *sdp.MediaDescription) {
	_, o.Reduced = m.Attribute("rtcp-rsize")
	pt := strconv.Itoa(int(o.PayloadType))
	for _, a := range m.Attributes {
		first, rest, _ := strings.Cut(a.Value, " ")
		switch a.Key {
		case "rtcp-fb":
			known := rest == "nack" || rest == "nack pli" || rest == "ccm fir" || rest == "transport-cc" || rest == "goog-remb"
			if known && (first == pt || first == "*") && !slices.Contains(o.Feedback, rest) {
				o.Feedback = append(o.Feedback, rest)
			}
		case "extmap":
			id, direction, _ := strings.Cut(first, "/")
			n, err := strconv.ParseUint(id, 10, 8)
			if err != nil || n < 1 || n > 14 || direction == "sendonly" || direction == "inactive" {
				continue
			}
			switch uri, _, _ := strings.Cut(rest, " "); uri {
			case ExtDelay:
				o.DelayID = byte(n)
			case ExtWide:
				o.WideID = byte(n)
			}
		}
	}
	// One estimate is enough: the receiver's own is left out where the transport-wide one can be had, and that one
	// needs both its parts.
	wide := slices.Contains(o.Feedback, "transport-cc")
	if !wide || o.WideID == 0 || o.WideID == o.DelayID {
		o.WideID, wide = 0, false
	}
	o.Feedback = slices.DeleteFunc(o.Feedback, func(f string) bool { return f == "transport-cc" && !wide || f == "goog-remb" && wide })
}

// h264Parameters reads a format's parameters. The profile that is left out has the value of RFC 6184 section 8.1.
func h264Parameters(fmtp string) (profile, mode string) {
	profile = "42000a"
	for p := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch strings.ToLower(key) {
		case "profile-level-id":
			profile = strings.ToLower(value)
		case "packetization-mode":
			mode = value
		}
	}
	if b, err := hex.DecodeString(profile); err != nil || len(b) != 3 {
		return "", mode
	}
	return profile, mode
}

// constrainedBaseline: profile 66 (42) with constraint_set1_flag, or 77 (4d) with constraint_set0_flag (RFC 6184 table 5).
func constrainedBaseline(profile string) bool {
	b, err := hex.DecodeString(profile)
	if err != nil || len(b) != 3 {
		return false
	}
	return b[0] == 0x42 && b[1]&0x4F == 0x40 || b[0] == 0x4D && b[1]&0x8F == 0x80
}
