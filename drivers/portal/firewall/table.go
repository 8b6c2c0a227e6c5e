package firewall

import (
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/portal"
)

// table is one as it is being made. Rules are given as nft(8) writes them in the comments beside them.
type table struct {
	conn             *nftables.Conn
	table            *nftables.Table
	config           Config
	guests, accepted *nftables.Set
	meters           map[string]*nftables.Set
	err              error
}

// build makes the whole table in one transaction, in the place of what there was.
func build(c *nftables.Conn, config Config, guests, accepted []portal.Lease) error {
	is := &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}
	c.AddTable(is) // else there may be none to delete
	c.DelTable(is)
	c.AddTable(is)
	t := &table{conn: c, table: is, config: config, guests: pairs(is, guestsName), accepted: pairs(is, acceptedName), meters: map[string]*nftables.Set{}}
	t.set(t.guests, elements(guests))
	t.set(t.accepted, elements(accepted))
	t.input()
	t.forward()
	if config.Visitors != 80 {
		t.redirect()
	}
	if config.Internet.Interface != "" {
		t.masquerade()
	}
	if config.Internet.Interface != "" || config.Venue != "" {
		t.untrack()
	}
	return t.err
}

func (t *table) set(s *nftables.Set, es []nftables.SetElement) {
	if err := t.conn.AddSet(s, es); err != nil && t.err == nil {
		t.err = err
	}
}

// hook is a chain that packets come through.
func (t *table) hook(name string, kind nftables.ChainType, at *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
	accept := nftables.ChainPolicyAccept
	return t.conn.AddChain(&nftables.Chain{Name: name, Table: t.table, Type: kind, Hooknum: at, Priority: &priority, Policy: &accept})
}

func (t *table) chain(name string) *nftables.Chain {
	return t.conn.AddChain(&nftables.Chain{Name: name, Table: t.table})
}

func (t *table) rule(c *nftables.Chain, parts ...[]expr.Any) {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: c, Exprs: all})
}

// ahead is before the filters of other tables (nft(8), "filter" is 0): none of their costs for what is dropped here.
const ahead = nftables.ChainPriority(-10)

// Chains whose first rule names an interface: that of the stations, and the way out. See before.
const inputName, leaveName = "input", "leave"

// input is what stations may send to the kit itself. DHCP is not in it: its server takes whole packets before they come here, and
// the kernel has nothing that listens on its port.
func (t *table) input() {
	in, air := t.hook(inputName, nftables.ChainTypeFilter, nftables.ChainHookInput, ahead), t.chain("air")
	kit := t.config.Kit.Addr()
	t.rule(in, iif(t.config.Interface), goTo("air"))  // iifname wlan0 goto air
	t.rule(in, iifNot("lo"), ipv4(), to(kit), drop()) // ip daddr 10.66.0.1 drop: that is not for the operator's network
	if v := t.config.Venue; v != "" {
		t.rule(in, iif(v), stateNot(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), counter(), drop()) // iifname wlan1 ct state != { established, related } drop
	}
	for _, kind := range []byte{ndSolicit, ndAdvert} { // meta l4proto icmpv6 icmpv6 type ... ip6 hoplimit 255 accept
		t.rule(air, ipv6(), l4(unix.IPPROTO_ICMPV6), byteAt(expr.PayloadBaseTransportHeader, 0, kind), byteAt(expr.PayloadBaseNetworkHeader, 7, 255), t.limit("solicits", ether(), solicits, expr.LimitTypePkts, 2*solicits), accept())
	}
	t.rule(air, notIPv4(), drop())
	t.rule(air, toNot(kit), drop())                 // ip daddr != 10.66.0.1 drop
	t.rule(air, notIn(t.guests), counter(), drop()) // ip saddr . ether saddr != @guests drop
	t.rule(air, l4(unix.IPPROTO_TCP), flags(syn, syn|ack), t.over("connections", source(), connections, expr.LimitTypePkts, 0), drop())
	t.rule(air, l4(unix.IPPROTO_TCP), port(t.config.Visitors), accept()) // tcp dport 80 accept
	t.rule(air, l4(unix.IPPROTO_TCP), port(53), accept())                // tcp dport 53 accept
	t.staff(air)
	t.rule(air, l4(unix.IPPROTO_UDP), port(53), t.over("questions", source(), questions, expr.LimitTypePkts, 4*questions), drop())
	t.rule(air, l4(unix.IPPROTO_UDP), port(53), accept()) // udp dport 53 accept
	t.rule(air, l4(unix.IPPROTO_UDP), port(t.config.Visitors), t.over("datagrams", source(), datagrams, expr.LimitTypePkts, datagrams), drop())
	t.rule(air, l4(unix.IPPROTO_UDP), port(t.config.Visitors), accept()) // udp dport 80 accept
	t.rule(air, l4(unix.IPPROTO_ICMP), byteAt(expr.PayloadBaseTransportHeader, 0, echoRequest), t.over("echoes", source(), echoes, expr.LimitTypePkts, 2*echoes), drop())
	t.rule(air, l4(unix.IPPROTO_ICMP), byteAt(expr.PayloadBaseTransportHeader, 0, echoRequest), accept())
	// Before the portal every name is the kit, and apps ask for it by HTTPS and QUIC, and for names by TLS: they are told at once that
	// there is nothing. Phones look by HTTPS too, and go on by HTTP when that fails.
	for _, p := range []uint16{443, 853} {
		t.rule(air, l4(unix.IPPROTO_TCP), port(p), t.over("refusals", source(), refusals, expr.LimitTypePkts, 4*refusals), drop())
		t.rule(air, l4(unix.IPPROTO_TCP), port(p), []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}})
		t.rule(air, l4(unix.IPPROTO_UDP), port(p), t.over("refusals", source(), refusals, expr.LimitTypePkts, 4*refusals), drop())
		t.rule(air, l4(unix.IPPROTO_UDP), port(p), []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}})
	}
	t.rule(air, counter(), drop())
}

