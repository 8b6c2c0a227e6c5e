package dns

import (
	"net/netip"
	"strconv"
	"strings"

	"edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/portal/captive"
)

// probes are the names by which systems find out whether a network leads to the internet. They ask for a page there by plain HTTP,
// which the kit's web server answers; a phone that finds what it expects stays on the network.
var probes = captive.Hosts()

// windowsCheck is the name whose address Windows compares with the one that it knows (Microsoft, NCSI overview, DNS probe).
const windowsCheck = "dns.msftncsi.com"

var windowsExpects, windowsExpects6 = netip.MustParseAddr("131.107.255.255"), netip.MustParseAddr("fd3e:4f5a:5b81::1")

// canaries are names whose absence tells a program that it is to use the network's own names: Firefox's to leave DNS over HTTPS
// (Mozilla, Canary domain use-application-dns.net), Apple's to leave Private Relay, with a word to its user (Apple, Prepare your
// network for iCloud Private Relay: no answer or NXDOMAIN, and no silence).
var canaries = []string{"use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"}

// ours are names that are nobody's outside: asked of the operator's network they would tell visitors what is in it. Special-use names
// (RFC 6761, RFC 6762, RFC 8375), what home routers make up, and private addresses' (RFC 6303).
var ours = append([]string{"internal", "local", "localhost", "lan", "home", "corp", "home.arpa", "test", "invalid", "example", "onion", "intranet", "private", "fritz.box",
	"10.in-addr.arpa", "168.192.in-addr.arpa", "254.169.in-addr.arpa", "127.in-addr.arpa", "0.in-addr.arpa", "255.in-addr.arpa",
	"d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa", "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"}, numbered("172.in-addr.arpa", 16, 31, numbered("100.in-addr.arpa", 64, 127, nil))...)

func numbered(zone string, first, last int, more []string) []string {
	for n := first; n <= last; n++ {
		more = append(more, strconv.Itoa(n)+"."+zone)
	}
	return more
}

// within is whether a name is one of these, or below one. Names are as plain makes them.
func within(name string, zones ...string) bool {
	for _, z := range zones {
		if name == z || strings.HasSuffix(name, "."+z) {
			return true
		}
	}
	return false
}

// plain is a name without its last dot, in small letters: phones write them in any (RFC 4343), some on purpose.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// kits is whether a name is the kit's.
func kits(name string) bool { return within(name, portal.Name) }

// public is whether an address can be somebody's on the internet.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// reserved is what IANA's special-purpose registry has (RFC 6890) beyond netip's own words for it.
var reserved = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4")}
