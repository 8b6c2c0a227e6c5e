// Package dns answers the stations of an access point that ask for names. What they are told depends on how far a visitor has come:
//
//   - The kit's own names are the kit's, always.
//   - Before a visitor has been through the captive portal every name is the kit's, so that whatever is asked for leads to it.
//   - After it, and with a way to the internet that the operator allows, questions are passed on. Answers that lead into private
//     networks are not passed back: a page could use them to reach the operator's devices, and their names are nobody's business.
//   - After it, and with no way out, or one that leads nowhere, the names by which systems look for the internet are the kit's, which
//     says there what they expect to hear, so that phones stay: a dead router, a sign-in page or a SIM card without credit must not
//     send visitors away from a kit that sells without them. All others do not exist (NXDOMAIN): programs take that for an answer and
//     are quiet. An address would have them talk to the kit in somebody else's name, and fail at its certificate; SERVFAIL or silence
//     has them try again, and has phones think that the network's server is broken, and leave. It is said only while it is not known
//     whether the way leads anywhere.
//
// There is no IPv6 for visitors: no name has such an address, and to be told so at once (NODATA) costs a phone nothing.
package dns

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"edgekit.internal/drivers/portal"
)

// Config is what a server needs.
type Config struct {
	Kit netip.Addr // where visitors find the kit, and this server
	Now func() time.Duration
	Log *slog.Logger // default: none

	// Who is the station that has an address; ok is false for one that has none, which is not answered.
	Who func(netip.Addr) (m portal.MAC, ok bool)
	// Accepted is whether a station has been through the captive portal.
	Accepted func(portal.MAC) bool
	// Upstream are the servers to pass questions on to, the best first. None: there is no way out, or none is allowed. Default: none.
	Upstream func() []netip.AddrPort
	// Offline is whether it is known that the way out leads nowhere. Questions are passed on all the same, but for those by which systems
	// look for the internet: to know it may be a mistake, where a network lets some things through. Default: it never is.
	Offline func() bool
}

// Counts are how often things happened, since the server was made.
type Counts struct {
	Own, Captive, Probes, Passed, None, Refused uint64
	Failed                                      uint64 // no server upstream answered, or one denied a name that is everywhere
	Private                                     uint64 // an answer led into a private network
	Flooded                                     uint64 // a station asked too often, or too much at once
}

// Server answers. Its methods are safe for concurrent use.
type Server struct {
	config Config
	ration *portal.Ration

	own, captive, probes, passed, none, refused, failed, private, flooded atomic.Uint64

	mu      sync.Mutex
	waiting map[portal.MAC]int // for answers from upstream
	all     int
}

const (
	port     = 53
	maxUDP   = 1232 // fits one frame on any path (DNS Flag Day 2020)
	patience = 2 * time.Second

	maxWaiting     = 64 // questions that wait for upstream, and one station's share of them
	maxWaitingEach = 16
	maxConns       = 64 // by TCP
	maxConnsEach   = 4
	maxOnConn      = 64 // questions
)

// New makes a server; it starts nothing.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Upstream == nil {
		c.Upstream = func() []netip.AddrPort { return nil }
	}
	if c.Offline == nil {
		c.Offline = func() bool { return false }
	}
	// A phone that comes on asks for a hundred names at once, for all that it has installed.
	return &Server{config: c, waiting: map[portal.MAC]int{}, ration: portal.NewRation(portal.Rate{Burst: 120, PerSecond: 20}, portal.Rate{Burst: 600, PerSecond: 300}, c.Now)}
}

// Counts tells what happened so far.
func (s *Server) Counts() Counts {
	return Counts{s.own.Load(), s.captive.Load(), s.probes.Load(), s.passed.Load(), s.none.Load(), s.refused.Load(), s.failed.Load(), s.private.Load(), s.flooded.Load()}
}

// Run serves at the kit's address until ctx ends, which returns nil. An interface must have that address.
func (s *Server) Run(ctx context.Context) error {
	at := netip.AddrPortFrom(s.config.Kit, port)
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	tcp, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(at))
	if err != nil {
		udp.Close()
		return fmt.Errorf("dns: %w", err)
	}
	return s.Serve(ctx, udp, tcp)
}

// Serve is Run on sockets that are there, which it closes.
func (s *Server) Serve(ctx context.Context, udp net.PacketConn, tcp net.Listener) error {
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { s.serve(ctx, w, q) })
	started := make(chan struct{}, 2)
	servers := []*dns.Server{
		{PacketConn: udp, Handler: handler, UDPSize: maxUDP, NotifyStartedFunc: func() { started <- struct{}{} }},
		{Listener: &crowd{Listener: tcp, each: map[netip.Addr]int{}}, Handler: handler, MaxTCPQueries: maxOnConn, ReadTimeout: patience, WriteTimeout: patience,
			IdleTimeout: func() time.Duration { return 2 * patience }, NotifyStartedFunc: func() { started <- struct{}{} }},
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, server := range servers {
		group.Go(func() error {
			if err := server.ActivateAndServe(); ctx.Err() == nil {
				return fmt.Errorf("dns: serve: %w", err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-started
		<-started // before that the library does not shut down
		<-ctx.Done()
		for _, server := range servers {
			server.Shutdown() // an error says that it has ended already
		}
		return nil
	})
	return group.Wait()
}

// serve answers one question. Nobody waits for longer than upstream may take.
func (s *Server) serve(ctx context.Context, w dns.ResponseWriter, q *dns.Msg) {
	from, err := netip.ParseAddrPort(w.RemoteAddr().String())
	if err != nil {
		return
	}
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := s.answer(ctx, from.Addr().Unmap(), q)
	if r == nil {
		return
	}
	finish(r, q, tcp)
	if err := w.WriteMsg(r); err != nil {
		s.config.Log.Debug("name not told", "err", err) // the phone asks again
	}
}

// finish makes an answer fit (RFC 6891, 6.2).
func finish(r, q *dns.Msg, tcp bool) {
	size := dns.MinMsgSize
	if opt := q.IsEdns0(); opt != nil {
		r.SetEdns0(maxUDP, false)
		size = max(size, min(int(opt.UDPSize()), maxUDP))
		if opt.Version() != 0 {
			r.Answer, r.Ns, r.Rcode = nil, nil, dns.RcodeBadVers
		}
	}
	if tcp {
		size = dns.MaxMsgSize
	}
	r.Compress = true
	r.Truncate(size)
}

// crowd keeps one station from having all the connections: what is too many is closed at once.
type crowd struct {
	net.Listener
	mu   sync.Mutex
	each map[netip.Addr]int
	all  int
}

func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err == nil && c.enter(from.Addr()) {
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { c.leave(from.Addr()) })}, nil
		}
		conn.Close()
	}
}

func (c *crowd) enter(a netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= maxConns || c.each[a] >= maxConnsEach {
		return false
	}
	c.all++
	c.each[a]++
	return true
}

func (c *crowd) leave(a netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.each[a]--; c.each[a] == 0 {
		delete(c.each, a)
	}
}

type guest struct {
	net.Conn
	leave func()
}

func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}
