package wifiap

import (
	"context"
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

	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// system is what an access point asks of the kernel.
type system interface {
	radios() ([]nl80211.Radio, error)
	setCountry(country string) error
	hardware(phy string) (driver, chip string)
	setAddress(index int, address netip.Prefix) error
	takeAddress(address netip.Prefix) error // from whichever interface has it
	index(iface string) int                 // 0: there is no such interface now
	stations(index int) ([]nl80211.Station, error)
	listen(ctx context.Context, index int, mhz []int) (nl80211.Air, error)
	chip(phy string) (chip, error) // that the radio is on
	plugged(c chip) bool
	rebind(c chip) error
}

type kernel struct{}

func (kernel) radios() ([]nl80211.Radio, error)          { return nl80211.Radios() }
func (kernel) setCountry(country string) error           { return nl80211.SetCountry(country) }
func (kernel) hardware(phy string) (driver, chip string) { return hardware("/", phy) }
func (kernel) stations(index int) ([]Station, error)     { return nl80211.Stations(index) }

func (kernel) index(iface string) int {
	b, err := os.ReadFile(filepath.Join("/sys/class/net", iface, "ifindex"))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return n
}

// listen has an interface be up (IFF_UP), and its radio listen.
func (kernel) listen(ctx context.Context, index int, mhz []int) (nl80211.Air, error) {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return nl80211.Air{}, fmt.Errorf("wifiap: %w", err)
	}
	defer c.Close()
	if err := c.Link.Set(&rtnetlink.LinkMessage{Family: unix.AF_UNSPEC, Index: uint32(index), Flags: unix.IFF_UP, Change: unix.IFF_UP}); err != nil {
		return nl80211.Air{}, fmt.Errorf("wifiap: switch interface %d on: %w", index, err)
	}
	return nl80211.Listen(ctx, index, mhz)
}

// setAddress gives an interface its IPv4 address, and its network's broadcast address.
func (kernel) setAddress(index int, address netip.Prefix) error {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("wifiap: %w", err)
	}
	defer c.Close()
	ip := net.IP(address.Addr().AsSlice())
	last := address.Masked().Addr().As4()
	for bit := address.Bits(); bit < 32; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	err = c.Address.New(&rtnetlink.AddressMessage{Family: unix.AF_INET, PrefixLength: uint8(address.Bits()), Scope: unix.RT_SCOPE_UNIVERSE, Index: uint32(index),
		Attributes: &rtnetlink.AddressAttributes{Address: ip, Local: ip, Broadcast: net.IP(last[:])}})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("wifiap: give interface %d the address %v: %w", index, address, err)
	}
	return nil
}

// takeAddress takes an address from whichever interface has it. That none has is no error.
func (kernel) takeAddress(address netip.Prefix) error {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("wifiap: %w", err)
	}
	defer c.Close()
	all, err := c.Address.List()
	if err != nil {
		return fmt.Errorf("wifiap: addresses: %w", err)
	}
	for _, a := range all {
		if ip, ok := netip.AddrFromSlice(a.Attributes.Local); !ok || a.Family != unix.AF_INET || netip.PrefixFrom(ip, int(a.PrefixLength)) != address {
			continue
		}
		err := c.Address.Delete(&rtnetlink.AddressMessage{Family: unix.AF_INET, PrefixLength: a.PrefixLength, Index: a.Index,
			Attributes: &rtnetlink.AddressAttributes{Address: a.Attributes.Address, Local: a.Attributes.Local}})
		if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("wifiap: take %v from interface %d: %w", address, a.Index, err)
		}
	}
	return nil
}
