package dns

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"edgekit.internal/drivers/portal"
)

var (
	kit     = netip.MustParseAddr("10.66.0.1")
	fresh   = netip.MustParseAddr("10.66.0.2") // has not been through the portal
	visitor = netip.MustParseAddr("10.66.0.3") // has
)

// stall is a server with two phones, and a way out if there are servers upstream.
func stall(upstream ...netip.AddrPort) *Server {
	var now atomic.Int64
	return New(Config{Kit: kit, Now: func() time.Duration { return time.Duration(now.Add(int64(time.Second))) },
		Who: func(a netip.Addr) (portal.MAC, bool) {
			b := a.As4()
			return portal.MAC{2, 0, 0, 0, 0, b[3]}, a == fresh || a == visitor || a == netip.MustParseAddr("127.0.0.1")
		},
		Accepted: func(m portal.MAC) bool { return m[5] == 3 }, Upstream: func() []netip.AddrPort { return upstream }})
}

// told is an answer in a line: its code, and what it says.
func told(r *dns.Msg) string {
	if r == nil {
		return "nothing"
	}
	s := dns.RcodeToString[r.Rcode]
	for _, rr := range r.Answer {
		f := strings.Fields(rr.String())
		s += " " + strings.Join(f[3:], " ")
	}
	return s
}

func TestWhatANameIsToAVisitor(t *testing.T) {
	own := "NOERROR A 10.66.0.1"
	for _, c := range []struct{ name, kind, before, after string }{
		{"edgekit.internal.", "A", own, own},
		{"EdgeKit.Internal.", "A", own, own},
		{"blue-door.edgekit.internal.", "A", own, own},
		{"edgekit.internal.", "AAAA", "NOERROR", "NOERROR"},
		{"edgekit.internal.", "HTTPS", "NOERROR", "NOERROR"},
		{"other.internal.", "A", "NXDOMAIN", "NXDOMAIN"},
		{"notedgekit.internal.", "A", "NXDOMAIN", "NXDOMAIN"},

		{"shop.example.com.", "A", own, "NXDOMAIN"},
		{"shop.example.com.", "AAAA", "NOERROR", "NXDOMAIN"},
		{"shop.example.com.", "TXT", "NOERROR", "NXDOMAIN"},
		{"captive.apple.com.", "A", own, own},
		{"captive.apple.com.", "AAAA", "NOERROR", "NOERROR"},
		{"connectivitycheck.gstatic.com.", "A", own, own},
		{"www.msftconnecttest.com.", "A", own, own},
		{"detectportal.firefox.com.", "A", own, own},
		{"dns.msftncsi.com.", "A", own, "NOERROR A 131.107.255.255"},
		{"dns.msftncsi.com.", "AAAA", "NOERROR", "NOERROR AAAA fd3e:4f5a:5b81::1"},

		{"use-application-dns.net.", "A", "NXDOMAIN", "NXDOMAIN"},
		{"mask.icloud.com.", "A", "NXDOMAIN", "NXDOMAIN"},
		{"mask-h2.icloud.com.", "HTTPS", "NXDOMAIN", "NXDOMAIN"},
		{"_dns.resolver.arpa.", "SVCB", "NOERROR", "NOERROR"},
		{"nas.local.", "A", "NXDOMAIN", "NXDOMAIN"},
		{"router.fritz.box.", "A", "NXDOMAIN", "NXDOMAIN"},
		{"1.178.168.192.in-addr.arpa.", "PTR", "NXDOMAIN", "NXDOMAIN"},
		{"7.20.172.in-addr.arpa.", "PTR", "NXDOMAIN", "NXDOMAIN"},

		{"edgekit.internal.", "ANY", "REFUSED", "REFUSED"},
		{"edgekit.internal.", "AXFR", "REFUSED", "REFUSED"},
		{".", "NS", "NOERROR", "NXDOMAIN"},
	} {
		for from, want := range map[netip.Addr]string{fresh: c.before, visitor: c.after} {
			q := new(dns.Msg).SetQuestion(c.name, dns.StringToType[c.kind])
			r := stall().answer(t.Context(), from, q)
			if got := told(r); got != want {
				t.Errorf("%s %s by %v: %s, want %s", c.name, c.kind, from, got, want)
			}
			if r != nil && (r.Id != q.Id || r.Question[0] != q.Question[0]) {
				t.Errorf("%s: %v answers %v", c.name, r.Question, q.Question)
			}
			if r != nil && len(r.Answer) == 0 && r.Rcode != dns.RcodeRefused && (len(r.Ns) != 1 || r.Ns[0].Header().Ttl != noneTTL) {
				t.Errorf("%s %s: nothing says for how long there is nothing: %v", c.name, c.kind, r)
			}
			if r != nil && from == fresh && len(r.Answer) == 1 && !kits(plain(c.name)) && r.Answer[0].Header().Ttl > 10 {
				t.Errorf("%s is remembered for %d s", c.name, r.Answer[0].Header().Ttl)
			}
		}
	}
	for name, q := range map[string]*dns.Msg{
		"no question":   {},
		"two questions": {Question: []dns.Question{{Name: "a.", Qtype: 1, Qclass: 1}, {Name: "b.", Qtype: 1, Qclass: 1}}},
	} {
		if got := told(stall().answer(t.Context(), visitor, q)); got != "FORMERR" {
			t.Errorf("%s: %s", name, got)
		}
	}
	chaos := &dns.Msg{Question: []dns.Question{{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}}}
	if got := told(stall().answer(t.Context(), visitor, chaos)); got != "REFUSED" {
		t.Errorf("version.bind: %s", got)
	}
	if got := told(stall().answer(t.Context(), netip.MustParseAddr("10.66.0.99"), new(dns.Msg).SetQuestion("edgekit.internal.", dns.TypeA))); got != "nothing" {
		t.Errorf("to who has no address: %s", got)
	}
}

