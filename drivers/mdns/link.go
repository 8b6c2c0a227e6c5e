package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// socket is the kernel's way to one network.
type socket struct {
	*net.UDPConn
	packets *ipv4.PacketConn
	from    *ipv4.ControlMessage
}

// open listens on port 5353 of one interface, beside others that do (section 15.1), and speaks by one of the addresses that it has: of
// another's network nobody would believe it (section 11).
func open(interfaceName string, address netip.Addr) (link, error) {
	i, err := net.InterfaceByName(interfaceName)
	if err != nil {
		return nil, fmt.Errorf("mdns: %w", err)
	}
	l := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		e := c.Control(func(fd uintptr) {
			err = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.BindToDevice(int(fd), interfaceName))
		})
		return errors.Join(e, err)
	}}
	c, err := l.ListenPacket(context.Background(), "udp4", fmt.Sprintf(":%d", Group.Port()))
	if err != nil {
		return nil, fmt.Errorf("mdns: on %s: %w", interfaceName, err)
	}
	s := &socket{c.(*net.UDPConn), ipv4.NewPacketConn(c), &ipv4.ControlMessage{Src: address.AsSlice(), IfIndex: i.Index}}
	err = errors.Join(s.packets.JoinGroup(i, net.UDPAddrFromAddrPort(Group)), s.packets.SetMulticastInterface(i), s.packets.SetMulticastTTL(255), s.packets.SetTTL(255)) // section 11
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("mdns: on %s: %w", interfaceName, err)
	}
	return s, nil
}

func (s *socket) send(packet []byte, to netip.AddrPort) error {
	if !to.IsValid() {
		to = Group
	}
	_, err := s.packets.WriteTo(packet, s.from, net.UDPAddrFromAddrPort(to))
	return err
}

func (s *socket) receive(packet []byte) (int, netip.AddrPort, error) {
	return s.ReadFromUDPAddrPort(packet)
}
