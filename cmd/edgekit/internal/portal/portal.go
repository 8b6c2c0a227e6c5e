// Package portal is what a phone meets that has just joined the kit's own Wi-Fi: its system's question whether the network
// leads anywhere, the page that the system opens in a sheet of its own then, and the way from there to the visitor's browser.
//
// A sheet may keep no cookies, have no storage, open no window and know no WebRTC. So its page is plain HTML; who the visitor is
// travels in its forms, sealed; and whether they have been here is known of their station, not of their browser. A visitor can buy
// right there. The browser they open afterwards on the same phone is the same visitor without their doing anything, or, elsewhere,
// by a code that is good once, and a button: anybody can put up the code of a phone of theirs, for others to scan.
//
// On a network that is not the kit's own nothing of this happens.
package portal

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"edgekit.internal/cmd/edgekit/internal/seal"
	"edgekit.internal/cmd/edgekit/internal/web"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/portal/captive"
	"edgekit.internal/pipeline"
)

// Station is a phone in the kit's own Wi-Fi, which an address there stands for. Nobody sends from the address of another that is on;
// but the MAC of a phone that has left, which is readable in the air, anybody can take who has the network's password, and is that
// station then. So a MAC stands for a visitor from when it came until it has been away for minutes, and no longer: who takes it sooner,
// or has the phone's own connection cut first, opens its sheet as that visitor and reads their tickets' numbers. To keep those from
// all but a cookie's owner would keep them from the visitor too, whose sheet has none.
type Station struct {
	MAC      string
	Accepted bool      // it has been told that it is connected
	Since    time.Time // it is on, but for minutes at a time
}

// Stations knows the phones in the kit's own Wi-Fi.
type Stations interface {
	// Station is whose address it is; false: nobody's in the kit's own Wi-Fi.
	Station(ctx context.Context, addr netip.Addr) (Station, bool)
	// Accept has the phone's system told from now on that it is connected.
	Accept(ctx context.Context, addr netip.Addr) error
}

// Shop is the visitors' side of the kit.
type Shop interface {
	Viewer(r *http.Request) (string, bool)
	Begin(rw http.ResponseWriter, r *http.Request) (string, bool)
	Offers(viewer, accept string) wire.Offers
	Tap(ctx context.Context, viewer string, t wire.Tap, via pipeline.Channel) pipeline.Outcome
	// Acts is told the address of somebody who does something.
	Acts(addr string)
}

// Config is what a portal is made of. All but Names is needed.
type Config struct {
	Stall    string   // its name
	Names    []string // the kit's own in its network, in lower case
	Stations Stations
	Shop     Shop
	Tickets  func(ctx context.Context, viewer string, n int) ([]pipeline.Ticket, error)
	Key      seal.Key     // of the visitors' cookies
	Next     http.Handler // everything else
	Log      *slog.Logger
}

// Portal stands before the visitors' side. It is safe for concurrent use.
type Portal struct {
	Config
	own    http.Handler
	visits *visits
	places places
	pages  *pipeline.Limiter // by address
}

// maxForm bounds a form of the sheet's page: a token, an id, a seal.
const maxForm = 4 << 10

// New makes a portal.
func New(c Config) *Portal {
	p := &Portal{Config: c, visits: newVisits(), places: places{at: map[string]place{}}, pages: pipeline.NewLimiter(10, 60, 4096)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /captive", p.getAPI)
	mux.HandleFunc("GET /portal", p.getPage)
	forms := http.NewCrossOriginProtection()
	forms.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		wire.Refuse(rw, wire.Problem{Status: http.StatusForbidden, Reason: string(pipeline.Refused), Detail: "This came from another site's page. Open the stall's own page and try there."})
	}))
	mux.Handle("POST /portal/buy", forms.Handler(http.HandlerFunc(p.postBuy)))
	mux.Handle("POST /portal/accept", forms.Handler(http.HandlerFunc(p.postAccept)))
	mux.HandleFunc("GET /c/{code}", p.getCode)
	mux.Handle("POST /c/{code}", forms.Handler(http.HandlerFunc(p.postCode)))
	mux.Handle("POST /api/session", p.carried(c.Next))
	mux.Handle("/", c.Next)
	p.own = web.Secure(mux)
	return p
}

