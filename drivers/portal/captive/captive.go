// Package captive answers the questions by which phones and computers find out whether a network leads anywhere: each
// system fetches an address of its maker's, in plain HTTP, and compares. While a visitor has not seen the stall's page yet the
// answer leads to it, and the system opens it in a small browser of its own ("sheet"); from then on the answer is the one that the
// system takes for "connected", so that the phone stays in a network that leads nowhere else.
//
// The kit has no certificate that a phone would trust for a private name, so what a system asks over HTTPS as well stays
// unanswered: Android 10 and later call such a network one of "limited connectivity" after a page was seen, and stay in it when
// the visitor says so.
package captive

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// System is whose question it is.
type System string

// The systems that are known by their questions.
const (
	Android        System = "android" // and Chromium OS, Chromium, and makers' own Androids
	Apple          System = "apple"   // iOS, iPadOS, macOS
	Windows        System = "windows"
	Firefox        System = "firefox"
	NetworkManager System = "networkmanager" // of Linux desktops
	Kindle         System = "kindle"
)

// Probe is one such question.
type Probe struct {
	System System
	host   string
	path   string
	body   string // of "connected"; "": 204 with none
	html   bool
	opens  bool // a browser opens it for a person to see
}

// Answers are compared to the byte by most systems.
const (
	appleSuccess   = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>\n"
	firefoxSuccess = `<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>`
	kindleSuccess  = "81ce4465-7167-4dcb-835b-dcc9e44c112a"
)

// probes are what the systems ask, by what their makers say or their source has:
//
//   - AOSP packages/modules/NetworkStack, res/values/config.xml and NetworkMonitor.java (204 without a body is connected)
//   - Apple's "Use captive Wi-Fi networks" and the WBA's collection, captivebehavior.wballiance.com
//   - Microsoft Learn, "Network Connectivity Status Indicator overview"
//   - Firefox's preferences captivedetect.canonicalURL and .canonicalContent, network.connectivity-service.IPv4.url
//   - NetworkManager.conf(5), [connectivity], as Debian, Ubuntu, Fedora, GNOME and KDE set it
//   - GrapheneOS's FAQ, "default connections"; Huawei's, Xiaomi's, Oppo's and Vivo's Androids ask as Android does
var probes = []Probe{
	{System: Android, host: "connectivitycheck.gstatic.com", path: "/generate_204"},
	{System: Android, host: "connectivitycheck.android.com", path: "/generate_204"},
	{System: Android, host: "clients1.google.com", path: "/generate_204"},
	{System: Android, host: "clients3.google.com", path: "/generate_204"},
	{System: Android, host: "www.google.com", path: "/gen_204"},
	{System: Android, host: "www.google.com", path: "/generate_204"},
	{System: Android, host: "www.gstatic.com", path: "/generate_204"},
	{System: Android, host: "play.googleapis.com", path: "/generate_204"},
	{System: Android, host: "connect.rom.miui.com", path: "/generate_204"},
	{System: Android, host: "connectivitycheck.platform.hicloud.com", path: "/generate_204"},
	{System: Android, host: "connectivitycheck.grapheneos.network", path: "/generate_204"},
	{System: Android, host: "conn1.oppomobile.com", path: "/generate_204"},
	{System: Android, host: "conn2.oppomobile.com", path: "/generate_204"},
	{System: Android, host: "wifi.vivo.com.cn", path: "/generate_204"},
	{System: Android, host: "edge.microsoft.com", path: "/captiveportal/generate_204"},

	{System: Apple, host: "captive.apple.com", path: "/hotspot-detect.html", body: appleSuccess, html: true},
	{System: Apple, host: "captive.apple.com", path: "/", body: appleSuccess, html: true},
	{System: Apple, host: "www.apple.com", path: "/library/test/success.html", body: appleSuccess, html: true},

	{System: Windows, host: "www.msftconnecttest.com", path: "/connecttest.txt", body: "Microsoft Connect Test"},
	{System: Windows, host: "www.msftconnecttest.com", path: "/redirect", opens: true},
	{System: Windows, host: "ipv6.msftconnecttest.com", path: "/connecttest.txt", body: "Microsoft Connect Test"},
	{System: Windows, host: "www.msftncsi.com", path: "/ncsi.txt", body: "Microsoft NCSI"},

	{System: Firefox, host: "detectportal.firefox.com", path: "/canonical.html", body: firefoxSuccess, html: true},
	{System: Firefox, host: "detectportal.firefox.com", path: "/success.txt", body: "success\n"},

	{System: NetworkManager, host: "nmcheck.gnome.org", path: "/check_network_status.txt", body: "NetworkManager is online\n"},
	{System: NetworkManager, host: "network-test.debian.org", path: "/nm", body: "NetworkManager is online\n"},
	{System: NetworkManager, host: "fedoraproject.org", path: "/static/hotspot.txt", body: "OK"},
	{System: NetworkManager, host: "connectivity-check.ubuntu.com", path: "/"},
	{System: NetworkManager, host: "networkcheck.kde.org", path: "/", body: "OK\n"},

	{System: Kindle, host: "spectrum.s3.amazonaws.com", path: "/kindle-wifi/wifistub.html", body: kindleSuccess, html: true},
}

// Hosts are the names that systems ask at, in order: a name server has to lead them to the kit for as long as there is no
// other network behind it.
func Hosts() []string {
	var hosts []string
	for _, p := range probes {
		hosts = append(hosts, p.host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// Find tells which question a request is, by the host it was meant for and its path. Any other page of the same hosts is none:
// a person may have asked for it.
func Find(r *http.Request) (Probe, bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return Probe{}, false
	}
	host := Host(r)
	for _, p := range probes {
		if p.host == host && p.path == r.URL.Path {
			return p, true
		}
	}
	return Probe{}, false
}

// Host is the name or address that a request was meant for, in lower case, without a port and a closing dot.
func Host(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

// Connected answers what the system takes for a network that leads everywhere. page is where a person goes who sees the answer.
func (p Probe) Connected(rw http.ResponseWriter, r *http.Request, page string) {
	h := rw.Header()
	h.Set("Cache-Control", "no-store")
	switch {
	case p.opens:
		Lead(rw, r, page)
	case p.body == "":
		rw.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Content-Type", "text/plain")
		if p.html {
			h.Set("Content-Type", "text/html")
		}
		rw.Write([]byte(p.body)) // who hung up asks again
	}
}

// SignIn answers what has the system open page in its sheet, or tell its person to.
func (p Probe) SignIn(rw http.ResponseWriter, r *http.Request, page string) { Lead(rw, r, page) }

// Lead sends who asked for another page to one of the kit's, by a 302, which all systems know for this; RFC 8952, section 2.5, has
// portals do it to plain HTTP. No browser is to remember it.
func Lead(rw http.ResponseWriter, r *http.Request, to string) {
	rw.Header().Set("Cache-Control", "no-store")
	http.Redirect(rw, r, to, http.StatusFound)
}
