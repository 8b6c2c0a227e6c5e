package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/portal/firewall"
)

// resolvConf is where the kit's DHCP client notes the servers for names (resolv.conf(5)).
const resolvConf = "/etc/resolv.conf"

// wayOut is where the kernel sends what is for the internet, but for the access point's own interface, and all networks that the kit
// is in: those are the operator's. The zero Way: there is none now.
func wayOut(air string) (w firewall.Way, err error) {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return w, fmt.Errorf("routes: %w", err)
	}
	routes, err := c.Route.List()
	if err = errors.Join(err, c.Close()); err != nil {
		return w, fmt.Errorf("routes: %w", err)
	}
	best := uint32(0)
	for _, r := range routes {
		a := r.Attributes
		if r.Family != unix.AF_INET || r.DstLength != 0 || r.Type != unix.RTN_UNICAST || a.OutIface == 0 || w.Interface != "" && a.Priority >= best {
			continue
		}
		i, err := net.InterfaceByIndex(int(a.OutIface))
		if err != nil || i.Name == air {
			continue // it is gone already
		}
		w.Interface, best = i.Name, a.Priority
	}
	if w.Interface == "" {
		return w, nil
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return firewall.Way{}, fmt.Errorf("addresses: %w", err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			w.Networks = append(w.Networks, p)
		}
	}
	return w, nil
}

// maxServers bounds how many of them are asked, as the C library does.
const maxServers = 3

// nameservers are those of a resolv.conf, but for the kit itself.
func nameservers(path string, kit netip.Addr) (servers []netip.AddrPort) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) > 64<<10 {
		return nil // there is no way out, or nobody says who knows names there
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan() && len(servers) < maxServers; {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && a != kit {
			servers = append(servers, netip.AddrPortFrom(a, 53))
		}
	}
	return servers
}
