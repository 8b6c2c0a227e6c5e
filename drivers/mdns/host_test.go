package mdns

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lan is a network in memory, in which nothing is lost unless all is.
type lan struct {
	t    *testing.T
	deaf bool // nobody hears another
	mu   sync.Mutex
	all  []*member
	said []heard // to everybody, in order
}

// member is a machine in it.
type member struct {
	lan    *lan
	at     netip.AddrPort
	in     chan heard
	closed chan struct{}
	once   sync.Once
}

func (l *lan) join(address string) *member {
	m := &member{lan: l, at: netip.AddrPortFrom(netip.MustParseAddr(address), 5353), in: make(chan heard, 256), closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
	return m
}

func (m *member) send(packet []byte, to netip.AddrPort) error {
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	p := heard{append([]byte{}, packet...), m.at}
	if !to.IsValid() {
		m.lan.said = append(m.lan.said, p)
	}
	for _, other := range m.lan.all {
		if to.IsValid() && to != other.at || m.lan.deaf && other != m {
			continue
		}
		select { // one hears oneself too
		case other.in <- p:
		default:
			m.lan.t.Error("more than anybody listens to")
		}
	}
	return nil
}

func (m *member) receive(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-m.in:
		return copy(b, p.packet), p.from, nil
	case <-m.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (m *member) Close() error {
	m.once.Do(func() { close(m.closed) })
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	m.lan.all = slices.DeleteFunc(m.lan.all, func(o *member) bool { return o == m })
	return nil
}

// packets are those that everybody was sent since, as text.
func (l *lan) packets(since int) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.said[since:] {
		list = append(list, p.from.Addr().String()+" "+text(p.packet))
	}
	return list
}

// text is a packet in short: ? question, = answer, with + what is added or proposed.
func text(packet []byte) string {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil {
		return err.Error()
	}
	s := []string{}
	for _, q := range m.Questions {
		s = append(s, fmt.Sprintf("?%s %s", q.Name, strings.TrimPrefix(q.Type.String(), "Type")))
	}
	for _, r := range m.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			s = append(s, fmt.Sprintf("=%s %v %d", r.Header.Name, netip.AddrFrom4(a.A), r.Header.TTL))
		}
	}
	for _, r := range append(m.Authorities, m.Additionals...) {
		s = append(s, fmt.Sprintf("+%s %d", r.Header.Name, uint16(r.Header.Type)))
	}
	return strings.Join(s, " ")
}

// machine is a Host that runs.
type machine struct {
	*member
	mu   sync.Mutex
	name string
	stop func()
}

func (l *lan) host(name, address string, own ...string) *machine {
	m := &machine{member: l.join(address)}
	h := Host{Name: name, Interface: "test0", Address: netip.PrefixFrom(m.at.Addr(), 24), link: m.member, Tell: func(name string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.name = name
	}}
	if own != nil {
		h.Own = func(a netip.Addr) bool { return slices.Contains(own, a.String()) }
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			l.t.Error(err)
		}
	})
	return m
}

func (m *machine) is() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.name
}

func TestANameIsAskedForThenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{t: t}
		h := l.host("edgekit", "192.168.7.20")
		time.Sleep(probeWait + probes*probeEvery + time.Millisecond)
		synctest.Wait()
		if h.is() != "edgekit.local" {
			t.Errorf("it is %q", h.is())
		}
		time.Sleep(announce)
		h.stop()
		const question, answer = "192.168.7.20 ?edgekit.local. ALL +edgekit.local. 1", "192.168.7.20 =edgekit.local. 192.168.7.20 120 +edgekit.local. 47"
		want := []string{question, question, question, answer, answer, "192.168.7.20 =edgekit.local. 192.168.7.20 0 +edgekit.local. 47"}
		if d := cmp.Diff(want, l.packets(0)); d != "" {
			t.Error(d)
		}
		if h.is() != "" {
			t.Errorf("it is %q after its end", h.is())
		}
	})
}

func ask(kind dnsmessage.Type, class dnsmessage.Class, known ...dnsmessage.Resource) []byte {
	return pack(dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("EdgeKit.local."), Type: kind, Class: class}}, Answers: known})
}

func address(name string, a netip.Addr, ttl uint32) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: ttl},
		Body: &dnsmessage.AResource{A: a.As4()}}
}

