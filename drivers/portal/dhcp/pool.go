package dhcp

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"edgekit.internal/drivers/portal"
)

// What lifetimes a pool gives. Times are since the machine started: the wall clock of a kit jumps.
const (
	offerLife   = 30 * time.Second // that an offer is held for
	declineLife = 10 * time.Minute // that an address which somebody else seems to have is left alone
	longLife    = time.Hour        // of a lease; shorter as the pool fills, so that what visitors leave behind comes back
	shortLife   = 10 * time.Minute // when half of the pool is leased
	leastLife   = 2 * time.Minute  // when seven eighths are
)

// errFull says that stations that are on the air have all addresses.
var errFull = errors.New("dhcp: every address is in use")

// pool is who has which address. A station has one at most, and an address one station; whoever comes again gets the one it had, for
// as long as nobody else needed it. Nothing is allocated beyond its addresses, whatever is asked of it.
type pool struct {
	first  netip.Addr
	size   int
	places map[netip.Addr]*place
	of     map[portal.MAC]netip.Addr
}

// place is an address that was given out, or offered.
type place struct {
	state state
	mac   portal.MAC    // nobody's when it is declined
	until time.Duration // when that ends, or ended
}

type state uint8

const (
	offered state = iota
	leased
	declined
)

// newPool has the addresses of a network but for its first and last, and the kit's own.
func newPool(kit netip.Prefix) *pool {
	net, size := kit.Masked().Addr(), 1<<(32-kit.Bits())-2
	p := &pool{first: net.Next(), size: size, places: map[netip.Addr]*place{}, of: map[portal.MAC]netip.Addr{}}
	p.places[kit.Addr()] = &place{state: leased, until: 1<<63 - 1}
	return p
}

// contains is whether an address is one of the pool's, the kit's own aside.
func (p *pool) contains(ip netip.Addr) bool {
	if !ip.Is4() || ip.Less(p.first) || p.at(p.size-1).Less(ip) {
		return false
	}
	is := p.places[ip]
	return is == nil || is.until != 1<<63-1
}

// at is an address by its number.
func (p *pool) at(n int) netip.Addr {
	b := p.first.As4()
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(b[:])+uint32(n))))
}

// free is whether nobody has an address, or is being offered it.
func (p *pool) free(ip netip.Addr, now time.Duration) bool {
	is := p.places[ip]
	return is == nil || is.until <= now
}

// offer finds an address for a station: the one that it has or had, the one that it wants if that is free, one that nobody ever had,
// the one that was given up longest ago (RFC 2131, 4.3.1). Only when there is none, one that a station has that is not on the air any
// more, which away tells, or that was declined. Where a search starts follows from the station's address, so that a kit that was
// switched off gives the same stations the same addresses again.
func (p *pool) offer(m portal.MAC, wanted netip.Addr, now time.Duration, away func(portal.MAC) bool) (netip.Addr, error) {
	ip, known := p.of[m]
	switch {
	case known:
		if is := p.places[ip]; is.until <= now {
			is.state, is.until = offered, now+offerLife
		}
		return ip, nil
	case p.contains(wanted) && p.free(wanted, now):
		ip = wanted
	default:
		var ok bool
		if ip, ok = p.find(m, now, away); !ok {
			return netip.Addr{}, errFull
		}
	}
	p.take(ip, m, offered, now+offerLife)
	return ip, nil
}

func (p *pool) find(m portal.MAC, now time.Duration, away func(portal.MAC) bool) (netip.Addr, bool) {
	h := fnv.New32a()
	h.Write(m[:])
	start := int(h.Sum32() % uint32(p.size))
	for n := range p.size {
		if ip := p.at((start + n) % p.size); p.places[ip] == nil {
			return ip, true
		}
	}
	oldest := func(which func(*place) bool) (found netip.Addr) {
		for ip, is := range p.places {
			if p.contains(ip) && which(is) && (!found.IsValid() || is.until < p.places[found].until || is.until == p.places[found].until && ip.Less(found)) {
				found = ip
			}
		}
		return found
	}
	ip := cmp.Or(oldest(func(is *place) bool { return is.until <= now }),
		oldest(func(is *place) bool { return is.state != declined && away(is.mac) }),
		oldest(func(is *place) bool { return is.state == declined }))
	return ip, ip.IsValid()
}

