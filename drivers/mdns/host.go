package mdns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// Host is a machine that is found by a name, in one network.
type Host struct {
	Name      string       // as it would like to be called, without .local: letters, digits and -
	Interface string       // to the network
	Address   netip.Prefix // the machine's own there, IPv4, and which others are
	Log       *slog.Logger // nil: nothing is logged

	// Own is whether an address is this machine's by any of its interfaces. What says that the name is there is no conflict: it may be
	// a network that the machine is in twice, or one that repeats what it hears (avahi#117). Default: Address alone.
	Own func(netip.Addr) bool
	// Tell is called with the name that others find the machine by, such as edgekit-2.local, and with "" when they do not any more.
	Tell func(name string)

	link link
}

// link is a way to a network: in tests, not the kernel's.
type link interface {
	send(packet []byte, to netip.AddrPort) error // to the zero value: to everybody
	receive(packet []byte) (n int, from netip.AddrPort, err error)
	io.Closer
}

// Times of RFC 6762: sections 8.1, 8.2, 8.3, 6 and 10. How many names are tried before none is used for a while is this package's: a
// network in which all are taken is out of order, and counting on for ever helps nobody (avahi#437).
const (
	probeWait  = 250 * time.Millisecond // at most, before the first
	probeEvery = 250 * time.Millisecond
	probes     = 3
	deferFor   = time.Second
	announce   = time.Second            // between the first and the second; then twice as long, and so on
	announces  = 8                      // section 8.3: the air loses some
	atMost     = time.Second            // between two answers to everybody
	defendMost = 250 * time.Millisecond // and to who asks for the name
	lifetime   = 120                    // seconds, of an answer
	legacy     = 10                     // seconds, of one to whoever knows only DNS
	names      = 10
	resign     = 5 * time.Minute
)

// life is where a name stands.
type life int

const (
	probing   life = iota // is it anybody's?
	announced             // it is ours
	resigned              // there is none left
)

// host is a Host at work: one goroutine's.
type host struct {
	Host
	life  life
	n     int           // the name's number; 1: as asked for
	step  int           // of probing or announcing: how many were sent
	next  time.Duration // the next step, since begin; 0: none
	begin time.Time
	sent  time.Duration // to everybody, last
}

// Run has the machine found until ctx ends, which returns nil and tells the network, or the network is gone, which is an error. It
// reads the address once: where that changes, it is to be run anew.
func (h Host) Run(ctx context.Context) error {
	if h.Log == nil {
		h.Log = discard
	}
	if h.Own == nil {
		h.Own = func(a netip.Addr) bool { return a == h.Address.Addr() }
	}
	if h.Tell == nil {
		h.Tell = func(string) {}
	}
	if !h.Address.Addr().Is4() || h.Name == "" || len(h.Name) > 60 {
		return fmt.Errorf("mdns: %q at %v: expected a short name and an IPv4 address", h.Name, h.Address)
	}
	if h.link == nil {
		l, err := open(h.Interface, h.Address.Addr())
		if err != nil {
			return err
		}
		h.link = l
	}
	is := &host{Host: h, n: 1, begin: time.Now()}
	return is.run(ctx)
}

type heard struct {
	packet []byte
	from   netip.AddrPort
}

func (h *host) run(ctx context.Context) error {
	packets, ended := make(chan heard), make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(packets)
		b := make([]byte, mostBytes)
		for {
			n, from, err := h.link.receive(b)
			if err != nil {
				ended <- err
				return
			}
			select {
			case packets <- heard{append([]byte{}, b[:n]...), from}:
			case <-done:
				ended <- nil
				return
			}
		}
	}()
	defer func() {
		h.link.Close()
		close(done)
		for range packets { // until the other goroutine has ended
		}
	}()
	defer h.Tell("")
	h.probe(rand.N(probeWait))
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		tick.Reset(h.wait())
		select {
		case <-ctx.Done():
			if h.life == announced {
				h.say(h.answer(0), netip.AddrPort{}) // goodbye: section 10.1
			}
			return nil
		case p, ok := <-packets:
			if !ok {
				return fmt.Errorf("mdns: on %s: %w", h.Interface, <-ended)
			}
			if h.Address.Contains(p.from.Addr().Unmap()) { // section 11
				h.hear(p.packet, netip.AddrPortFrom(p.from.Addr().Unmap(), p.from.Port()))
			}
		case <-tick.C:
			h.act()
		}
	}
}