// internet answers as the servers of the operator's network do.
func internet(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, l := sockets(t)
	mux := dns.NewServeMux()
	mux.HandleFunc(".", func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg)
		r.SetReply(q)
		_, tcp := w.RemoteAddr().(*net.TCPAddr)
		a := func(ip string) {
			r.Answer = append(r.Answer, &dns.A{Hdr: header(q.Question[0], 300), A: net.ParseIP(ip)})
		}
		switch name := q.Question[0].Name; {
		case name == "shop.example.com.", name == "www.gstatic.com.":
			a("93.184.215.14")
		case name == "detectportal.firefox.com.": // as a router's own page, or a sign-in page
			a("192.168.178.1")
		case name == "play.googleapis.com.", name == "dns.msftncsi.com.":
			r.Rcode = dns.RcodeServerFailure
		case name == "www.apple.com.": // nothing at all
		case name == "rebind.example.com.":
			a("93.184.215.14")
			a("192.168.178.1")
		case name == "cdn.example.com." || name == "hint4.example.com." || name == "hint6.example.com.":
			hints := map[string]dns.SVCBKeyValue{"cdn.example.com.": &dns.SVCBIPv4Hint{Hint: []net.IP{{93, 184, 215, 14}}}, "hint4.example.com.": &dns.SVCBIPv4Hint{Hint: []net.IP{{93, 184, 215, 14}, {192, 168, 178, 1}}},
				"hint6.example.com.": &dns.SVCBIPv6Hint{Hint: []net.IP{net.ParseIP("fd00::1")}}}
			is := dns.SVCB{Hdr: header(q.Question[0], 300), Priority: 1, Target: ".", Value: []dns.SVCBKeyValue{&dns.SVCBAlpn{Alpn: []string{"h2"}}, hints[name]}}
			if r.Answer = []dns.RR{&is}; q.Question[0].Qtype == dns.TypeHTTPS {
				r.Answer = []dns.RR{&dns.HTTPS{SVCB: is}}
			}
		case name == "large.example.com." && !tcp:
			r.Truncated = true
		case name == "large.example.com.":
			for n := range 200 {
				a(fmt.Sprintf("93.184.%d.14", n))
			}
		case name == "broken.example.com.":
			r.Rcode = dns.RcodeServerFailure
		case name == "forged.example.com.":
			r.Question[0].Name = "other.example.com."
			a("93.184.215.14")
		default:
			r.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(r)
	})
	for _, s := range []*dns.Server{{PacketConn: conn, Handler: mux}, {Listener: l, Handler: mux}} {
		up, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() { s.ActivateAndServe(); close(ended) }()
		<-up
		t.Cleanup(func() { s.Shutdown(); <-ended })
	}
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