// take gives an address to a station, whoever had it.
func (p *pool) take(ip netip.Addr, m portal.MAC, s state, until time.Duration) {
	if is := p.places[ip]; is != nil && is.mac != m {
		delete(p.of, is.mac)
	}
	if old, ok := p.of[m]; ok && old != ip {
		delete(p.places, old)
	}
	p.places[ip] = &place{s, m, until}
	p.of[m] = ip
}

// lease is whether a station may have this address, which it asks for by name: because it has or had it, was offered it, or nobody
// has it and nothing else is known of the station. The last is for a kit that was switched off, and forgot what phones still
// remember: it is the only server on its network, so it may say yes where RFC 2131, 4.3.2, has one of several be silent.
func (p *pool) lease(m portal.MAC, ip netip.Addr, now time.Duration) (life time.Duration, ok bool) {
	has, known := p.of[m]
	if known && has != ip || !known && !(p.contains(ip) && p.free(ip, now)) {
		return 0, false
	}
	life = p.life(now)
	p.take(ip, m, leased, now+life)
	return life, true
}

// life is how long a lease is for now.
func (p *pool) life(now time.Duration) time.Duration {
	switch n := len(p.active(now)); {
	case n >= p.size*7/8:
		return leastLife
	case n >= p.size/2:
		return shortLife
	}
	return longLife
}

// release ends a lease that a station has. What it had is kept for it while there are others.
func (p *pool) release(m portal.MAC, ip netip.Addr, now time.Duration) {
	if has, known := p.of[m]; known && has == ip {
		p.places[ip].until = min(p.places[ip].until, now)
	}
}

// decline notes that a station found an address that it was given to be somebody else's. ok is false if it was not.
func (p *pool) decline(m portal.MAC, ip netip.Addr, now time.Duration) (ok bool) {
	if has, known := p.of[m]; !known || has != ip {
		return false
	}
	delete(p.of, m)
	p.places[ip] = &place{declined, portal.MAC{}, now + declineLife}
	return true
}

// withdraw takes back what a station was offered, because it chose another server.
func (p *pool) withdraw(m portal.MAC) {
	if ip, known := p.of[m]; known && p.places[ip].state == offered {
		delete(p.of, m)
		delete(p.places, ip)
	}
}

// active are the leases that hold, by address.
func (p *pool) active(now time.Duration) []portal.Lease {
	return p.list(func(is *place) bool { return is.until > now })
}

// all are the leases that hold, and those that ended and are nobody else's yet.
func (p *pool) all() []portal.Lease { return p.list(func(*place) bool { return true }) }

func (p *pool) list(which func(*place) bool) (ls []portal.Lease) {
	for ip, is := range p.places {
		if is.state == leased && p.contains(ip) && which(is) {
			ls = append(ls, portal.Lease{MAC: is.mac, IP: ip, Until: is.until})
		}
	}
	slices.SortFunc(ls, func(a, b portal.Lease) int { return a.IP.Compare(b.IP) })
	return ls
}

// restore puts leases back that were written down; what cannot be, it passes over. One that ends later than any given now is of
// another start of the machine, so its phone has joined anew: it counts as ended.
func (p *pool) restore(ls []portal.Lease, now time.Duration) {
	for _, l := range ls {
		_, known := p.of[l.MAC]
		if known || !p.contains(l.IP) || p.places[l.IP] != nil {
			continue
		}
		if l.Until > now+longLife || l.Until < 0 {
			l.Until = 0
		}
		p.take(l.IP, l.MAC, leased, l.Until)
	}
}