func TestWhoAsksIsTold(t *testing.T) {
	const answer, elsewhere = "192.168.7.20 =edgekit.local. 192.168.7.20 120 +edgekit.local. 47", "10.0.0.9"
	kit := netip.MustParseAddr("192.168.7.20")
	for name, c := range map[string]struct {
		packet []byte
		from   string
		port   uint16
		all    []string // what everybody is told
		one    string   // what who asked is told alone
	}{
		"IPv4":               {packet: ask(dnsmessage.TypeA, dnsmessage.ClassINET), all: []string{answer}},
		"IPv6":               {packet: ask(dnsmessage.TypeAAAA, dnsmessage.ClassINET), all: []string{answer}},
		"anything":           {packet: ask(dnsmessage.TypeALL, dnsmessage.ClassINET), all: []string{answer}},
		"for itself":         {packet: ask(dnsmessage.TypeA, dnsmessage.ClassINET|top), one: answer},
		"by DNS":             {packet: ask(dnsmessage.TypeA, dnsmessage.ClassINET), port: 40000, one: "192.168.7.20 ?EdgeKit.local. A =edgekit.local. 192.168.7.20 10"},
		"IPv6 by DNS":        {packet: ask(dnsmessage.TypeAAAA, dnsmessage.ClassINET), port: 40000, one: "192.168.7.20 ?EdgeKit.local. AAAA"},
		"what it knows":      {packet: ask(dnsmessage.TypeA, dnsmessage.ClassINET, address("edgekit.local.", kit, 100))},
		"what it knew":       {packet: ask(dnsmessage.TypeA, dnsmessage.ClassINET, address("edgekit.local.", kit, 10)), all: []string{answer}},
		"a printer":          {packet: ask(dnsmessage.TypePTR, dnsmessage.ClassINET)},
		"from elsewhere":     {packet: ask(dnsmessage.TypeA, dnsmessage.ClassINET), from: elsewhere},
		"nothing":            {packet: []byte("nothing")},
		"another's answer":   {packet: pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{address("other.local.", netip.MustParseAddr("192.168.7.9"), 9)}})},
		"another's goodbye":  {packet: pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{address("edgekit.local.", netip.MustParseAddr("192.168.7.9"), 0)}})},
		"its own, repeated":  {packet: pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{address("edgekit.local.", kit, 120)}})},
		"an error, of a kit": {packet: pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true, RCode: 3}, Answers: []dnsmessage.Resource{address("edgekit.local.", netip.MustParseAddr("192.168.7.9"), 9)}})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lan{t: t}
				h := l.host("edgekit", "192.168.7.20")
				time.Sleep(5 * time.Second)
				who := "192.168.7.30"
				if c.from != "" {
					who = c.from
				}
				asks := l.join(who)
				if c.port != 0 {
					asks.at = netip.AddrPortFrom(asks.at.Addr(), c.port)
				}
				before := len(l.packets(0))
				asks.send(c.packet, netip.AddrPort{})
				synctest.Wait()
				if d := cmp.Diff(c.all, l.packets(before+1)); d != "" {
					t.Errorf("everybody: %s", d)
				}
				told := ""
				for len(asks.in) > 0 {
					if p := <-asks.in; p.from != asks.at && c.all == nil {
						told += p.from.Addr().String() + " " + text(p.packet)
					}
				}
				if told != c.one {
					t.Errorf("who asked: %q, want %q", told, c.one)
				}
				time.Sleep(2 * time.Second)
				if h.is() != "edgekit.local" {
					t.Errorf("it is %q", h.is())
				}
				h.stop()
			})
		})
	}
}

// TestEverybodyIsToldOnceASecond, but who asks for the name at once.
func TestEverybodyIsToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{t: t}
		h := l.host("edgekit", "192.168.7.20")
		time.Sleep(5 * time.Second)
		asks := l.join("192.168.7.30")
		before := len(l.packets(0))
		for range 50 {
			asks.send(ask(dnsmessage.TypeA, dnsmessage.ClassINET), netip.AddrPort{})
			synctest.Wait()
		}
		if n := len(l.packets(before)); n != 51 {
			t.Errorf("%d answers to 50 questions at once, want 1", n-50)
		}
		h.stop()
	})
}

// TestWhoAsksForTheNameIsNotAnEcho: to everybody it is defended four times a second at most, whoever asks for it how often.
func TestWhoAsksForTheNameIsNotAnEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{t: t}
		h := l.host("edgekit", "192.168.7.20")
		time.Sleep(5 * time.Second)
		asks := l.join("192.168.7.30")
		probe := pack(dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("edgekit.local."), Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET | top}},
			Authorities: []dnsmessage.Resource{address("edgekit.local.", asks.at.Addr(), 120)}})
		before := len(l.packets(0))
		ask := func(times int) {
			for range times {
				asks.send(probe, h.at)
				synctest.Wait()
			}
		}
		ask(50)
		if n := len(l.packets(before)); n != 1 {
			t.Errorf("%d answers to everybody on 50 probes at once, want 1", n)
		}
		for range 3 { // as who asks in earnest: section 8.1
			time.Sleep(probeEvery)
			ask(1)
		}
		if n := len(l.packets(before)); n != 4 {
			t.Errorf("%d answers to three more, want 3", n-1)
		}
		h.stop()
	})
}