func TestPassedOnAndWatched(t *testing.T) {
	out := internet(t)
	for _, c := range []struct{ name, kind, want string }{
		{"shop.example.com.", "A", "NOERROR A 93.184.215.14"},
		{"SHOP.example.com.", "AAAA", "NOERROR"},             // there is no IPv6 for visitors
		{"www.gstatic.com.", "A", "NOERROR A 93.184.215.14"}, // a phone that looks for the internet finds it
		{"captive.apple.com.", "A", "NOERROR A 10.66.0.1"},   // upstream denies it, so it is not there
		{"www.apple.com.", "A", "NOERROR A 10.66.0.1"},
		{"play.googleapis.com.", "A", "NOERROR A 10.66.0.1"},
		{"detectportal.firefox.com.", "A", "NOERROR A 10.66.0.1"},
		{"dns.msftncsi.com.", "A", "NOERROR A 131.107.255.255"},
		{"rebind.example.com.", "A", "NXDOMAIN"},
		{"cdn.example.com.", "HTTPS", `NOERROR HTTPS 1 . alpn="h2" ipv4hint="93.184.215.14"`}, // RFC 9460, 7.3: a browser may go there
		{"hint4.example.com.", "HTTPS", "NXDOMAIN"},
		{"hint4.example.com.", "SVCB", "NXDOMAIN"},
		{"hint6.example.com.", "HTTPS", "NXDOMAIN"},
		{"broken.example.com.", "A", "SERVFAIL"},
		{"forged.example.com.", "A", "SERVFAIL"},
		{"nas.local.", "A", "NXDOMAIN"},
		{"nas.", "A", "NOERROR"},
		{"edgekit.internal.", "A", "NOERROR A 10.66.0.1"},
		{"mask.icloud.com.", "A", "NXDOMAIN"},
	} {
		s := stall(out)
		if got := told(s.answer(t.Context(), visitor, new(dns.Msg).SetQuestion(c.name, dns.StringToType[c.kind]))); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, c.kind, got, c.want)
		}
	}
	if got := told(stall(out).answer(t.Context(), fresh, new(dns.Msg).SetQuestion("shop.example.com.", dns.TypeA))); got != "NOERROR A 10.66.0.1" {
		t.Errorf("before the portal: %s", got)
	}
	r := stall(out).answer(t.Context(), visitor, new(dns.Msg).SetQuestion("large.example.com.", dns.TypeA))
	if len(r.Answer) != 200 {
		t.Fatalf("%d records", len(r.Answer))
	}
	for edns, most := range map[uint16]int{0: dns.MinMsgSize, 100: dns.MinMsgSize, 900: 900, 65535: maxUDP} {
		q := new(dns.Msg).SetQuestion("large.example.com.", dns.TypeA)
		if edns > 0 {
			q.SetEdns0(edns, true)
		}
		udp := r.Copy()
		finish(udp, q, false)
		if b, err := udp.Pack(); err != nil || len(b) > most || !udp.Truncated {
			t.Errorf("with %d bytes asked for: %d, %v", edns, len(b), err)
		}
	}
	q := new(dns.Msg).SetQuestion("large.example.com.", dns.TypeA)
	q.SetEdns0(1232, false)
	q.IsEdns0().SetVersion(1)
	if finish(r, q, true); r.Rcode != dns.RcodeBadVers || r.Truncated {
		t.Errorf("%v", r)
	}
}

