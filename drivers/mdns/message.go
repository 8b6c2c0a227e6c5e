package mdns

import (
	"errors"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// The upper bit of a class says, of a question, that one answer to who asks is enough, and of a record, that there are no others of its
// kind (RFC 6762, sections 5.4 and 10.2).
const top = 1 << 15

const typeNSEC dnsmessage.Type = 47 // RFC 4034

// message is what is of use of a packet to who has a name.
type message struct {
	id       uint16
	response bool
	question dnsmessage.Question // about the name, the last of them
	asked    bool                // there is one
	unicast  bool                // and it wants an answer to who asks
	known    bool                // an address of the name is known already to who asks
	answers  []netip.Addr        // addresses of the name, of a response
	proposed []netip.Addr        // of who asks for the name
}

// mostRecords bounds what is read of a packet.
const mostRecords = 64

// parse reads a packet. ok is false for one that is broken; what was read until then does not count.
func parse(packet []byte, name string) (m message, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(packet)
	if err != nil || h.OpCode != 0 || h.RCode != 0 { // section 18
		return m, false
	}
	m.id, m.response = h.ID, h.Response
	for range mostRecords {
		q, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return m, false
		}
		kind := q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA || q.Type == dnsmessage.TypeALL
		class := q.Class&^top == dnsmessage.ClassINET || q.Class&^top == dnsmessage.ClassANY
		if kind && class && same(q.Name.String(), name) {
			m.asked, m.unicast, m.question = true, q.Class&top != 0, q
		}
	}
	if p.SkipAllQuestions() != nil {
		return m, false
	}
	for n, section := range []func() (dnsmessage.ResourceHeader, error){p.AnswerHeader, p.AuthorityHeader, p.AdditionalHeader} {
		skip := []func() error{p.SkipAnswer, p.SkipAuthority, p.SkipAdditional}[n]
		for range mostRecords {
			h, err := section()
			if errors.Is(err, dnsmessage.ErrSectionDone) {
				break
			}
			if err != nil {
				return m, false
			}
			if h.Type != dnsmessage.TypeA || !same(h.Name.String(), name) {
				if skip() != nil {
					return m, false
				}
				continue
			}
			r, err := p.AResource()
			if err != nil {
				return m, false
			}
			switch a := netip.AddrFrom4(r.A); {
			case m.response && h.TTL > 0: // 0: it says goodbye
				m.answers = append(m.answers, a)
			case !m.response && n == 0:
				m.known = m.known || h.TTL >= lifetime/2
			case !m.response && n == 1:
				m.proposed = append(m.proposed, a)
			}
		}
	}
	return m, true
}

func (h *host) record(ttl uint32, class dnsmessage.Class) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(h.name() + "."), Type: dnsmessage.TypeA, Class: class, TTL: ttl},
		Body: &dnsmessage.AResource{A: h.Address.Addr().As4()}}
}

// nothingElse says that the name has an address of IPv4 and no other (section 6.1): who asks for IPv6 need not wait.
func (h *host) nothingElse(ttl uint32, class dnsmessage.Class) dnsmessage.Resource {
	name := h.name()
	var b []byte
	for _, label := range []string{name[:len(name)-len(".local")], "local"} {
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0, 0, 1, 1<<6) // window 0, one byte, of which the bit of type 1 is set
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Type: typeNSEC, Class: class, TTL: ttl},
		Body: &dnsmessage.UnknownResource{Type: typeNSEC, Data: b}}
}

// question asks whether the name is anybody's, and says what it is to be (section 8.1).
func (h *host) question() []byte {
	return pack(dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(h.name() + "."), Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET | top}},
		Authorities: []dnsmessage.Resource{h.record(lifetime, dnsmessage.ClassINET)}})
}

// answer says what the name is. A ttl of 0 is goodbye.
func (h *host) answer(ttl uint32) []byte {
	return pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true, Authoritative: true}, Answers: []dnsmessage.Resource{h.record(ttl, dnsmessage.ClassINET|top)},
		Additionals: []dnsmessage.Resource{h.nothingElse(ttl, dnsmessage.ClassINET|top)}})
}

// plain answers as DNS does: with the question's number, and itself (section 6.7).
func (h *host) plain(m message) []byte {
	m.question.Class &^= top
	r := dnsmessage.Message{Header: dnsmessage.Header{ID: m.id, Response: true, Authoritative: true}, Questions: []dnsmessage.Question{m.question}}
	if m.question.Type != dnsmessage.TypeAAAA {
		r.Answers = []dnsmessage.Resource{h.record(legacy, dnsmessage.ClassINET)}
	}
	return pack(r)
}

func pack(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic("mdns: " + err.Error()) // names are short, and no more than two
	}
	return b
}
