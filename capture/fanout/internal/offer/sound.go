package offer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// takesSound tells whether a section is one in which sound can be sent: Opus (RFC 7587), received by a player that has it share the
// picture's transport, as the kit has but one.
func (o *Offer) takesSound(d *sdp.SessionDescription, m *sdp.MediaDescription, s Section) bool {
	if o.Sound || !strings.Contains(s.Proto, "SAVP") || !receives(m) || !slices.Contains(bundled(d), s.Mid) {
		return false
	}
	for _, format := range m.MediaName.Formats[:min(len(m.MediaName.Formats), 128)] {
		n, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			continue
		}
		for _, a := range m.Attributes {
			// Always 48000 and 2 channels, whatever is in it (RFC 7587 section 7).
			if pt, name, _ := strings.Cut(a.Value, " "); a.Key == "rtpmap" && pt == format && strings.EqualFold(name, "opus/48000/2") {
				o.Sound, o.SoundType = true, byte(n)
				return true
			}
		}
	}
	return false
}

// bundled are the sections that share a transport (RFC 9143), by mid.
func bundled(d *sdp.SessionDescription) []string {
	group, _ := d.Attribute("group")
	if mids := strings.Fields(group); len(mids) > 0 && mids[0] == "BUNDLE" {
		return mids[1:]
	}
	return nil
}

// sound writes the section for sound. It names no transport-wide numbers: those count the picture's packets alone. It is of the
// picture's stream (a=msid), by which players know that both belong together and are to be in step.
func (o *Offer) sound(line func(string, ...any), s Section, a Answer) {
	line("m=audio 9 %s %d", s.Proto, o.SoundType)
	line("c=IN IP4 0.0.0.0")
	line("a=rtcp:9 IN IP4 0.0.0.0")
	line("a=rtpmap:%d opus/48000/2", o.SoundType)
	line("a=fmtp:%d useinbandfec=1;sprop-stereo=0", o.SoundType)
	line("a=ptime:20")
	line("a=rtcp-mux")
	if o.Reduced {
		line("a=rtcp-rsize")
	}
	line("a=sendonly")
	line("a=msid:edgekit sound")
	line("a=ssrc:%d cname:%s", a.SoundSSRC, a.CNAME)
}
