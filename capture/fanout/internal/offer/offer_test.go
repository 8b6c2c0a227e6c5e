package offer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"
)

// browser is a browser's, with what matters here.
const browser = "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 106 107\r\nc=IN IP4 0.0.0.0\r\n" +
	"a=ice-ufrag:Zk3D\r\na=ice-pwd:9uJYk1vDq0X5mQWw3cO2rT7b\r\n" +
	"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
	"a=setup:actpass\r\na=mid:0\r\n" +
	"a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" +
	"a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" +
	"a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" +
	"a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n" +
	"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
	"a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 goog-remb\r\na=rtcp-fb:102 transport-cc\r\na=rtcp-fb:102 ccm fir\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\n" +
	"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" +
	"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" +
	"a=rtpmap:106 H264/90000\r\na=rtcp-fb:106 goog-remb\r\na=rtcp-fb:106 transport-cc\r\na=rtcp-fb:106 ccm fir\r\na=rtcp-fb:106 nack\r\na=rtcp-fb:106 nack pli\r\n" +
	"a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" +
	"a=rtpmap:107 rtx/90000\r\na=fmtp:107 apt=106\r\n" +
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" +
	"a=ice-ufrag:Zk3D\r\na=ice-pwd:9uJYk1vDq0X5mQWw3cO2rT7b\r\n" +
	"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
	"a=setup:actpass\r\na=mid:1\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"

// change edits browser; it fails the test when there was nothing to edit.
func change(t *testing.T, pairs ...string) string {
	t.Helper()
	out := browser
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(out, pairs[i]) {
			t.Fatalf("%q is not in the offer", pairs[i])
		}
		out = strings.ReplaceAll(out, pairs[i], pairs[i+1])
	}
	return out
}

func TestOffersThatCannotBeServedSayWhy(t *testing.T) {
	for _, c := range []struct {
		name   string
		offer  string
		reason Reason
		says   string
	}{
		{"empty", "", Malformed, "media sections"},
		{"not SDP", "hello", Malformed, "RFC 8866"},
		{"over 64 KiB", browser + strings.Repeat("a=x\r\n", 20000), Malformed, "65536"},
		{"no ufrag", change(t, "a=ice-ufrag:Zk3D\r\n", ""), Malformed, "ice-ufrag"},
		{"line break smuggled into the ufrag", change(t, "a=ice-ufrag:Zk3D", "a=ice-ufrag:Zk 3D"), Malformed, "ice-ufrag"},
		{"short password", change(t, "9uJYk1vDq0X5mQWw3cO2rT7b", "9uJY"), Malformed, "ice-pwd"},
		{"old hash", change(t, "sha-256 00:11", "md5 00:11"), Malformed, "sha-256"},
		{"cut fingerprint", change(t, "sha-256 00:11", "sha-256 11"), Malformed, "fingerprint"},
		{"DTLS server", change(t, "a=setup:actpass", "a=setup:passive"), Malformed, "actpass"},
		{"ICE-lite", change(t, "t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"), Malformed, "ICE-lite"},
		{"no BUNDLE", change(t, "a=group:BUNDLE 0 1\r\n", ""), Malformed, "BUNDLE"},
		{"BUNDLE of others", change(t, "BUNDLE 0 1", "BUNDLE 0"), Malformed, "BUNDLE"},
		{"bad mid", change(t, "a=mid:0", "a=mid:0 0"), Malformed, "mid"},
		{"sends only", change(t, "a=recvonly", "a=sendonly"), NoCodec, "recvonly"},
		{"no H.264", change(t, "H264/90000", "H265/90000"), NoCodec, "42e01f"},
		{"only mode 0", change(t, "packetization-mode=1", "packetization-mode=0"), NoCodec, "packetization-mode=1"},
		{"only high profile", change(t, "42001f", "64001f", "42e01f", "640c1f"), NoCodec, "baseline"},
		{"no video", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + browser[strings.Index(browser, "m=application"):], NoCodec, "video"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.offer)
			var r *Refusal
			if !errors.As(err, &r) || r.Reason != c.reason || !strings.Contains(r.Detail, c.says) {
				t.Fatalf("%v, expected %s with %q", err, c.reason, c.says)
			}
		})
	}
}

