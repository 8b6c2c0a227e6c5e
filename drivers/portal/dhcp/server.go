// Package dhcp gives the stations of an access point their addresses (RFC 2131). It takes part in nothing but one small network, in
// which it is the only server, and in which whoever is heard has been let in by hostapd, one association at a time. What it makes of
// that:
//
// A station is who its frames come from. RFC 2131, 4.2, lets clients name themselves, so that one could be thousands and have every
// address: here one that says that it is somebody else (chaddr, or by its client identifier) is not heard, or heard as who it is.
// Clients behind a repeater that has one association for all of them are not served.
//
// Leases outlive this program: they are written down, as a whole, before a phone is told. They do not outlive a power cut: all phones
// have to join again after one, and ask for the address that they remember, which they get.
package dhcp

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/drivers/portal"
)

// Config is what a server needs.
type Config struct {
	Kit    netip.Prefix // the kit's address, with its network's length, 16 to 29
	Now    func() time.Duration
	Log    *slog.Logger // default: none
	Portal string       // the captive portal's API (RFC 8910); "": not told

	// Kept are the leases of an earlier server, as Keep was given them; rubbish is none.
	Kept []byte
	// Keep replaces what is kept, as a whole. It is written by this server at each lease, and read by the next one's Kept; who is
	// killed at any moment leaves the leases of before or after, of which the phone was told nothing yet.
	Keep func([]byte) error
	// Bind is told of all leases that hold, whenever they are others, before the phone is told. Default: nobody is.
	Bind func([]portal.Lease)
	// Away tells of a station whether it is surely not on the air now. It is asked when there is no address left. Default: no.
	Away func(portal.MAC) bool
}

// Counts are how often things happened, since the server was made.
type Counts struct {
	Offered, Leased, Refused, Declined uint64
	Full                               uint64 // there was no address for a station
	Foreign                            uint64 // a frame's sender spoke for somebody else
	Flooded                            uint64 // a station asked too often
	Malformed                          uint64
}

// Server gives out addresses. Its methods are safe for concurrent use.
type Server struct {
	config   Config
	ration   *portal.Ration
	declines *portal.Ration

	offered, leased, refused, declined, full, foreign, flooded, malformed atomic.Uint64

	mu    sync.Mutex
	pool  *pool
	bound []portal.Lease // as Bind knows them
	lost  bool           // what is kept is not what is so
}

// New makes a server; it starts nothing. Bind is told at once of the leases that are kept.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Bind == nil {
		c.Bind = func([]portal.Lease) {}
	}
	if c.Away == nil {
		c.Away = func(portal.MAC) bool { return false }
	}
	s := &Server{config: c, pool: newPool(c.Kit), ration: portal.NewRation(portal.Rate{Burst: 12, PerSecond: 1}, portal.Rate{Burst: 200, PerSecond: 100}, c.Now),
		declines: portal.NewRation(portal.Rate{Burst: 3, PerSecond: 1. / 600}, portal.Rate{Burst: 16, PerSecond: 1. / 10}, c.Now)}
	var kept []portal.Lease
	if len(c.Kept) > 0 {
		if err := json.Unmarshal(c.Kept, &kept); err != nil {
			c.Log.Warn("leases not read: phones that come again may get other addresses", "err", err)
		}
	}
	s.pool.restore(kept, c.Now())
	s.bound = s.pool.active(c.Now())
	c.Bind(s.bound)
	return s
}

// Counts tells what happened so far.
func (s *Server) Counts() Counts {
	return Counts{s.offered.Load(), s.leased.Load(), s.refused.Load(), s.declined.Load(), s.full.Load(), s.foreign.Load(), s.flooded.Load(), s.malformed.Load()}
}

// Leases are those that hold, by address.
func (s *Server) Leases() []portal.Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pool.active(s.config.Now())
}

// Holder is the station that has an address; ok is false if none does.
func (s *Server) Holder(ip netip.Addr) (m portal.MAC, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.pool.places[ip]
	if is == nil || is.state != leased || !s.pool.contains(ip) || is.until <= s.config.Now() {
		return m, false
	}
	return is.mac, true
}

// Sweep tells Bind of leases that have run out. To be called now and then.
func (s *Server) Sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell()
	if s.lost {
		s.keep()
	}
}

// Tell has Bind be told again, whatever it knows.
func (s *Server) Tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bound = s.pool.active(s.config.Now())
	s.config.Bind(s.bound)
}

// tell has Bind know which leases hold, if they are others than it knows.
func (s *Server) tell() {
	is := s.pool.active(s.config.Now())
	same := len(is) == len(s.bound)
	for n := range is {
		same = same && is[n].MAC == s.bound[n].MAC && is[n].IP == s.bound[n].IP
	}
	if !same {
		s.bound = is
		s.config.Bind(is)
	}
}

// keep writes the leases down. A phone is served all the same where that cannot be: its lease holds while this program runs.
func (s *Server) keep() {
	text, err := json.Marshal(s.pool.all())
	if err == nil {
		err = s.config.Keep(text)
	}
	if err != nil && !s.lost {
		s.config.Log.Warn("leases not written down: after a restart of this program phones may get other addresses", "err", err)
	}
	s.lost = err != nil
}

// errIgnored says that a message is for nobody here, or needs no answer.
var errIgnored = errors.New("dhcp: no answer is called for")
