// Package mdns finds services in the local network, and has the kit found there by a name of its own: multicast DNS (RFC 6762),
// DNS-based service discovery (RFC 6763). Names end in .local.
package mdns

import (
	"net/netip"
)

// Group is where everybody listens (RFC 6762, section 3).
var Group = netip.MustParseAddrPort("224.0.0.251:5353")

// mostBytes is the longest packet (RFC 6762, section 17).
const mostBytes = 9000
