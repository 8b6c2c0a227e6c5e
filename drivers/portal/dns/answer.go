package dns

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"edgekit.internal/drivers/portal"
)

// How long phones may remember, in seconds. What is so only until a visitor has been through the portal is to be forgotten by then.
const (
	ownTTL     = 60
	captiveTTL = 3
	probeTTL   = 10
	noneTTL    = 5
)

// answer is what a station is told; nil: nothing.
func (s *Server) answer(ctx context.Context, from netip.Addr, q *dns.Msg) *dns.Msg {
	m, ok := s.config.Who(from)
	if !ok {
		return nil
	}
	if !s.ration.Take(m) {
		s.flooded.Add(1)
		return nil
	}
	r := new(dns.Msg)
	r.SetReply(q)
	r.RecursionAvailable = true
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		r.Rcode = dns.RcodeFormatError
		return r
	}
	is := q.Question[0]
	name := plain(is.Name)
	switch {
	// ANY, zones and other classes ask for much with little (RFC 8482), and are nothing that phones need.
	case is.Qclass != dns.ClassINET, is.Qtype == dns.TypeANY, is.Qtype == dns.TypeAXFR, is.Qtype == dns.TypeIXFR, is.Qtype == dns.TypeOPT:
		s.refused.Add(1)
		r.Rcode = dns.RcodeRefused
		return r
	case kits(name):
		s.own.Add(1)
		return s.point(r, ownTTL)
	case within(name, canaries...), within(name, ours...):
		s.none.Add(1)
		return missing(r)
	case within(name, "resolver.arpa"): // RFC 9462, 6.4: there is no encrypted server to go on to
		s.none.Add(1)
		return empty(r)
	case !s.config.Accepted(m):
		s.captive.Add(1)
		return s.point(r, captiveTTL)
	}
	upstream, offline := s.config.Upstream(), s.config.Offline()
	probe := name == windowsCheck || slices.Contains(probes, name)
	switch {
	case probe && (offline || len(upstream) == 0):
		return s.probe(r)
	case len(upstream) == 0:
		s.none.Add(1)
		return missing(r)
	case is.Qtype == dns.TypeAAAA, !strings.Contains(name, "."):
		s.none.Add(1)
		return empty(r)
	case !s.pass(ctx, m, upstream, r, probe):
		switch {
		case probe:
			return s.probe(r)
		case offline:
			return missing(r)
		}
		r.Rcode = dns.RcodeServerFailure
	}
	return r
}

// probe answers for a system that looks for the internet, as what it is to find.
func (s *Server) probe(r *dns.Msg) *dns.Msg {
	s.probes.Add(1)
	if plain(r.Question[0].Name) == windowsCheck {
		return windows(r)
	}
	return s.point(r, probeTTL)
}

// point answers with the kit's address; there is nothing else of that name.
func (s *Server) point(r *dns.Msg, ttl uint32) *dns.Msg {
	if is := r.Question[0]; is.Qtype == dns.TypeA {
		r.Authoritative = true
		r.Answer = []dns.RR{&dns.A{Hdr: header(is, ttl), A: s.config.Kit.AsSlice()}}
		return r
	}
	return empty(r)
}

func windows(r *dns.Msg) *dns.Msg {
	switch is := r.Question[0]; is.Qtype {
	case dns.TypeA:
		r.Answer = []dns.RR{&dns.A{Hdr: header(is, probeTTL), A: windowsExpects.AsSlice()}}
	case dns.TypeAAAA:
		r.Answer = []dns.RR{&dns.AAAA{Hdr: header(is, probeTTL), AAAA: windowsExpects6.AsSlice()}}
	default:
		return empty(r)
	}
	return r
}

func header(is dns.Question, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: is.Name, Rrtype: is.Qtype, Class: dns.ClassINET, Ttl: ttl}
}

// missing says that there is no such name.
func missing(r *dns.Msg) *dns.Msg {
	r.Rcode = dns.RcodeNameError
	return empty(r)
}

// empty says that there is nothing of that type, and how long that may be remembered (RFC 2308, 5).
func empty(r *dns.Msg) *dns.Msg {
	r.Answer = nil
	r.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: noneTTL},
		Ns: dns.Fqdn(portal.Name), Mbox: dns.Fqdn("nobody." + portal.Name), Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: noneTTL}}
	return r
}

// pass asks upstream, the servers one after the other, and puts into r what came of it. ok is false if nothing did: no server answered
// in time, or the station asks too much at once. Of a probe's name only an address counts: a router whose line is dead denies all names.
func (s *Server) pass(ctx context.Context, m portal.MAC, upstream []netip.AddrPort, r *dns.Msg, probe bool) (ok bool) {
	if !s.wait(m) {
		s.flooded.Add(1)
		return false
	}
	defer s.done(m)
	ask := new(dns.Msg)
	ask.SetQuestion(r.Question[0].Name, r.Question[0].Qtype) // with an id, and from a port, that nobody can guess (RFC 5452)
	ask.SetEdns0(maxUDP, false)
	for n, server := range upstream[:min(len(upstream), 3)] {
		within, cancel := context.WithTimeout(ctx, patience/4<<n)
		got := exchange(within, server, ask)
		cancel()
		switch hidden := got != nil && private(got); {
		case got == nil:
			continue
		case probe && (hidden || got.Rcode != dns.RcodeSuccess || r.Question[0].Qtype == dns.TypeA && len(got.Answer) == 0):
			s.failed.Add(1)
			return false
		case hidden:
			s.private.Add(1)
			missing(r)
			return true
		}
		s.passed.Add(1)
		r.Rcode, r.Answer, r.Ns = got.Rcode, got.Answer, got.Ns
		return true
	}
	s.failed.Add(1)
	return false
}

// exchange is a server's answer, by TCP if it does not fit otherwise; nil if there is none.
func exchange(ctx context.Context, server netip.AddrPort, ask *dns.Msg) *dns.Msg {
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network, UDPSize: maxUDP}
		got, _, err := c.ExchangeContext(ctx, ask, server.String())
		if err != nil || got == nil || !got.Response || len(got.Question) != 1 || plain(got.Question[0].Name) != plain(ask.Question[0].Name) || got.Question[0].Qtype != ask.Question[0].Qtype ||
			got.Rcode != dns.RcodeSuccess && got.Rcode != dns.RcodeNameError {
			return nil
		}
		if !got.Truncated {
			return got
		}
	}
	return nil
}

// private is whether an answer leads anywhere but into the internet.
func private(r *dns.Msg) bool {
	for _, rr := range r.Answer {
		var ip []byte
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		default:
			continue
		}
		if a, ok := netip.AddrFromSlice(ip); !ok || !public(a) {
			return true
		}
	}
	return false
}

func (s *Server) wait(m portal.MAC) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxWaiting || s.waiting[m] >= maxWaitingEach {
		return false
	}
	s.all++
	s.waiting[m]++
	return true
}

func (s *Server) done(m portal.MAC) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.waiting[m]--; s.waiting[m] == 0 {
		delete(s.waiting, m)
	}
}