// The answer is one that a browser takes: sections in order, the chosen codec alone, the parts that were offered.
func TestAnswerAgreesWithTheOffer(t *testing.T) {
	audio := "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Zk3D\r\na=ice-pwd:9uJYk1vDq0X5mQWw3cO2rT7b\r\n" +
		"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
		"a=setup:actpass\r\na=mid:s\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
	head, rest, _ := strings.Cut(browser, "m=video")
	sps := []byte{0x67, 0x42, 0xC0, 0x28, 0x8C}
	for _, c := range []struct {
		name  string
		offer string
		sps   []byte
		has   []string
		hasNo []string
	}{
		{"a browser", browser, nil,
			[]string{"a=group:BUNDLE 0 1\r\n", "a=ice-lite\r\n", "m=video 9 UDP/TLS/RTP/SAVPF 106\r\n", "a=rtpmap:106 H264/90000\r\n", "profile-level-id=42e01f\r\n",
				"a=rtcp-fb:106 nack\r\n", "a=rtcp-fb:106 nack pli\r\n", "a=rtcp-fb:106 ccm fir\r\n", "a=rtcp-fb:106 transport-cc\r\n",
				"a=extmap:4 " + ExtWide + "\r\n", "a=extmap:5 " + ExtDelay + "\r\n", "a=sendonly\r\n", "a=setup:passive\r\n", "a=rtcp-mux\r\n",
				"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", "a=max-message-size:16384\r\n", "a=mid:0\r\n", "a=mid:1\r\n",
				"a=fingerprint:sha-256 AB:CD\r\n", "a=ssrc:77 cname:kit\r\n", "a=candidate:1 1 udp 2130706431 192.0.2.7 9000 typ host\r\n", "a=candidate:3 1 udp 2130705919 fd00::1 9000 typ host\r\n", "a=end-of-candidates\r\n"},
			[]string{"VP8", "rtx", "goog-remb", "abs-send-time"}},
		{"the stream's own level", browser, sps, []string{"profile-level-id=42c028\r\n"}, nil},
		{"only baseline offered", change(t, "42e01f", "64001f"), sps, []string{"SAVPF 102\r\n", "profile-level-id=420028\r\n"}, nil},
		{"H.264 by its name alone", strings.NewReplacer("a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n", "",
			"a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n", "").Replace(browser), sps,
			[]string{"SAVPF 102\r\n", "packetization-mode=1;profile-level-id=420028\r\n"}, nil},
		{"a mode that is said wins over none", change(t, "packetization-mode=1;profile-level-id=42001f", "profile-level-id=42e01f", "42e01f", "42001f"), nil, []string{"SAVPF 106\r\n"}, nil},
		{"no transport-wide feedback", change(t, "a=extmap:4 "+ExtWide+"\r\n", ""), nil, []string{"a=rtcp-fb:106 goog-remb\r\n"}, []string{"transport-cc"}},
		{"a player without data channel that asks for sound", strings.Replace(head, "BUNDLE 0 1", "BUNDLE s 0", 1) + audio + "m=video" + rest[:strings.Index(rest, "m=application")], nil,
			[]string{"a=group:BUNDLE s 0\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "a=rtpmap:111 opus/48000/2\r\n", "a=mid:s\r\n", "a=msid:edgekit sound\r\n", "a=msid:edgekit picture\r\n",
				"a=ssrc:78 cname:kit\r\n", "a=ssrc:77 cname:kit\r\n", "m=video 9 "}, []string{"m=application", "extmap:111", "a=inactive"}},
		{"a player whose sound would need a transport of its own", strings.Replace(head, "a=group:BUNDLE 0 1\r\n", "", 1) + audio + "m=video" + rest[:strings.Index(rest, "m=application")], nil,
			[]string{"m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n", "a=mid:s\r\na=inactive\r\n", "m=video 9 "}, nil},
		{"a player of other sound", strings.Replace(head, "BUNDLE 0 1", "BUNDLE s 0", 1) + strings.Replace(audio, "opus/48000/2", "PCMU/8000", 1) + "m=video" + rest[:strings.Index(rest, "m=application")], nil,
			[]string{"a=group:BUNDLE 0\r\n", "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n", "a=mid:s\r\na=inactive\r\n"}, nil},
		{"one that sends sound", strings.Replace(head, "BUNDLE 0 1", "BUNDLE s 0", 1) + strings.Replace(audio, "a=recvonly", "a=sendonly", 1) + "m=video" + rest[:strings.Index(rest, "m=application")], nil,
			[]string{"m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"}, nil},
		{"a bundle-only video, whose transport the first section tells", strings.Replace(head, "BUNDLE 0 1", "BUNDLE s 0", 1) + audio +
			strings.NewReplacer("video 9", "video 0", "a=mid:0", "a=bundle-only\r\na=mid:0", "a=ice-ufrag:Zk3D\r\n", "", "a=setup:actpass\r\n", "").Replace("m=video"+rest[:strings.Index(rest, "m=application")]), nil,
			[]string{"m=audio 9 ", "m=video 9 ", "a=group:BUNDLE s 0\r\n"}, nil},
		{"a second video", browser + strings.ReplaceAll("m=video"+rest[:strings.Index(rest, "m=application")], "a=mid:0", "a=mid:2"), nil,
			[]string{"a=group:BUNDLE 0 1\r\n", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := Parse(c.offer)
			if err != nil {
				t.Fatal(err)
			}
			answer := o.Answer(Answer{Ufrag: "u", Pwd: "p", Fingerprint: "AB:CD", Version: 1, SSRC: 77, SoundSSRC: 78, CNAME: "kit", SPS: c.sps, MaxMessage: 16384, Port: 9000,
				Hosts: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("::ffff:192.0.2.7"), netip.MustParseAddr("fd00::1")}})
			for _, want := range c.has {
				if !strings.Contains(answer, want) {
					t.Errorf("lacks %q", want)
				}
			}
			for _, not := range c.hasNo {
				if strings.Contains(answer, not) {
					t.Errorf("has %q", not)
				}
			}
			if t.Failed() {
				t.Log(answer)
			}
		})
	}
}