// staff is the operators' door.
func (t *table) staff(air *nftables.Chain) {
	s := t.config.Staff
	switch {
	case s.Port == 0:
	case s.Anybody:
		t.rule(air, l4(unix.IPPROTO_TCP), port(s.Port), accept()) // tcp dport 8443 accept
	default:
		for _, m := range s.Stations[:min(len(s.Stations), maxStaff)] {
			t.rule(air, ether(), []expr.Any{equal(m[:])}, l4(unix.IPPROTO_TCP), port(s.Port), accept()) // ether saddr ... tcp dport 8443 accept
		}
	}
}

// forward is what goes through the kit: nothing, or out and back, for those who have been through the portal. A station never reaches
// another, nor does anybody outside reach one that has not asked, or any other network that this machine is in.
func (t *table) forward() {
	fwd, out, back := t.hook("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, ahead), t.chain("out"), t.chain("back")
	t.rule(fwd, iif(t.config.Interface), goTo("out"))
	t.rule(fwd, oif(t.config.Interface), goTo("back"))
	for _, i := range outside(t.config) {
		t.rule(fwd, iif(i), stateNot(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), counter(), drop()) // iifname eth0 ct state != { established, related } drop
	}
	if way := t.config.Internet; way.Interface != "" {
		closed := &nftables.Set{Table: t.table, Name: "closed", Interval: true, KeyType: nftables.TypeIPAddr}
		t.set(closed, intervals(append(append([]netip.Prefix{}, never...), way.Networks...)))
		t.rule(out, notIPv4(), drop())
		t.rule(out, notIn(t.accepted), counter(), drop())                    // ip saddr . ether saddr != @accepted drop
		t.rule(out, oifNot(way.Interface), drop())                           // oifname != eth0 drop
		t.rule(out, destination(), lookup(closed, false), counter(), drop()) // ip daddr @closed drop
		t.rule(out, l4(unix.IPPROTO_TCP), port(25), drop())                  // tcp dport 25 drop: nobody mails by way of the operator
		t.rule(out, stateIs(expr.CtStateBitNEW), t.over("outgoing", source(), connections, expr.LimitTypePkts, 4*connections), drop())
		t.rule(out, t.over("up", source(), wayOut, expr.LimitTypePktBytes, wayOutAtOnce), drop())
		t.rule(out, accept())
		t.rule(back, iifNot(way.Interface), drop())
		t.rule(back, notIPv4(), drop())
		t.rule(back, stateNot(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), drop())
		t.rule(back, t.over("down", destination(), wayOut, expr.LimitTypePktBytes, wayOutAtOnce), drop())
		t.rule(back, accept())
	}
	t.rule(out, counter(), drop())
	t.rule(back, counter(), drop())
}

// outside are the interfaces behind which nobody is the kit's.
func outside(c Config) (all []string) {
	for _, i := range []string{c.Internet.Interface, c.Venue} {
		if i != "" && !slices.Contains(all, i) {
			all = append(all, i)
		}
	}
	return all
}

// redirect has the page be found where browsers look for it.
func (t *table) redirect() {
	c := t.hook("found", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest)
	t.rule(c, iif(t.config.Interface), ipv4(), to(t.config.Kit.Addr()), l4(unix.IPPROTO_TCP), port(80),
		[]expr.Any{&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(t.config.Visitors)}, &expr.Redir{RegisterProtoMin: 1}})
}

// masquerade has what goes out come back.
func (t *table) masquerade() {
	c := t.hook(leaveName, nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource)
	t.rule(c, oif(t.config.Internet.Interface), ipv4(), within(t.config.Kit), []expr.Any{&expr.Masq{}})
}

// untrack keeps what is between stations and the kit itself out of the kernel's table of connections, which is kept where a rule asks
// for their state, or addresses are changed: who filled it would shut the page for all. But for what redirect has to find again.
func (t *table) untrack() {
	notrack := []expr.Any{&expr.Notrack{}}
	in := t.hook("arrive", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, *nftables.ChainPriorityRaw)
	out := t.hook("answer", nftables.ChainTypeFilter, nftables.ChainHookOutput, *nftables.ChainPriorityRaw)
	if t.config.Visitors != 80 {
		t.rule(in, iif(t.config.Interface), ipv4(), to(t.config.Kit.Addr()), l4(unix.IPPROTO_TCP), port(80), accept())
		t.rule(out, oif(t.config.Interface), l4(unix.IPPROTO_TCP), fromPort(t.config.Visitors), accept())
	}
	t.rule(in, iif(t.config.Interface), ipv4(), to(t.config.Kit.Addr()), notrack) // iifname wlan0 ip daddr 10.66.0.1 notrack
	t.rule(out, oif(t.config.Interface), notrack)                                 // oifname wlan0 notrack
}

// never is where no station goes, whatever the kit's routes are: private, shared, local, for documentation and tests, many at once,
// and reserved (IANA's special-purpose registry, RFC 6890).
var never = func() (ps []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"} {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}()
