// Package link is what the kernel knows of a network interface: its number, and its IPv4 addresses.
package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// Index is an interface's number; 0: there is no such interface now.
func Index(name string) int {
	b, err := os.ReadFile(filepath.Join("/sys/class/net", name, "ifindex"))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return n
}

// Give gives an interface an IPv4 address, and its network's broadcast address. flags are linux/if_addr.h's. That it has it already is no
// error.
func Give(c *rtnetlink.Conn, index int, address netip.Prefix, flags uint32) error {
	ip, last := net.IP(address.Addr().AsSlice()), address.Masked().Addr().As4()
	for bit := address.Bits(); bit < 32; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	err := c.Address.New(&rtnetlink.AddressMessage{Family: unix.AF_INET, PrefixLength: uint8(address.Bits()), Scope: unix.RT_SCOPE_UNIVERSE, Index: uint32(index),
		Attributes: &rtnetlink.AddressAttributes{Address: ip, Local: ip, Broadcast: net.IP(last[:]), Flags: flags}})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("give interface %d the address %v: %w", index, address, err)
	}
	return nil
}

// Take takes those IPv4 addresses from their interfaces that are meant. Their routes go with them. That one is gone is no error.
func Take(c *rtnetlink.Conn, meant func(index int, address netip.Prefix) bool) error {
	all, err := c.Address.List()
	if err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	for _, a := range all {
		ip, ok := netip.AddrFromSlice(a.Attributes.Local)
		if !ok || a.Family != unix.AF_INET || !meant(int(a.Index), netip.PrefixFrom(ip, int(a.PrefixLength))) {
			continue
		}
		err := c.Address.Delete(&rtnetlink.AddressMessage{Family: unix.AF_INET, PrefixLength: a.PrefixLength, Index: a.Index,
			Attributes: &rtnetlink.AddressAttributes{Address: a.Attributes.Address, Local: a.Attributes.Local}})
		if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("take %v from interface %d: %w", ip, a.Index, err)
		}
	}
	return nil
}
