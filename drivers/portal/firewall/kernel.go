package firewall

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/portal"
)

// settings are an interface's (Documentation/networking/ip-sysctl.rst). forwards is whether the kernel routes what comes from it.
func settings(i string, forwards bool) error {
	forward := "0"
	if forwards {
		forward = "1"
	}
	for _, s := range [][2]string{{"ipv4/conf/" + i + "/forwarding", forward}, {"ipv4/conf/" + i + "/send_redirects", "0"}, {"ipv4/conf/" + i + "/accept_redirects", "0"},
		{"ipv4/conf/" + i + "/arp_ignore", "1"}, // not even ARP tells what other addresses the kit has
		// The kernel notes who asks by ARP, which no table of this family sees. Of senders that are not of the stations' network it does not,
		// so that nobody fills the room that there is for all networks (neigh/default/gc_thresh3: 1024). Either of the two does it: the first
		// is weaker where a distribution has conf/all/rp_filter be 2.
		{"ipv4/conf/" + i + "/rp_filter", "1"}, {"ipv4/conf/" + i + "/arp_filter", "1"}, {"ipv4/conf/" + i + "/arp_accept", "0"},
		{"ipv6/conf/" + i + "/forwarding", "0"}, {"ipv6/conf/" + i + "/accept_ra", "0"}, {"ipv6/conf/" + i + "/accept_redirects", "0"}} {
		if err := sysctl(s[0], s[1]); err != nil {
			return err
		}
	}
	return nil
}

// release gives an interface the settings of new ones, where those of settings would harm it as part of another network: a machine
// that is there by cable too is answered by that.
func release(i string) error {
	for _, s := range []string{"rp_filter", "arp_filter"} {
		b, err := os.ReadFile("/proc/sys/net/ipv4/conf/default/" + s)
		if err != nil {
			return fmt.Errorf("firewall: %w", err)
		}
		if err := sysctl("ipv4/conf/"+i+"/"+s, string(bytes.TrimSpace(b))); err != nil {
			return err
		}
	}
	return nil
}

func sysctl(name, value string) error {
	path := "/proc/sys/net/" + name
	if is, err := os.ReadFile(path); err == nil && string(is) == value+"\n" {
		return nil
	}
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil && !errors.Is(err, fs.ErrNotExist) { // no such interface, or no IPv6
		return fmt.Errorf("firewall: %w", err)
	}
	return nil
}

// route has the kernel route between stations and the way out, and only there: net.ipv4.ip_forward, which is for all interfaces, is
// left as it is. was is the way of before. An interface that is not there is told by the next Check.
func (f *Firewall) route(c Config, was Way) error {
	if err := settings(c.Interface, c.Internet.Interface != ""); err != nil {
		return err
	}
	if i := was.Interface; i != "" && i != c.Internet.Interface {
		if err := sysctl("ipv4/conf/"+i+"/forwarding", "0"); err != nil {
			return err
		}
	}
	if i := c.Internet.Interface; i != "" {
		return sysctl("ipv4/conf/"+i+"/forwarding", "1")
	}
	return nil
}

// before is what the table that there is now is for, as far as the kernel routes by it: that of a program that was killed says so
// itself. The zero Config: there is none.
func (f *Firewall) before(c *nftables.Conn) Config {
	if f.config.Interface != "" {
		return f.config
	}
	named := func(chain string, key expr.MetaKey) string {
		t := &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}
		rules, err := c.GetRules(t, &nftables.Chain{Name: chain, Table: t})
		if err != nil || len(rules) == 0 || len(rules[0].Exprs) < 2 {
			return "" // there is no such chain, mostly
		}
		m, ok := rules[0].Exprs[0].(*expr.Meta)
		is, equal := rules[0].Exprs[1].(*expr.Cmp)
		if !ok || !equal || m.Key != key {
			return ""
		}
		return string(bytes.TrimRight(is.Data, "\x00"))
	}
	return Config{Interface: named(inputName, expr.MetaKeyIIFNAME), Internet: Way{Interface: named(leaveName, expr.MetaKeyOIFNAME)}}
}

// place fixes where stations are found: the kernel then asks nobody, and believes nobody (NUD_PERMANENT, rtnetlink(7)). was are
// stations that may not be any more.
func (f *Firewall) place(was []portal.Lease) error {
	i, err := net.InterfaceByName(f.config.Interface)
	if err != nil {
		return nil // not there yet: the next Check
	}
	if err := f.route(f.config, Way{}); err != nil {
		return err
	}
	if i.Flags&net.FlagUp == 0 {
		return nil // it forgets them as it goes down: the next Check
	}
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	defer c.Close()
	neighbour := func(l portal.Lease, command uint16, flags netlink.HeaderFlags) error {
		m := &rtnetlink.NeighMessage{Family: unix.AF_INET, Index: uint32(i.Index), State: unix.NUD_PERMANENT,
			Attributes: &rtnetlink.NeighAttributes{Address: l.IP.AsSlice(), LLAddress: l.MAC[:]}}
		_, err := c.Execute(m, command, netlink.Request|netlink.Acknowledge|flags)
		return err
	}
	for _, l := range was {
		if !slices.ContainsFunc(f.guests, func(is portal.Lease) bool { return is.IP == l.IP }) {
			if err := neighbour(l, unix.RTM_DELNEIGH, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("firewall: forget where %v is: %w", l.IP, err)
			}
		}
	}
	for _, l := range f.guests {
		if slices.ContainsFunc(was, func(is portal.Lease) bool { return is.IP == l.IP && is.MAC == l.MAC }) {
			continue
		}
		if err := neighbour(l, unix.RTM_NEWNEIGH, netlink.Create|netlink.Replace); err != nil {
			return fmt.Errorf("firewall: fix where %v is: %w", l.IP, err)
		}
	}
	return nil
}