// ServeHTTP answers what is meant for the kit, and what a name server has led here although it was meant for others.
func (p *Portal) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if p.meant(r) {
		p.own.ServeHTTP(rw, r)
		return
	}
	s, ok := p.station(r)
	switch probe, known := captive.Find(r); {
	case !ok: // the kit may have names that it does not know of, in a network that is not its own
		p.own.ServeHTTP(rw, r)
	case known && s.Accepted:
		probe.Connected(rw, r, base(r)+"/")
	case known:
		probe.SignIn(rw, r, base(r)+"/portal")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		wire.Refuse(rw, wire.Problem{Status: http.StatusMisdirectedRequest, Reason: "misdirected", Detail: "There is only this stall's page in this network. Open " + base(r) + "/"})
	case s.Accepted:
		captive.Lead(rw, r, base(r)+"/")
	default:
		captive.Lead(rw, r, base(r)+"/portal")
	}
}

// meant tells whether a request names the kit: by the address that it came to, or by a name of its own.
func (p *Portal) meant(r *http.Request) bool {
	host := captive.Host(r)
	if host == "" || host == "localhost" || slices.Contains(p.Names, host) {
		return true
	}
	named, err := netip.ParseAddr(host)
	return err == nil && (named.IsLoopback() || named.Unmap() == local(r).Addr().Unmap())
}

// local is the kit's end of the connection.
func local(r *http.Request) netip.AddrPort {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if ap, err := netip.ParseAddrPort(a.String()); err == nil {
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		}
	}
	return netip.AddrPort{}
}

// base is the kit's address as the phone has it: with no name in it, which a phone with a name server of its own would not find.
func base(r *http.Request) string {
	a := local(r)
	switch {
	case !a.IsValid():
		return "http://" + r.Host
	case a.Port() == 80 && a.Addr().Is4():
		return "http://" + a.Addr().String()
	case a.Port() == 80:
		return "http://[" + a.Addr().String() + "]"
	}
	return "http://" + a.String()
}

// patience bounds the question whose an address is: a phone waits for the answer.
const patience = 500 * time.Millisecond

func (p *Portal) station(r *http.Request) (Station, bool) {
	from, ok := remote(r)
	if !ok {
		return Station{}, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	return p.Stations.Station(ctx, from)
}

func remote(r *http.Request) (netip.Addr, bool) {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap(), err == nil
}

func address(r *http.Request) string {
	a, _ := remote(r) // where it is none they are all one
	return a.String()
}

// getAPI tells a phone the state of its network (RFC 8908). Where the network is not the kit's own it holds nobody.
func (p *Portal) getAPI(rw http.ResponseWriter, r *http.Request) {
	s, ok := p.station(r)
	captive.API{Captive: ok && !s.Accepted, UserPortal: base(r) + "/portal", VenueInfo: base(r) + "/"}.Answer(rw)
}

// carried begins a browser's session as the visitor whom the same phone's sheet has had, once.
func (p *Portal) carried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, has := p.Shop.Viewer(r); !has {
			if s, ok := p.station(r); ok {
				if viewer, ok := p.visits.carry(s.MAC, s.Since, time.Now()); ok {
					p.become(rw, r, viewer)
				}
			}
		}
		next.ServeHTTP(rw, r)
	})
}

// become makes a request its viewer's, and its browser from now on.
func (p *Portal) become(rw http.ResponseWriter, r *http.Request, viewer string) {
	c := web.Cookie(p.Key.Sign(viewer), r)
	http.SetCookie(rw, c)
	r.AddCookie(c)
}
