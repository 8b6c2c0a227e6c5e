// Package listen is a kit's doors: the sockets that visitors and operators come to, how many may come, and how they are
// served.
package listen

import (
	"fmt"
	"net"
	"strconv"
)

// MaxVisitors bounds the visitors' connections, maxOperators the operators'.
const (
	MaxVisitors  = 4096
	maxOperators = 256
)

// Port is a listener's, as pages are told of it for pictures over TCP.
func Port(l net.Listener) uint16 {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return a.AddrPort().Port()
}

// Open opens the visitors' two sockets, TCP and UDP of the same number, and the operators'. An error names the flag that
// gave the address.
func Open(forVisitors, forOperators string) (visitors net.Listener, media *net.UDPConn, operators net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range []net.Listener{visitors, operators} {
				if l != nil {
					l.Close()
				}
			}
			if media != nil {
				media.Close()
			}
		}
	}()
	for try := 0; ; try++ {
		if visitors, err = net.Listen("tcp", forVisitors); err != nil {
			return nil, nil, nil, fmt.Errorf("--listen %s: %w: is another edgekit running?", forVisitors, err)
		}
		at := visitors.Addr().(*net.TCPAddr)
		media, err = net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone})
		if err == nil {
			break
		}
		_, port, _ := net.SplitHostPort(forVisitors)
		visitors.Close()
		if port != "0" || try == 20 { // a free TCP port was taken, whose UDP twin need not be free
			return nil, nil, nil, fmt.Errorf("--listen %s (UDP, for pictures): %w: is another program using it?", forVisitors, err)
		}
	}
	if operators, err = net.Listen("tcp", forOperators); err != nil {
		return visitors, media, nil, fmt.Errorf("--operator %s: %w: is another edgekit running?", forOperators, err)
	}
	return Bounded(visitors, MaxVisitors), media, Bounded(operators, maxOperators), nil
}

// Address is how a person reaches a listener from this machine.
func Address(scheme string, l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return scheme + "://" + l.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// ReachedAt are the addresses of this machine at which others reach a listener.
func ReachedAt(l net.Listener) (ips []string) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	if !at.IP.IsUnspecified() {
		return []string{at.IP.String()}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // a help, and no more
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP.String())
		}
	}
	return ips
}

// Reached is how others on the network reach a listener that listens everywhere.
func Reached(l net.Listener) (addresses []string) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return nil
	}
	for _, ip := range ReachedAt(l) {
		addresses = append(addresses, "http://"+net.JoinHostPort(ip, strconv.Itoa(at.Port)))
	}
	return addresses
}

// Loopback says whether only this machine reaches a listener.
func Loopback(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}