// TestAWayThatLeadsNowhereSendsNobodyAway: systems that look for the internet hear what keeps them on the network, whether the servers
// upstream are silent, or it is known that nothing is behind them. Other names are asked for all the same.
func TestAWayThatLeadsNowhereSendsNobodyAway(t *testing.T) {
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dead, out := netip.MustParseAddrPort(silent.LocalAddr().String()), internet(t)
	for _, c := range []struct {
		name, kind string
		upstream   netip.AddrPort
		offline    bool
		want       string
	}{
		{"www.gstatic.com.", "A", dead, false, "NOERROR A 10.66.0.1"},
		{"www.gstatic.com.", "A", dead, true, "NOERROR A 10.66.0.1"},
		{"www.gstatic.com.", "HTTPS", dead, false, "NOERROR"},
		{"www.gstatic.com.", "A", out, true, "NOERROR A 10.66.0.1"}, // a router that remembers names
		{"dns.msftncsi.com.", "AAAA", out, true, "NOERROR AAAA fd3e:4f5a:5b81::1"},
		{"shop.example.com.", "A", out, true, "NOERROR A 93.184.215.14"},
		{"shop.example.com.", "A", dead, true, "NXDOMAIN"},
		{"shop.example.com.", "A", dead, false, "SERVFAIL"},
	} {
		s := stall(c.upstream)
		s.config.Offline = func() bool { return c.offline }
		if got := told(s.answer(t.Context(), visitor, new(dns.Msg).SetQuestion(c.name, dns.StringToType[c.kind]))); got != c.want {
			t.Errorf("%s %s, known to be offline %v: %s, want %s", c.name, c.kind, c.offline, got, c.want)
		}
		if got := told(s.answer(t.Context(), fresh, new(dns.Msg).SetQuestion(c.name, dns.TypeA))); got != "NOERROR A 10.66.0.1" {
			t.Errorf("%s before the portal: %s", c.name, got)
		}
	}
}

// TestAServerThatIsSilentIsPassedOver, and does not hold up others' questions.
func TestAServerThatIsSilentIsPassedOver(t *testing.T) {
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := stall(netip.MustParseAddrPort(silent.LocalAddr().String()), internet(t))
	if got := told(s.answer(t.Context(), visitor, new(dns.Msg).SetQuestion("shop.example.com.", dns.TypeA))); got != "NOERROR A 93.184.215.14" {
		t.Errorf("%s", got)
	}
	m := portal.MAC{2, 0, 0, 0, 0, 3}
	for range maxWaitingEach {
		if !s.wait(m) {
			t.Fatal("refused too soon")
		}
	}
	if got := told(s.answer(t.Context(), visitor, new(dns.Msg).SetQuestion("shop.example.com.", dns.TypeA))); got != "SERVFAIL" || s.Counts().Flooded != 1 {
		t.Errorf("a station with %d questions open: %s", maxWaitingEach, got)
	}
	if !s.wait(portal.MAC{9}) {
		t.Error("and another has to wait for it")
	}
}

func TestAFloodIsNotAnswered(t *testing.T) {
	now := time.Duration(0)
	s := stall()
	s.config.Now = func() time.Duration { return now }
	s.ration = portal.NewRation(portal.Rate{Burst: 120, PerSecond: 20}, portal.Rate{Burst: 600, PerSecond: 300}, s.config.Now)
	answered := 0
	for range 10_000 {
		if s.answer(t.Context(), fresh, new(dns.Msg).SetQuestion("a.example.com.", dns.TypeA)) != nil {
			answered++
		}
	}
	if answered != 120 || s.answer(t.Context(), visitor, new(dns.Msg).SetQuestion("edgekit.internal.", dns.TypeA)) == nil {
		t.Errorf("%d answered, and another station none", answered)
	}
}

// FuzzAnswer: whatever is asked, an answer is one to that question, fits, and is no more than a little longer than it.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"edgekit.internal.", "a.example.com.", "dns.msftncsi.com.", "x.local."} {
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeHTTPS, dns.TypeAXFR} {
			q := new(dns.Msg).SetQuestion(name, kind)
			q.SetEdns0(4096, true)
			b, err := q.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, kind == dns.TypeA)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, accepted bool) {
		q := new(dns.Msg)
		if q.Unpack(b) != nil {
			return
		}
		from := fresh
		if accepted {
			from = visitor
		}
		r := stall().answer(t.Context(), from, q)
		if r == nil {
			t.Fatal("nothing said")
		}
		finish(r, q, false)
		out, err := r.Pack()
		if err != nil {
			return // a question that cannot be written again; the library then says nothing
		}
		if again := new(dns.Msg); again.Unpack(out) != nil || again.Id != q.Id || !again.Response {
			t.Fatalf("%v", again)
		}
		question := 12
		if len(q.Question) > 0 {
			question += len(q.Question[0].Name) + 5
		}
		if len(out) > question+130 {
			t.Fatalf("%d bytes for a question of %d", len(out), question)
		}
	})
}
