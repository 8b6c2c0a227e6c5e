// Package web is all that visitors can reach: the page, its API, the signals on the data channel, and links that sell.
// Everything it is sent is bounded before it is read, and refused with a reason.
package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"edgekit.internal/capture/fanout"
	"edgekit.internal/cmd/edgekit/internal/seal"
	"edgekit.internal/cmd/internal/ui"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// Bounds of what visitors may send.
const (
	maxBody = 16 << 10
	// maxSSE bounds the event streams of one viewer (a few tabs), maxSinks those of all and the data channels.
	maxSSE   = 4
	maxSinks = 2000
	// maxTabs bounds the pictures of one viewer, maxPlayers those of all players without a session.
	maxTabs    = 4
	maxPlayers = 200
)

// TokenLife is how long a prompt's token can be used. Pages ask for new ones at half of it.
const TokenLife = 2 * time.Minute

// Book is what the pages read and write beside taps.
type Book interface {
	Levels() *pipeline.Levels
	Consent(viewer string) (pipeline.Consent, bool)
	SetConsent(ctx context.Context, viewer string, version int, choice string) (pipeline.Consent, error)
	TicketsOf(ctx context.Context, viewer string, n int) ([]pipeline.Ticket, error)
	ToHandOver(ctx context.Context, after time.Duration, n int) ([]pipeline.Ticket, error)
	// Place is a viewer's in the line for an offer, and Lines tells whether there are any.
	Place(viewer, offer string) (pipeline.Place, bool)
	Lines() bool
	Leave(ctx context.Context, viewer, offer string) error
	// Burned tells whether a token was used, as far as is known.
	Burned(ctx context.Context, nonce [8]byte) bool
}

// Mint makes tokens.
type Mint interface {
	Page(viewer, offer string, terms uint32, now, life time.Duration) string
	Link(offer string, terms uint32, now, life time.Duration) string
}

// Pay is where tickets are paid elsewhere. It answers a checkout's word.
type Pay interface {
	http.Handler
	Links(ctx context.Context, viewer string, tickets []pipeline.Ticket) map[string]*wire.PayLink
}

// Config is what the visitors' side is made of. All fields are needed.
type Config struct {
	Sale   *pipeline.Sale
	Book   Book
	Mint   Mint
	Now    func() time.Duration // kit time
	Key    seal.Key             // of the visitors' cookies
	Assets fs.FS                // the page
	Still  func() []byte        // the latest picture as JPEG; nil when there is none
	Log    *slog.Logger
	Pay    Pay // where tickets are paid elsewhere; nil: nowhere
	// Pictures answers below /pictures/, and PictureOf says where there the picture of a SKU is, "": it has none; nil: there are none.
	Pictures  http.Handler
	PictureOf func(sku string) string
	// Recording tells whether the picture is being recorded, which whoever may be in it or be heard has to know.
	Recording func() bool
}

// Web serves visitors. Handler is the root of their listener; Run pushes what changes to their pages.
type Web struct {
	Config
	hub      *hub
	acts     acts
	sessions *pipeline.Limiter // new sessions, by address
	messages *pipeline.Limiter // of any kind but taps, by viewer
	stills   *pipeline.Limiter // of those without a session, by address
	wake     chan struct{}
	board    board
	choices  choices
}

// New makes the visitors' side.
func New(c Config) *Web {
	if c.PictureOf == nil {
		c.Pictures, c.PictureOf = http.NotFoundHandler(), func(string) string { return "" }
	}
	return &Web{Config: c, hub: newHub(), acts: acts{at: map[string]act{}}, wake: make(chan struct{}, 1),
		// A venue of 500 phones behind one address must pass; a flood must not.
		sessions: pipeline.NewLimiter(50, 1000, 4096),
		messages: pipeline.NewLimiter(20, 60, 8192),
		stills:   pipeline.NewLimiter(100, 500, 4096),
	}
}

// Dropped counts the messages that pages were too slow for.
func (w *Web) Dropped() int64 { return w.hub.drops.Load() }

