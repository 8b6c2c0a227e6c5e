package dhcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/portal"
)

const (
	serverPort, clientPort = 67, 68
	ipHeader, udpHeader    = 20, 8
	maxMessage             = 1500
)

// Run serves an interface's stations until ctx ends, which returns nil. It works on whole IP packets (packet(7)): a station that has
// no address cannot be sent to in another way, and only there is a frame's sender seen. The interface may go down meanwhile; an
// error comes when it is gone, or when it goes down.
func (s *Server) Run(ctx context.Context, interfaceName string) error {
	i, err := net.InterfaceByName(interfaceName)
	if err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	filter, err := bpf.Assemble(forServer)
	if err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	c, err := packet.Listen(i, packet.Datagram, unix.ETH_P_IP, &packet.Config{Filter: filter})
	if err != nil {
		return fmt.Errorf("dhcp: listen on %s: %w", interfaceName, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	served, end := context.WithCancel(ctx)
	defer end()
	go s.sweep(served)
	b := make([]byte, maxMessage)
	for {
		n, from, err := c.ReadFrom(b)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("dhcp: read from %s: %w", interfaceName, err)
		}
		to, reply := s.Handle(from, b[:n])
		if reply == nil {
			continue
		}
		if _, err := c.WriteTo(reply, to); err != nil && ctx.Err() == nil {
			s.config.Log.Debug("dhcp answer not sent", "err", err) // the phone asks again
		}
	}
}

// sweepEvery is how soon what a lease allowed ends after it.
const sweepEvery = 20 * time.Second

func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.Sweep()
		case <-ctx.Done():
			return
		}
	}
}

// forServer lets through what is for port 67: the kernel then drops the rest of an interface's traffic before it costs anything.
var forServer = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 9, Size: 1}, // protocol
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 6},
	bpf.LoadAbsolute{Off: 6, Size: 2}, // more fragments, and where this one belongs
	bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x3fff, SkipTrue: 4},
	bpf.LoadMemShift{Off: 0}, // the header's length
	bpf.LoadIndirect{Off: 2, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: serverPort, SkipTrue: 1},
	bpf.RetConstant{Val: maxMessage},
	bpf.RetConstant{Val: 0},
}

// Handle answers one IP packet. from is its frame's sender; reply is an IP packet for to, nil when there is none.
func (s *Server) Handle(from net.Addr, packetIn []byte) (to net.Addr, reply []byte) {
	sender, ok := from.(*packet.Addr)
	if !ok || len(sender.HardwareAddr) != len(portal.MAC{}) || sender.HardwareAddr[0]&1 != 0 { // no station is a group
		return nil, nil
	}
	payload, err := s.payload(packetIn)
	if err != nil {
		s.malformed.Add(1)
		return nil, nil
	}
	m, ip, err := s.answer(portal.MAC(sender.HardwareAddr), payload)
	if err != nil {
		return nil, nil
	}
	return &packet.Addr{HardwareAddr: sender.HardwareAddr}, datagram(s.config.Kit.Addr(), ip, m.ToBytes())
}

var errNotDHCP = errors.New("dhcp: no whole datagram for this server")

// payload is what an IP packet for port 67 brings. The datagram's checksum is not looked at: a frame has its own, and a sender on the
// same machine may have left it to its network card.
func (s *Server) payload(p []byte) ([]byte, error) {
	if len(p) < ipHeader || p[0]>>4 != 4 || p[9] != unix.IPPROTO_UDP || binary.BigEndian.Uint16(p[6:])&0x3fff != 0 {
		return nil, errNotDHCP
	}
	header, total := int(p[0]&0xf)*4, int(binary.BigEndian.Uint16(p[2:]))
	if header < ipHeader || total > len(p) || total < header+udpHeader {
		return nil, errNotDHCP
	}
	if to := netip.AddrFrom4([4]byte(p[16:20])); to != broadcast && to != s.config.Kit.Addr() {
		return nil, errNotDHCP
	}
	udp := p[header:total]
	if size := int(binary.BigEndian.Uint16(udp[4:])); binary.BigEndian.Uint16(udp[2:]) != serverPort || size < udpHeader || size > len(udp) {
		return nil, errNotDHCP
	} else {
		return udp[udpHeader:size], nil
	}
}

// datagram is an IP packet (RFC 791, 3.1) with a UDP datagram (RFC 768) from the server's port to a client's.
func datagram(from, to netip.Addr, payload []byte) []byte {
	size := udpHeader + len(payload)
	p := make([]byte, ipHeader, ipHeader+size)
	p[0], p[8], p[9] = 4<<4|ipHeader/4, 64, unix.IPPROTO_UDP
	p[1] = 0x10 // low delay, as DHCP servers ask for since BSD's
	binary.BigEndian.PutUint16(p[2:], uint16(ipHeader+size))
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[10:], ^sum(0, p))
	udp := make([]byte, udpHeader, size)
	binary.BigEndian.PutUint16(udp, serverPort)
	binary.BigEndian.PutUint16(udp[2:], clientPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(size))
	udp = append(udp, payload...)
	check := ^sum(uint32(unix.IPPROTO_UDP)+uint32(size)+uint32(sum(0, p[12:20])), udp)
	if check == 0 {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], check)
	return append(p, udp...)
}

// sum is the ones' complement sum (RFC 1071) of what is there, added to start.
func sum(start uint32, b []byte) uint16 {
	for len(b) > 1 {
		start += uint32(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		start += uint32(b[0]) << 8
	}
	for start > 0xffff {
		start = start>>16 + start&0xffff
	}
	return uint16(start)
}
