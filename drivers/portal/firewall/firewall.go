// Package firewall keeps the stations of an access point to what they are there for: the kit's page, its names and its pictures, and,
// where the operator allows it, the internet. It is a table of the kernel's nf_tables, so it holds when this program is killed, and
// it is replaced as a whole, so there is no moment between two of them. Other programs' tables are left alone, and cannot open what
// this one keeps shut: a packet has to pass all.
//
// What a station may send is tied to who it is. Only a pair of addresses, one of its frames and one that it was leased, gets through:
// nobody speaks for another, so an address tells who a visitor is. And the kernel's own idea of where an address is found is fixed
// for all that are leased, so nobody gets what is meant for another by claiming its address in ARP.
//
// The kernel needs NF_TABLES_INET, NFT_CT, NFT_LIMIT, NFT_REJECT, NFT_MASQ and NFT_REDIR, which the Pi's has built in and Debian's as
// modules; none of fq_codel and htb, which the Pi's lacks: what is too much is dropped, and TCP slows down by that.
package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"

	"github.com/google/nftables"

	"edgekit.internal/drivers/portal"
)

// Config is what stations may reach.
type Config struct {
	Interface string       // the access point's; it need not be there yet
	Kit       netip.Prefix // the kit's address on it, with its network's length
	Visitors  uint16       // the port of the visitors' page, by TCP, and of pictures, by UDP
	Internet  Way          // the zero value: none
	Staff     Staff        // the zero value: the operators' door is shut
	Venue     string       // an interface by which the kit is a guest: nobody there reaches it, but for answers. "": none
}

// Staff is who reaches the operators' door from the access point. What is behind it asks for a code or a session of everybody.
type Staff struct {
	Port     uint16       // by TCP; 0: nobody does
	Anybody  bool         // any station that has a lease: somebody is about to be paired
	Stations []portal.MAC // else these, if they have one; the first 16 count
}

// maxStaff bounds the stations that are let through to the operators' door: each takes a rule.
const maxStaff = 16

// Way is the way out.
type Way struct {
	Interface string         // "": there is none, or none is allowed
	Networks  []netip.Prefix // that the kit itself is in: stations do not reach them
}

// TableName is the table's, of the family inet.
const TableName = "edgekit"

// What one station may have. It is generous for who uses the page, and too little to harm others with.
const (
	questions    = 60   // a second, for names
	connections  = 60   // new ones, a second
	datagrams    = 1500 // a second, to the media port: what a phone reports of a stream is a tenth of it
	echoes       = 5    // a second
	solicits     = 2    // a second, for the kit by IPv6 (RFC 4861): of each the kernel may take note, and of 1024 in all
	refusals     = 10   // a second, by which a phone learns at once that there is nothing
	wayOut       = 384 << 10
	wayOutAtOnce = 1 << 20 // bytes a second, and at once, each way
)

// Firewall is the table. Its methods are safe for concurrent use.
type Firewall struct {
	mu       sync.Mutex
	config   Config
	up       bool
	guests   []portal.Lease
	accepted []portal.Lease
	stale    bool // the table does not know them
}

// Set has the table be this. It is the same already, if it is there and nothing is different. An error leaves it as it was.
func (f *Firewall) Set(c Config) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.up && same(f.config, c) && f.there() {
		return nil
	}
	return f.put(c)
}

// Guests has the table let these stations through, each by its address, and no others; those of them that are accepted also to the
// way out, if there is one.
func (f *Firewall) Guests(all, accepted []portal.Lease) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.guests
	f.guests, f.accepted = slices.Clone(all), slices.Clone(accepted)
	if !f.up {
		return nil
	}
	f.stale = true
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	t := &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}
	for name, ls := range map[string][]portal.Lease{guestsName: all, acceptedName: accepted} {
		s := pairs(t, name)
		c.FlushSet(s)
		if len(ls) > 0 {
			if err := c.SetAddElements(s, elements(ls)); err != nil {
				return fmt.Errorf("firewall: %w", err)
			}
		}
	}
	if err := c.Flush(); errors.Is(err, os.ErrNotExist) { // somebody flushed it
		return f.put(f.config)
	} else if err != nil {
		return fmt.Errorf("firewall: let %d stations through: %w", len(all), err)
	}
	f.stale = false
	return f.place(was)
}

// Check puts the table back if somebody took it away, tells it of stations that it could not be told of, and fixes again what the
// kernel forgot when its interface went down.
func (f *Firewall) Check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.up:
		return nil
	case f.stale, !f.there():
		return f.put(f.config)
	}
	return f.place(nil)
}

// Remove takes the table away, if it is there, also one of an earlier program's. The access point must be down.
func (f *Firewall) Remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	was := f.before(c)
	t := &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}
	c.AddTable(t) // else there may be none to delete
	c.DelTable(t)
	if err := c.Flush(); err != nil {
		return fmt.Errorf("firewall: remove: %w", err)
	}
	f.up = false
	if was.Interface == "" {
		return nil
	}
	if err := f.route(Config{Interface: was.Interface}, was.Internet); err != nil {
		return err
	}
	return release(was.Interface)
}

// put replaces the table.
func (f *Firewall) put(config Config) error {
	if config.Interface == "" || len(config.Interface) > 15 || !config.Kit.Addr().Is4() || config.Visitors == 0 {
		return fmt.Errorf("firewall: %+v: expected an interface, an IPv4 address and a port", config)
	}
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	was := f.before(c)
	if err := build(c, config, f.guests, f.accepted); err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("firewall: replace the table: %w", err)
	}
	f.config, f.up, f.stale = config, true, false
	if was.Interface != "" && was.Interface != config.Interface {
		if err := release(was.Interface); err != nil {
			return err
		}
	}
	if err := f.route(config, was.Internet); err != nil {
		return err
	}
	return f.place(nil)
}

// there is whether the kernel has the table.
func (f *Firewall) there() bool {
	c, err := nftables.New()
	if err != nil {
		return false
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	return err == nil && slices.ContainsFunc(all, func(t *nftables.Table) bool { return t.Name == TableName })
}

func same(a, b Config) bool {
	return a.Interface == b.Interface && a.Kit == b.Kit && a.Visitors == b.Visitors && a.Internet.Interface == b.Internet.Interface && slices.Equal(a.Internet.Networks, b.Internet.Networks) &&
		a.Venue == b.Venue && a.Staff.Port == b.Staff.Port && a.Staff.Anybody == b.Staff.Anybody && slices.Equal(a.Staff.Stations, b.Staff.Stations)
}