// Handler routes visitors' requests. media answers WHEP.
func (w *Web) Handler(media http.Handler) (http.Handler, error) {
	page, err := newAssets(w.Assets)
	if err != nil {
		return nil, err
	}
	api := http.NewServeMux()
	api.HandleFunc("POST /api/session", w.postSession)
	api.HandleFunc("PUT /api/consent", w.putConsent)
	api.HandleFunc("GET /api/offers", w.getOffers)
	api.HandleFunc("GET /api/price", w.getPrice)
	api.HandleFunc("POST /api/taps", w.postTap)
	api.HandleFunc("DELETE /api/line/{offer...}", w.deleteLine)
	api.HandleFunc("GET /api/events", w.getEvents)
	api.HandleFunc("GET /api/tickets", w.getTickets)
	api.HandleFunc("GET /api/tickets/{ticket}", w.getTicket)
	api.HandleFunc("GET /api/still", w.getStill)
	api.HandleFunc("GET /api/board", w.board.get(w))
	api.HandleFunc("GET /api/me", w.getMe)
	api.HandleFunc("POST /api/stay", w.postStay)
	for _, at := range []string{"/t/{token}", "/T/{token}"} { // a QR code has room for capitals
		api.HandleFunc("GET "+at, w.getLink)
		api.HandleFunc("POST "+at, w.postLink)
	}
	api.Handle("GET /pictures/{name}", w.Pictures)
	api.Handle("GET /", page)

	root := http.NewServeMux()
	if w.Pay != nil {
		root.Handle("POST /api/payments", w.Pay) // of another machine, which signs what it says; bounds itself
	}
	root.Handle("/whep", media) // open to players on other origins, as the draft wants
	root.Handle("/whep/", media)
	// Everything else that changes something answers to this kit's own pages only.
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		problem(rw, pipeline.Refused, "This came from another site's page. Open the stall's own page and try there.", "", 0)
	}))
	root.Handle("/", own.Handler(http.MaxBytesHandler(api, maxBody)))
	return Secure(w.looks(root)), nil
}

// looks notes who asks.
func (w *Web) looks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.acts.note(address(r), time.Now(), false)
		next.ServeHTTP(rw, r)
	})
}

// Secure sets the headers that keep a page what it is (OWASP Secure Headers).
func Secure(next http.Handler) http.Handler {
	policy := ui.Policy("blob: data:", "blob:")
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(rw, r)
	})
}

// Sound tells the pages whether there is something to hear: one of wire's words for it.
func (w *Web) Sound(is string) {
	if !w.hub.setSound(is) {
		return
	}
	msg := encode(wire.Sound{Type: wire.TypeSound, Is: is})
	w.hub.each(func(s *sink) { s.push(wire.TypeSound, msg) })
}

// Attach makes the options of a player's connection: one that comes from a page with a session has its signals.
func (w *Web) Attach(_ http.ResponseWriter, r *http.Request) (fanout.Options, bool) {
	viewer, ok := w.Viewer(r)
	if !ok {
		return fanout.Options{Places: maxPlayers, From: address(r)}, true
	}
	c := &channel{web: w, viewer: viewer, from: address(r), accept: accepts(r)}
	// A page of ours begins without sound, as browsers want it, and asks for it by wire.TypeSound. Other players get it as they come.
	return fanout.Options{Silent: r.URL.Query().Get("sound") == "ask", Owner: viewer, Places: maxTabs, From: c.from, OnChannel: c.opened, OnMessage: c.message, OnClose: c.closed}, true
}

func (w *Web) getStill(rw http.ResponseWriter, r *http.Request) {
	limit, who := w.stills, address(r)
	if v, ok := w.Viewer(r); ok {
		limit, who = w.messages, v
	}
	if ok, retry := limit.Allow(who, time.Now()); !ok {
		problem(rw, pipeline.RateLimited, "Please wait a moment.", "", retry)
		return
	}
	jpeg := w.Still()
	if jpeg == nil {
		problem(rw, pipeline.Unavailable, "There is no picture yet.", "", time.Second)
		return
	}
	rw.Header().Set("Content-Type", "image/jpeg")
	rw.Header().Set("Cache-Control", "no-store")
	rw.Write(jpeg)
}
