package wifiap

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/wifiap/internal/link"
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
func (kernel) index(iface string) int                    { return link.Index(iface) }
func (kernel) stations(index int) ([]Station, error)     { return nl80211.Stations(index) }

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
	if err := link.Give(c, index, address, 0); err != nil {
		return fmt.Errorf("wifiap: %w", err)
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
	if err := link.Take(c, func(_ int, is netip.Prefix) bool { return is == address }); err != nil {
		return fmt.Errorf("wifiap: %w", err)
	}
	return nil
}
