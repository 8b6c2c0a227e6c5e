package venue

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"

	"edgekit.internal/drivers"
)

// Lease is an address that the network gave.
type Lease struct {
	Address netip.Prefix
	Router  netip.Addr   // not valid: none
	Servers []netip.Addr // for names, at most 3
	SignIn  bool         // the network says that it has a page to be clicked first (RFC 8910)
	Until   time.Time
	given   *nclient4.Lease
}

// errTakenBack says that who gave the address does not let it be kept (DHCPNAK).
var errTakenBack = errors.New("the address was taken back")

// shortest and longest bound for how long an address is held without asking, whatever the network says.
const (
	shortest = 10 * time.Second
	longest  = 24 * time.Hour
)

// hold asks for an address and keeps it (RFC 2131, section 4.4) until ctx ends.
func (s *session) hold(ctx context.Context, was *Lease) {
	for wait := s.config.timing.again; ; wait = min(2*wait, s.config.timing.retryMost) {
		within, cancel := context.WithTimeout(ctx, s.config.timing.address)
		l, err := s.config.system.lease(within, s.radio.Interface, s.config.Host, was)
		cancel()
		if err == nil {
			had := l // what is told is not changed any more
			if !s.report(ctx, news{lease: &had}) {
				return
			}
			wait, was = s.config.timing.again, &l
			if err = s.renew(ctx, &l); errors.Is(err, errTakenBack) {
				was = nil
			}
		}
		if !s.report(ctx, news{err: err}) {
			return
		}
		drivers.Pause(ctx, wait)
	}
}

// renew asks for more time at half of it, and, while nobody answers, at half of what is left; it returns why there is no more.
func (s *session) renew(ctx context.Context, l *Lease) error {
	for {
		left := time.Until(l.Until)
		if left < time.Second {
			return errors.New("nobody renewed the address")
		}
		drivers.Pause(ctx, left/2)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		within, cancel := context.WithTimeout(ctx, min(s.config.timing.address, max(time.Until(l.Until), time.Second)))
		more, err := s.config.system.renew(within, s.radio.Interface, *l)
		cancel()
		switch {
		case errors.Is(err, errTakenBack):
			return err
		case err == nil:
			*l = more
			if !s.report(ctx, news{lease: &more}) {
				return ctx.Err()
			}
		}
	}
}

// report hands news to the session; false: it is of no interest any more.
func (s *session) report(ctx context.Context, n news) bool {
	n.from = ctx
	select {
	case s.news <- n:
		return true
	case <-ctx.Done():
		return false
	}
}

// watchInternet looks again and again whether the world is reached, until ctx ends.
func (s *session) watchInternet(ctx context.Context, l Lease) {
	for {
		is, wait := Offline, s.config.timing.online/5
		if l.Router.IsValid() && s.config.system.online(ctx, s.radio.Interface, l.Servers) {
			is, wait = Online, s.config.timing.online
		}
		if !s.report(ctx, news{online: is}) {
			return
		}
		drivers.Pause(ctx, wait)
	}
}

// ask is one conversation with whoever gives addresses. The client takes all packets that come in by the interface, so it is closed
// in between.
func ask(iface string, talk func(*nclient4.Client) (*nclient4.Lease, error)) (l Lease, err error) {
	c, err := nclient4.New(iface, nclient4.WithTimeout(2*time.Second), nclient4.WithRetry(10))
	if err != nil {
		return l, err
	}
	defer c.Close()
	given, err := talk(c)
	if nak := (*nclient4.ErrNak)(nil); errors.As(err, &nak) {
		return l, errTakenBack
	}
	if err != nil {
		return l, err
	}
	return leaseOf(given)
}

func (kernel) lease(ctx context.Context, iface, host string, was *Lease) (Lease, error) {
	return ask(iface, func(c *nclient4.Client) (*nclient4.Lease, error) {
		with := []dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptHostName(host)), dhcpv4.WithRequestedOptions(optionPortal)}
		if was != nil {
			with = append(with, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(was.Address.Addr().AsSlice())))
		}
		offer, err := c.DiscoverOffer(ctx, with...)
		if err != nil {
			return nil, err
		}
		return c.RequestFromOffer(ctx, offer, with[:2]...)
	})
}

func (kernel) renew(ctx context.Context, iface string, l Lease) (Lease, error) {
	return ask(iface, func(c *nclient4.Client) (*nclient4.Lease, error) { return c.Renew(ctx, l.given) })
}

// optionPortal is where a network's sign-in page is told (RFC 8910, section 2.1). What it says is not looked at: anybody may say it.
const optionPortal = dhcpv4.GenericOptionCode(114)

// maxServers bounds how many servers for names are taken, as the C library does.
const maxServers = 3

// leaseOf takes what is of use from an answer, and refuses one that cannot be meant.
func leaseOf(given *nclient4.Lease) (l Lease, err error) {
	m := given.ACK
	addr, ok := netip.AddrFromSlice(m.YourIPAddr.To4())
	bits, size := m.SubnetMask().Size()
	if m.SubnetMask() == nil { // what most networks have
		bits, size = 24, 32
	}
	if !ok || !addr.IsGlobalUnicast() || size != 32 || bits < 8 || bits > 30 {
		return l, errors.New("the address that was given cannot be used")
	}
	l = Lease{Address: netip.PrefixFrom(addr, bits), given: given}
	for _, ip := range m.Router() {
		if r, ok := netip.AddrFromSlice(ip.To4()); ok && r != addr && l.Address.Contains(r) {
			l.Router = r
			break
		}
	}
	for _, ip := range m.DNS() {
		if s, ok := netip.AddrFromSlice(ip.To4()); ok && (s.IsGlobalUnicast() || s.IsPrivate()) && len(l.Servers) < maxServers {
			l.Servers = append(l.Servers, s)
		}
	}
	l.SignIn = len(m.Options.Get(optionPortal)) > 0
	l.Until = time.Now().Add(min(max(m.IPAddressLeaseTime(time.Hour), shortest), longest))
	return l, nil
}
