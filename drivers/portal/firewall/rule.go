package firewall

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/portal"
)

// Values of protocols' fields.
const (
	echoRequest = 8   // RFC 792
	ndSolicit   = 135 // RFC 4861, 4.3
	ndAdvert    = 136 // RFC 4861, 4.4
	syn, ack    = 0x02, 0x10
)

// Registers that one match uses beside each other: the first is the whole of the four of 32 bits, whose second is another's.
const first, second = unix.NFT_REG_1, unix.NFT_REG32_01

func equal(v []byte) expr.Any    { return &expr.Cmp{Op: expr.CmpOpEq, Register: first, Data: v} }
func notEqual(v []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpNeq, Register: first, Data: v} }

func meta(k expr.MetaKey) expr.Any { return &expr.Meta{Key: k, Register: first} }

func payload(base expr.PayloadBase, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: first, Base: base, Offset: offset, Len: length}
}

func name(i string) []byte { return append([]byte(i), make([]byte, unix.IFNAMSIZ-len(i))...) }

func iif(i string) []expr.Any    { return []expr.Any{meta(expr.MetaKeyIIFNAME), equal(name(i))} }
func iifNot(i string) []expr.Any { return []expr.Any{meta(expr.MetaKeyIIFNAME), notEqual(name(i))} }
func oif(i string) []expr.Any    { return []expr.Any{meta(expr.MetaKeyOIFNAME), equal(name(i))} }
func oifNot(i string) []expr.Any { return []expr.Any{meta(expr.MetaKeyOIFNAME), notEqual(name(i))} }

func ipv4() []expr.Any {
	return []expr.Any{meta(expr.MetaKeyNFPROTO), equal([]byte{unix.NFPROTO_IPV4})}
}
func notIPv4() []expr.Any {
	return []expr.Any{meta(expr.MetaKeyNFPROTO), notEqual([]byte{unix.NFPROTO_IPV4})}
}
func ipv6() []expr.Any {
	return []expr.Any{meta(expr.MetaKeyNFPROTO), equal([]byte{unix.NFPROTO_IPV6})}
}

// l4 is a transport protocol; of a fragment but the first, no rule on ports holds.
func l4(p byte) []expr.Any { return []expr.Any{meta(expr.MetaKeyL4PROTO), equal([]byte{p})} }

// source and destination load an IPv4 address, for what follows.
func source() []expr.Any      { return []expr.Any{payload(expr.PayloadBaseNetworkHeader, 12, 4)} }
func destination() []expr.Any { return []expr.Any{payload(expr.PayloadBaseNetworkHeader, 16, 4)} }

// ether loads a frame's sender.
func ether() []expr.Any { return []expr.Any{payload(expr.PayloadBaseLLHeader, 6, 6)} }

func to(a netip.Addr) []expr.Any    { return append(destination(), equal(a.AsSlice())) }
func toNot(a netip.Addr) []expr.Any { return append(destination(), notEqual(a.AsSlice())) }

func within(p netip.Prefix) []expr.Any {
	mask := binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-p.Bits()))
	return append(source(), &expr.Bitwise{SourceRegister: first, DestRegister: first, Len: 4, Mask: mask, Xor: make([]byte, 4)}, equal(p.Masked().Addr().AsSlice()))
}

func port(p uint16) []expr.Any {
	return []expr.Any{payload(expr.PayloadBaseTransportHeader, 2, 2), equal(binaryutil.BigEndian.PutUint16(p))}
}

func fromPort(p uint16) []expr.Any {
	return []expr.Any{payload(expr.PayloadBaseTransportHeader, 0, 2), equal(binaryutil.BigEndian.PutUint16(p))}
}

func byteAt(base expr.PayloadBase, offset uint32, is byte) []expr.Any {
	return []expr.Any{payload(base, offset, 1), equal([]byte{is})}
}

// flags are TCP's, as far as the mask looks.
func flags(are, mask byte) []expr.Any {
	return []expr.Any{payload(expr.PayloadBaseTransportHeader, 13, 1), &expr.Bitwise{SourceRegister: first, DestRegister: first, Len: 1, Mask: []byte{mask}, Xor: []byte{0}}, equal([]byte{are})}
}

// stateNot holds for packets of connections in none of these states, stateIs for those in one of them.
func stateNot(states uint32) []expr.Any { return append(state(states), equal(make([]byte, 4))) }
func stateIs(states uint32) []expr.Any  { return append(state(states), notEqual(make([]byte, 4))) }