func FuzzOffer(f *testing.F) {
	f.Add(browser)
	f.Add(strings.ReplaceAll(browser, "42e01f", "42"))
	f.Add("v=0\r\nm=video 9 x 1\r\n")
	f.Fuzz(func(t *testing.T, offer string) {
		o, err := Parse(offer)
		var r *Refusal
		if err != nil {
			if !errors.As(err, &r) || r.Detail == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		answer := o.Answer(Answer{Ufrag: "u", Pwd: "p", Hosts: []netip.Addr{netip.MustParseAddr("192.0.2.7")}})
		var d sdp.SessionDescription
		if err := d.UnmarshalString(answer); err != nil {
			t.Fatalf("the answer is no SDP: %v\n%s", err, answer)
		}
		if len(d.MediaDescriptions) != len(o.Media) {
			t.Fatalf("%d sections for %d", len(d.MediaDescriptions), len(o.Media))
		}
	})
}

func TestOnlyTheOfferedCertificateMatches(t *testing.T) {
	der := []byte("a certificate")
	sum := sha256.Sum256(der)
	var digits []string
	for _, b := range sum {
		digits = append(digits, strings.ToUpper(hex.EncodeToString([]byte{b})))
	}
	o, err := Parse(change(t, "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF", strings.Join(digits, ":")))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Matches([][]byte{der}); err != nil {
		t.Error(err)
	}
	for _, chain := range [][][]byte{nil, {[]byte("another")}, {[]byte("another"), der}} {
		if o.Matches(chain) == nil {
			t.Errorf("%q matches", chain)
		}
	}
}

// A kit that is reached by TCP says so, in answers and restarts, after all that is said of UDP; one that is not says nothing of it.
func TestTCPComesAfterUDP(t *testing.T) {
	o, err := Parse(browser)
	if err != nil {
		t.Fatal(err)
	}
	a := Answer{Ufrag: "u", Pwd: "p", Hosts: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("fd00::1")}, Port: 80, TCPPort: 8080}
	for name, text := range map[string]string{"answer": o.Answer(a), "restart": o.Fragment(a)} {
		section, _, _ := strings.Cut(text[strings.Index(text, "m="):], "a=end-of-candidates")
		foundations, least, most, tcp := map[string]bool{}, uint32(1<<32-1), uint32(0), 0
		for line := range strings.Lines(section) {
			line, ok := strings.CutPrefix(strings.TrimSpace(line), "a=candidate:")
			if !ok {
				continue
			}
			c, err := ice.UnmarshalCandidate(line)
			if err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
			if foundations[c.Foundation()] {
				t.Errorf("%s: %q has another's foundation", name, line)
			}
			foundations[c.Foundation()] = true
			if !c.NetworkType().IsTCP() {
				least = min(least, c.Priority())
				continue
			}
			tcp++
			most = max(most, c.Priority())
			if c.TCPType() != ice.TCPTypePassive || c.Port() != 8080 || c.Type() != ice.CandidateTypeHost {
				t.Errorf("%s: %q", name, line)
			}
		}
		if tcp != 2 || len(foundations) != 4 || most >= least {
			t.Errorf("%s: %d of %d candidates are TCP's, up to %d, UDP's from %d", name, tcp, len(foundations), most, least)
		}
	}
	if a.TCPPort = 0; strings.Contains(o.Answer(a), " tcp ") {
		t.Error("TCP is offered where there is none")
	}
}