// TestAnAnswerFromAnyProgramIsNone: only what comes from the port that answers come from counts (section 6).
func TestAnAnswerFromAnyProgramIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{t: t}
		h := l.host("edgekit", "192.168.7.20")
		other := l.join("192.168.7.9")
		other.at = netip.AddrPortFrom(other.at.Addr(), 40000)
		for range 50 {
			time.Sleep(100 * time.Millisecond)
			other.send(pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{address("edgekit.local.", other.at.Addr(), 120)}}), h.at)
			synctest.Wait()
		}
		if h.is() != "edgekit.local" {
			t.Errorf("it is %q", h.is())
		}
		h.stop()
	})
}

// TestTwoDoNotHaveOneName, whether one is there first, or both at once, and whoever asks more loudly.
func TestTwoDoNotHaveOneName(t *testing.T) {
	for name, later := range map[string]time.Duration{"at once": 0, "while the other asks": 300 * time.Millisecond, "while the other tells": 1100 * time.Millisecond, "later": 10 * time.Second} {
		for _, order := range [][]string{{"192.168.7.20", "192.168.7.21"}, {"192.168.7.21", "192.168.7.20"}} {
			t.Run(name+" "+order[0], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := &lan{t: t}
					one := l.host("edgekit", order[0])
					time.Sleep(later)
					two := l.host("edgekit", order[1])
					time.Sleep(30 * time.Second)
					is := []string{one.is(), two.is()}
					slices.Sort(is)
					if d := cmp.Diff([]string{"edgekit-2.local", "edgekit.local"}, is); d != "" {
						t.Error(d)
					}
					if later > time.Second && one.is() != "edgekit.local" {
						t.Errorf("the first one is %q", one.is())
					}
					one.stop()
					two.stop()
				})
			})
		}
	}
}

// TestTwoThatHadNotHeardOneAnother find out, since a name is told again and again for two minutes: eight times in all.
func TestTwoThatHadNotHeardOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{t: t, deaf: true}
		one, two := l.host("edgekit", "192.168.7.20"), l.host("edgekit", "192.168.7.21")
		time.Sleep(10 * time.Second)
		if one.is() != "edgekit.local" || two.is() != "edgekit.local" {
			t.Fatalf("%q and %q", one.is(), two.is())
		}
		l.mu.Lock()
		l.deaf = false
		l.mu.Unlock()
		time.Sleep(20 * time.Second)
		is := []string{one.is(), two.is()}
		slices.Sort(is)
		if d := cmp.Diff([]string{"edgekit-2.local", "edgekit.local"}, is); d != "" {
			t.Error(d)
		}
		one.stop()
		two.stop()

		l = &lan{t: t}
		alone := l.host("edgekit", "192.168.7.20")
		time.Sleep(time.Hour)
		told := 0
		for _, p := range l.packets(0) {
			if strings.Contains(p, "=edgekit.local.") {
				told++
			}
		}
		if told != announces {
			t.Errorf("told %d times", told)
		}
		alone.stop()
	})
}

// TestANetworkThatRepeatsWhatItHearsTakesNoName: nor does one that the machine is in twice.
func TestANetworkThatRepeatsWhatItHearsTakesNoName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{t: t}
		reflector := l.join("192.168.7.1")
		repeat := make(chan struct{})
		go func() {
			defer close(repeat)
			b := make([]byte, mostBytes)
			for {
				n, from, err := reflector.receive(b)
				if err != nil {
					return
				}
				if from != reflector.at {
					reflector.send(b[:n], netip.AddrPort{})
				}
			}
		}()
		own := []string{"192.168.7.20", "192.168.7.21"}
		air, cable := l.host("edgekit", own[0], own...), l.host("edgekit", own[1], own...)
		time.Sleep(30 * time.Second)
		if air.is() != "edgekit.local" || cable.is() != "edgekit.local" {
			t.Errorf("they are %q and %q", air.is(), cable.is())
		}
		air.stop()
		cable.stop()
		reflector.Close()
		<-repeat
	})
}

// TestWhoHasTheNameKeepsIt: another one that turns up with it, as when two networks are joined, is asked; who says nothing then does not
// have it.
func TestWhoHasTheNameKeepsIt(t *testing.T) {
	for name, c := range map[string]struct {
		insists bool
		want    string
	}{"it insists": {true, "edgekit-2.local"}, "it is silent": {false, "edgekit.local"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lan{t: t}
				h := l.host("edgekit", "192.168.7.20")
				time.Sleep(5 * time.Second)
				other := l.join("192.168.7.9")
				has := pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{address("edgekit.local.", other.at.Addr(), 120)}})
				other.send(has, netip.AddrPort{})
				synctest.Wait()
				if h.is() != "" {
					t.Errorf("while it is asked: %q", h.is())
				}
				if c.insists {
					time.Sleep(probeWait + time.Millisecond)
					other.send(has, netip.AddrPort{})
				}
				time.Sleep(5 * time.Second)
				if h.is() != c.want {
					t.Errorf("it is %q", h.is())
				}
				h.stop()
			})
		})
	}
}