func state(mask uint32) []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: first},
		&expr.Bitwise{SourceRegister: first, DestRegister: first, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(mask), Xor: make([]byte, 4)}}
}

func lookup(s *nftables.Set, invert bool) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: first, SetName: s.Name, SetID: s.ID, Invert: invert}}
}

// notIn holds for IPv4 packets whose sender's two addresses are no pair of the set.
func notIn(s *nftables.Set) []expr.Any {
	return append([]expr.Any{payload(expr.PayloadBaseNetworkHeader, 12, 4), &expr.Payload{DestRegister: second, Base: expr.PayloadBaseLLHeader, Offset: 6, Len: 6}}, lookup(s, true)...)
}

// over holds for a station's packets beyond so many a second; of is what tells stations apart. It remembers 1024, each for a minute.
// burst 0 is as many at once as in a second.
func (t *table) over(name string, of []expr.Any, rate uint64, kind expr.LimitType, burst uint32) []expr.Any {
	return t.meter(name, of, &expr.Limit{Type: kind, Rate: rate, Unit: expr.LimitTimeSecond, Burst: cmp.Or(burst, uint32(rate)), Over: true})
}

// limit holds for those within.
func (t *table) limit(name string, of []expr.Any, rate uint64, kind expr.LimitType, burst uint32) []expr.Any {
	return t.meter(name, of, &expr.Limit{Type: kind, Rate: rate, Unit: expr.LimitTimeSecond, Burst: cmp.Or(burst, uint32(rate))})
}

func (t *table) meter(name string, of []expr.Any, l *expr.Limit) []expr.Any {
	s := t.meters[name]
	if s == nil {
		s = &nftables.Set{Table: t.table, Name: name, Dynamic: true, HasTimeout: true, Timeout: time.Minute, Size: 1024, KeyType: nftables.TypeIPAddr}
		if p, ok := of[0].(*expr.Payload); ok && p.Base == expr.PayloadBaseLLHeader {
			s.KeyType = nftables.TypeEtherAddr
		}
		t.set(s, nil)
		t.meters[name] = s
	}
	return append(of, &expr.Dynset{SrcRegKey: first, SetName: s.Name, SetID: s.ID, Operation: unix.NFT_DYNSET_OP_UPDATE, Exprs: []expr.Any{l}})
}

func counter() []expr.Any { return []expr.Any{&expr.Counter{}} }
func drop() []expr.Any    { return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}} }
func accept() []expr.Any  { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

func goTo(chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}}
}

// Sets of the pairs of addresses that are let through: to the kit, and out.
const guestsName, acceptedName = "guests", "accepted"

func pairs(t *nftables.Table, name string) *nftables.Set {
	return &nftables.Set{Table: t, Name: name, Concatenation: true, KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeEtherAddr)}
}

func elements(ls []portal.Lease) (es []nftables.SetElement) {
	for _, l := range ls {
		key := append(l.IP.AsSlice(), l.MAC[:]...)
		es = append(es, nftables.SetElement{Key: append(key, 0, 0)})
	}
	return es
}

// intervals are a set's elements for networks, any of which may lie in others: where each begins, and where it has ended.
func intervals(ps []netip.Prefix) (es []nftables.SetElement) {
	ps = slices.DeleteFunc(slices.Clone(ps), func(p netip.Prefix) bool { return !p.Addr().Is4() || p.Bits() < 1 })
	for n := range ps {
		ps[n] = ps[n].Masked()
	}
	slices.SortFunc(ps, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	type span struct{ from, to uint64 } // to is not in it any more
	var spans []span
	for _, p := range ps {
		b := p.Addr().As4()
		s := span{from: uint64(binary.BigEndian.Uint32(b[:]))}
		s.to = s.from + 1<<(32-p.Bits())
		if last := len(spans) - 1; last >= 0 && s.from <= spans[last].to {
			spans[last].to = max(spans[last].to, s.to)
			continue
		}
		spans = append(spans, s)
	}
	for _, s := range spans {
		es = append(es, nftables.SetElement{Key: binary.BigEndian.AppendUint32(nil, uint32(s.from))})
		if s.to < 1<<32 {
			es = append(es, nftables.SetElement{Key: binary.BigEndian.AppendUint32(nil, uint32(s.to)), IntervalEnd: true})
		}
	}
	return es
}
