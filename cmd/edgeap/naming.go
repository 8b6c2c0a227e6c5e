package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"edgekit.internal/drivers/mdns"
)

// hostName is what the kit would like to be called in a venue's network. Where another has the name it becomes edgekit-2, and so on.
const hostName = "edgekit"

// naming has the kit found by name in every network that it is in as a guest, with mode venue. With any other mode those networks are
// the operator's, and visitors have the kit's own.
type naming struct {
	mode  func() string
	look  func() []place // where the kit is
	serve func(ctx context.Context, at place, tell func(name string)) error
	log   *slog.Logger

	mu    sync.Mutex
	names map[string]string // by interface; none: it is not found there
}

func newNaming(mode func() string, log *slog.Logger) *naming {
	serve := func(ctx context.Context, at place, tell func(string)) error {
		return mdns.Host{Name: hostName, Interface: at.name, Address: at.address, Log: log, Own: isOwn, Tell: tell}.Run(ctx)
	}
	return &naming{mode: mode, look: places, serve: serve, log: log}
}

// of is the name by which the kit is found by an interface, or else by another; "": by none.
func (n *naming) of(interfaceName string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name := n.names[interfaceName]; name != "" {
		return name
	}
	for _, name := range n.names {
		return name
	}
	return ""
}

func (n *naming) note(interfaceName, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name == "" {
		delete(n.names, interfaceName)
		return
	}
	if n.names == nil {
		n.names = map[string]string{}
	}
	n.names[interfaceName] = name
}

// place is where the kit may be found.
type place struct {
	name    string
	address netip.Prefix
}

// run looks at the networks again and again, until ctx ends.
func (n *naming) run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	running, ended := map[place]context.CancelFunc{}, make(chan place)
	for {
		var want []place
		if n.mode() == "venue" {
			want = n.look()
		}
		for p, stop := range running {
			if !slices.Contains(want, p) {
				stop()
			}
		}
		for _, p := range want {
			if running[p] != nil {
				continue
			}
			alive, stop := context.WithCancel(ctx)
			running[p] = stop
			all.Go(func() {
				defer stop()
				if err := n.serve(alive, p, func(name string) { n.note(p.name, name) }); err != nil {
					n.log.Warn("not found by name for a moment", "interface", p.name, "err", err)
				}
				select {
				case ended <- p:
				case <-ctx.Done():
				}
			})
		}
		for wait := true; wait; {
			select {
			case p := <-ended:
				delete(running, p)
			case <-tick.C:
				wait = false
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// places are the networks that the kit is in, in the kernel's order, each with an address of its own there.
func places() (all []place) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil // at the next look
	}
	for _, i := range interfaces {
		if i.Flags&(net.FlagUp|net.FlagMulticast|net.FlagLoopback) != net.FlagUp|net.FlagMulticast {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue // it is gone already
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLinkLocalUnicast() {
				all = append(all, place{i.Name, p})
				break // one answer is enough
			}
		}
	}
	return all
}

// isOwn is whether an address is the kit's by any interface.
func isOwn(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, is := range all {
		if p, err := netip.ParsePrefix(is.String()); err == nil && p.Addr() == a {
			return true
		}
	}
	return false
}
