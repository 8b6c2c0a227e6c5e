package mdns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
)

// What is taken from a network that may be hostile: packets, services, and texts of one.
const (
	mostPackets  = 256
	mostServices = 32
	mostTexts    = 64
)

// Service is one that was found.
type Service struct {
	Name    string            // as people named it: "Kitchen printer"
	Address string            // IP:PORT. The IP is that of who answered: nobody can point at another machine
	Text    map[string]string // its TXT record, keys in small letters (RFC 6763, section 6)
}

// Browse asks a group of machines for services of a kind, such as _pdl-datastream._tcp, on every network there is, and returns
// those that answered within two waits, by name. That some network cannot be asked is no error, that none can is.
func Browse(ctx context.Context, group netip.AddrPort, kind string, wait time.Duration) ([]Service, error) {
	conn, err := net.ListenUDP("udp4", nil) // not from port 5353: answers come here, and to nobody else (section 6.7)
	if err != nil {
		return nil, fmt.Errorf("mdns: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	b := &browser{conn: conn, group: group, kind: kind + ".local.", id: uint16(rand.Uint32()), found: map[string]*record{}}
	if err := b.ask(question{b.kind, dnsmessage.TypePTR}); err != nil {
		return nil, err
	}
	b.listen(wait)
	if missing := b.missing(); len(missing) > 0 && ctx.Err() == nil {
		if err := b.ask(missing...); err != nil {
			return nil, err
		}
		b.listen(wait)
	}
	return b.services(), ctx.Err()
}

type question struct {
	name string
	kind dnsmessage.Type
}

// browser is one question's.
type browser struct {
	conn    *net.UDPConn
	group   netip.AddrPort
	kind    string
	id      uint16
	packets int
	found   map[string]*record // by the service's full name
}

// record is what is known of a service.
type record struct {
	from netip.Addr // who told its port
	port uint16
	text map[string]string
}

func (b *browser) ask(questions ...question) error {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: b.id}}
	for _, q := range questions {
		name, err := dnsmessage.NewName(q.name)
		if err != nil {
			continue // one that somebody made up
		}
		m.Questions = append(m.Questions, dnsmessage.Question{Name: name, Type: q.kind, Class: dnsmessage.ClassINET})
	}
	text, err := m.Pack()
	if err != nil {
		return fmt.Errorf("mdns: %w", err)
	}
	to := net.UDPAddrFromAddrPort(b.group)
	if !b.group.Addr().IsMulticast() {
		_, err := b.conn.WriteToUDP(text, to)
		return err
	}
	all, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("mdns: %w", err)
	}
	asked, p := false, ipv4.NewPacketConn(b.conn)
	err = errors.New("mdns: there is no network to ask")
	for _, i := range all {
		if i.Flags&(net.FlagUp|net.FlagMulticast) != net.FlagUp|net.FlagMulticast {
			continue
		}
		e := p.SetMulticastInterface(&i)
		if e == nil {
			_, e = p.WriteTo(text, nil, to)
		}
		if asked = asked || e == nil; e != nil {
			err = fmt.Errorf("mdns: ask on %s: %w", i.Name, e)
		}
	}
	if asked {
		return nil
	}
	return err
}

// listen takes answers for a while.
func (b *browser) listen(wait time.Duration) {
	packet := make([]byte, mostBytes)
	for b.conn.SetReadDeadline(time.Now().Add(wait)) == nil && b.packets < mostPackets {
		for b.packets++; b.packets < mostPackets; b.packets++ {
			n, from, err := b.conn.ReadFromUDPAddrPort(packet)
			if err != nil {
				return // it is over: nobody says anything any more, or may
			}
			if from.Port() == b.group.Port() { // RFC 6762, section 6
				b.hear(packet[:n], from.Addr().Unmap())
			}
		}
	}
}

// hear takes what is of use from a packet.
func (b *browser) hear(packet []byte, from netip.Addr) {
	var p dnsmessage.Parser
	h, err := p.Start(packet)
	if err != nil || !h.Response || h.ID != b.id || p.SkipAllQuestions() != nil {
		return
	}
	for _, section := range []struct {
		next func() (dnsmessage.ResourceHeader, error)
		skip func() error
	}{{p.AnswerHeader, p.SkipAnswer}, {p.AuthorityHeader, p.SkipAuthority}, {p.AdditionalHeader, p.SkipAdditional}} {
		for {
			h, err := section.next()
			if errors.Is(err, dnsmessage.ErrSectionDone) {
				break
			}
			if err != nil || b.one(&p, h, from, section.skip) != nil {
				return
			}
		}
	}
}

// one takes a record, and skips those that are of no use.
func (b *browser) one(p *dnsmessage.Parser, h dnsmessage.ResourceHeader, from netip.Addr, skip func() error) error {
	switch h.Type {
	case dnsmessage.TypePTR:
		r, err := p.PTRResource()
		if err == nil && strings.EqualFold(h.Name.String(), b.kind) {
			b.of(r.PTR.String())
		}
		return err
	case dnsmessage.TypeSRV:
		r, err := p.SRVResource()
		if s := b.of(h.Name.String()); err == nil && s != nil && !s.from.IsValid() {
			s.from, s.port = from, r.Port
		}
		return err
	case dnsmessage.TypeTXT:
		r, err := p.TXTResource()
		if s := b.of(h.Name.String()); err == nil && s != nil && s.text == nil {
			s.text = map[string]string{}
			for _, t := range r.TXT[:min(len(r.TXT), mostTexts)] {
				key, value, _ := strings.Cut(t, "=")
				if key = strings.ToLower(key); s.text[key] == "" {
					s.text[key] = strings.ToValidUTF8(value, "?")
				}
			}
		}
		return err
	}
	return skip()
}

// of is what is known of a service of the kind that is looked for; nil of any other.
func (b *browser) of(name string) *record {
	key := strings.ToLower(name)
	if !strings.HasSuffix(key, "."+strings.ToLower(b.kind)) {
		return nil
	}
	if b.found[name] == nil && len(b.found) < mostServices {
		b.found[name] = &record{}
	}
	return b.found[name]
}

// missing are the questions that are open, in an order that is always the same.
func (b *browser) missing() (list []question) {
	for name, s := range b.found {
		if !s.from.IsValid() {
			list = append(list, question{name, dnsmessage.TypeSRV})
		}
		if s.text == nil {
			list = append(list, question{name, dnsmessage.TypeTXT})
		}
	}
	slices.SortFunc(list, func(a, b question) int { return strings.Compare(a.name, b.name) })
	return list
}

func (b *browser) services() (list []Service) {
	for name, s := range b.found {
		if s.from.IsValid() && s.port > 0 {
			short := name[:len(name)-len(b.kind)-1]
			list = append(list, Service{strings.ToValidUTF8(short, "?"), netip.AddrPortFrom(s.from, s.port).String(), s.text})
		}
	}
	slices.SortFunc(list, func(a, b Service) int { return strings.Compare(a.Name+a.Address, b.Name+b.Address) })
	return list
}