// TestWhereAllNamesAreTakenItIsGivenUpForAWhile instead of counting on.
func TestWhereAllNamesAreTakenItIsGivenUpForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{t: t}
		greedy := l.join("192.168.7.9")
		over := make(chan struct{})
		go func() {
			defer close(over)
			b := make([]byte, mostBytes)
			for {
				n, from, err := greedy.receive(b)
				if err != nil {
					return
				}
				var m dnsmessage.Message
				if from != greedy.at && m.Unpack(b[:n]) == nil && !m.Response {
					greedy.send(pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{address(m.Questions[0].Name.String(), greedy.at.Addr(), 120)}}), netip.AddrPort{})
				}
			}
		}()
		h := l.host("edgekit", "192.168.7.20")
		time.Sleep(time.Minute)
		if asked := len(l.packets(0)) / 2; h.is() != "" || asked != names {
			t.Errorf("it is %q after %d questions", h.is(), asked)
		}
		greedy.Close()
		<-over
		time.Sleep(resign)
		if h.is() != "edgekit.local" {
			t.Errorf("it is %q once one is free", h.is())
		}
		h.stop()
	})
}

func TestANetworkThatIsGoneIsAnError(t *testing.T) {
	l := &lan{t: t}
	m := l.join("192.168.7.20")
	m.Close()
	if err := (Host{Name: "edgekit", Address: netip.MustParsePrefix("192.168.7.20/24"), link: m}).Run(t.Context()); err == nil {
		t.Error("it went on")
	}
	for _, h := range []Host{{}, {Name: "edgekit"}, {Name: strings.Repeat("x", 61), Address: netip.MustParsePrefix("192.168.7.20/24")}, {Name: "edgekit", Address: netip.MustParsePrefix("fe80::1/64")}} {
		if err := h.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "expected a short name") {
			t.Errorf("%+v: %v", h, err)
		}
	}
}

// FuzzHost: nothing that comes in harms, and nothing makes more of it than one packet.
func FuzzHost(f *testing.F) {
	f.Add(ask(dnsmessage.TypeA, dnsmessage.ClassINET))
	f.Add(pack(dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{address("edgekit.local.", netip.MustParseAddr("192.168.7.9"), 9)}}))
	f.Fuzz(func(t *testing.T, packet []byte) {
		for _, life := range []life{probing, announced, resigned} {
			s := &silent{}
			h := &host{Host: Host{Name: "edgekit", Address: netip.MustParsePrefix("192.168.7.20/24"), Log: discard, Tell: func(string) {}, link: s, Own: func(a netip.Addr) bool { return false }}, n: 1, life: life, begin: time.Now()}
			h.hear(packet, netip.MustParseAddrPort("192.168.7.30:5353"))
			if s.n > 1 || s.n > 0 && life != announced {
				t.Errorf("%d packets", s.n)
			}
		}
	})
}

// silent is a link that counts.
type silent struct {
	io.Closer
	n int
}

func (s *silent) send([]byte, netip.AddrPort) error { s.n++; return nil }
func (s *silent) receive([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, net.ErrClosed
}

// TestTheGreaterAddressGoesFirst where two ask for a name at once: the other waits a second, and asks again.
func TestTheGreaterAddressGoesFirst(t *testing.T) {
	for other, waits := range map[string]bool{"192.168.7.21": true, "192.168.8.1": true, "192.168.7.19": false, "10.0.0.1": false, "192.168.7.20": false} {
		h := &host{Host: Host{Name: "edgekit", Address: netip.MustParsePrefix("192.168.7.20/16"), Log: discard, Tell: func(string) {}, link: &silent{}}, n: 1, step: 2, next: time.Minute, begin: time.Now()}
		h.Own = func(a netip.Addr) bool { return a == h.Address.Addr() }
		rival := &host{Host: Host{Name: "edgekit", Address: netip.PrefixFrom(netip.MustParseAddr(other), 16)}, n: 1}
		h.hear(rival.question(), netip.MustParseAddrPort(other+":5353"))
		if got := h.step == 0 && h.next < 10*time.Second; got != waits || h.n != 1 || h.life != probing {
			t.Errorf("%s: step %d, next %v, name %s", other, h.step, h.next, h.name())
		}
	}
}