// now is a time that only grows.
func (h *host) now() time.Duration { return time.Since(h.begin) + 1 }

func (h *host) wait() time.Duration {
	if h.next == 0 {
		return time.Hour
	}
	return max(h.next-h.now(), 0)
}

// name is the one that is used now, or asked for.
func (h *host) name() string {
	if h.n == 1 {
		return h.Name + ".local"
	}
	return fmt.Sprintf("%s-%d.local", h.Name, h.n)
}

// probe begins to ask whether the name is anybody's.
func (h *host) probe(after time.Duration) {
	if h.life == announced {
		h.Tell("")
	}
	h.life, h.step, h.next = probing, 0, h.now()+after
}

// act does what is due.
func (h *host) act() {
	if h.next == 0 || h.now() < h.next {
		return
	}
	switch {
	case h.life == resigned:
		h.n = 1
		h.probe(rand.N(probeWait))
	case h.life == probing && h.step < probes:
		h.say(h.question(), netip.AddrPort{})
		h.step++
		h.next = h.now() + probeEvery
	case h.life == probing:
		h.life, h.step = announced, 1
		h.say(h.answer(lifetime), netip.AddrPort{})
		h.next = h.now() + announce
		h.Log.Info("found by name", "name", h.name(), "interface", h.Interface)
		h.Tell(h.name())
	default:
		h.say(h.answer(lifetime), netip.AddrPort{})
		h.next = h.now() + announce<<h.step
		if h.step++; h.step == announces {
			h.next = 0
		}
	}
}

// taken is when another has the name.
func (h *host) taken(by netip.Addr) {
	if h.life == announced { // section 9: it is asked for again, and who has it says so
		h.Log.Warn("another machine uses the kit's name", "name", h.name(), "machine", by)
		h.probe(rand.N(probeWait))
		return
	}
	if h.n++; h.n > names {
		h.Log.Warn("no name is free, so the kit is found by its address only", "name", h.Name, "tried", names, "machine", by)
		h.life, h.next = resigned, h.now()+resign
		return
	}
	h.probe(rand.N(probeWait))
}

// hear takes a packet from a machine in the network.
func (h *host) hear(packet []byte, from netip.AddrPort) {
	m, ok := parse(packet, h.name())
	switch {
	case !ok || h.life == resigned:
	case m.response && from.Port() != Group.Port(): // section 6
	case m.response:
		for _, a := range m.answers {
			if !h.Own(a) {
				h.taken(from.Addr())
				return
			}
		}
	case h.life == probing && len(m.proposed) > 0:
		h.tie(m.proposed)
	case h.life == announced && m.asked:
		h.reply(m, from)
	}
}

// tie is when two ask for a name at once: who has the greater address gets it (section 8.2).
func (h *host) tie(proposed []netip.Addr) {
	for _, a := range proposed {
		if !h.Own(a) && h.Address.Addr().Less(a) {
			h.step, h.next = 0, h.now()+deferFor // by then the other has it, and says so
			return
		}
	}
}

// reply answers a question: to everybody, as others may want to know too, but not more often than once a second, or four times where who
// asks would like the name; or to whoever asked for that, or asks as plain DNS does (sections 5.4, 6, 6.7).
func (h *host) reply(m message, from netip.AddrPort) {
	since := atMost
	if len(m.proposed) > 0 {
		since = defendMost // who missed the last one asks three times: section 8.1
	}
	switch {
	case from.Port() != Group.Port():
		h.say(h.plain(m), from)
	case m.unicast && len(m.proposed) == 0:
		h.say(h.answer(lifetime), from)
	case m.known: // section 7.1
	case h.sent == 0, h.now()-h.sent >= since:
		h.say(h.answer(lifetime), netip.AddrPort{})
	}
}

func (h *host) say(packet []byte, to netip.AddrPort) {
	if !to.IsValid() {
		h.sent = h.now()
	}
	if err := h.link.send(packet, to); err != nil && !errors.Is(err, context.Canceled) { // a network that is gone ends receive too
		h.Log.Debug("mdns not sent", "interface", h.Interface, "err", err)
	}
}

// same is whether two names are (RFC 1035, section 2.3.3); one may have the dot at its end.
func same(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))
