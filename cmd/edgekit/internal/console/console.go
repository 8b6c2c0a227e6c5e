// Package console is the operator's side: pairing, the run of show, tickets, devices, and what monitors ask of a kit.
// Nothing of it but its own page, pairing, and the health checks answers to anybody who has not paired.
package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"edgekit.internal/cmd/edgekit/internal/seal"
	"edgekit.internal/cmd/internal/ui"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/store"
	"edgekit.internal/pipeline/trace"
)

// Book is what the console reads and changes.
type Book interface {
	Levels() *pipeline.Levels
	Tickets(ctx context.Context, n int) ([]pipeline.Ticket, error)
	Taken(ctx context.Context) (minor int64, err error)
	SetOffer(ctx context.Context, wish, id string, state pipeline.OfferState, in time.Duration) error
	Stats() store.Stats
}

// Config is what the console is made of.
type Config struct {
	Book    Book
	Devices func() []drivers.Status
	Setup   Setup
	Slip    func(ticket string) ([]byte, error) // a ticket's slip as PNG
	Slips   Slips
	Sell    func(ctx context.Context, id, offer string, choice []string, price int64) pipeline.Outcome // one, to somebody without a page
	Price   http.HandlerFunc                                                                           // what an offer costs with what is chosen in it
	Viewers func() int
	Buttons func() wire.Buttons
	Press   http.Handler // of a wire.PressRequest
	Scans   func() []wire.Scan
	HeldUp  func() *wire.HeldUp
	Push    Push
	Metrics http.Handler // for Prometheus
	Ready   func() error // why the kit cannot sell; nil when it can
	Logs    func(level string, last int) wire.Logs
	Trace   *trace.Ring
	Now     func() time.Duration // kit time
	Key     seal.Key             // of the operators' cookies
	Assets  fs.FS                // the page
	Paired  func(code string)    // told each new pairing code
	Status  func() wire.KitStatus
	System  func() wire.System
	Update  http.Handler // of PUT /api/operator/update; bounds itself
	Camera  Camera
	Once    func(http.Handler) http.Handler // has what is asked for with a key be done once, see package once; nil: nothing is
	Control http.Handler                    // what edgectl asks, below /api/operator/control; bounds itself
	Time    func(time.Time)                 // told the time of each operator's device that has paired; nil: nobody
	// Staff is told each address that a paired device asks from, again until it says that it knows whose it is; nil: nobody is told.
	Staff func(addr string) bool
	// Recordings answers below /recordings; Recording is what becomes of the picture now.
	Recordings http.Handler
	Recording  func() wire.Recording

	Log *slog.Logger
}

// Camera is what can be seen and wished of the camera.
type Camera interface {
	Status() wire.Camera
	Still() []byte // a picture of these seconds, JPEG; nil: there is none yet
	Refocus()      // finds focus and colours anew
	Next()         // goes on with another camera
	Mute(on bool) error
}

// Console serves operators.
type Console struct {
	Config
	pairing *pairing
	over    over
	seen    atomic.Bool
	from    addresses
}

// New makes the console.
func New(c Config) *Console {
	if c.Once == nil {
		c.Once = func(next http.Handler) http.Handler { return next }
	}
	return &Console{Config: c, pairing: newPairing(c.Setup, c.Paired), over: over{ends: map[string]time.Duration{}}}
}

const maxBody = 16 << 10

// Handler routes operators' requests.
func (c *Console) Handler() http.Handler {
	inner := http.NewServeMux()
	inner.HandleFunc("GET /api/operator/state", c.getState)
	inner.HandleFunc("GET /api/operator/events", c.getEvents)
	inner.HandleFunc("PUT /api/operator/offers/{offer...}", c.putOffer)
	inner.HandleFunc("GET /api/operator/price", func(rw http.ResponseWriter, r *http.Request) { c.Price(rw, r) })
	inner.HandleFunc("POST /api/operator/sales", c.postSale)
	inner.HandleFunc("GET /api/operator/tickets/{ticket}/slip.png", c.getSlip)
	inner.HandleFunc("POST /api/operator/tickets/{ticket}/print", c.postAgain)
	inner.HandleFunc("POST /api/operator/test-slip", c.postTest)
	inner.HandleFunc("POST /api/operator/scanner-sheet", c.postSheet)
	inner.HandleFunc("PUT /api/operator/held-slips", c.putHeld)
	inner.HandleFunc("GET /api/operator/traces/{tap}", c.getTrace)
	inner.HandleFunc("POST /api/operator/unpair", c.postUnpair)
	inner.HandleFunc("GET /api/operator/status", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.Status()) })
	inner.HandleFunc("GET /api/operator/update", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.System()) })
	inner.HandleFunc("GET /api/operator/settings", c.getSettings)
	inner.HandleFunc("PUT /api/operator/settings", c.putSettings)
	inner.HandleFunc("GET /api/operator/settings/schema", c.getSchema)
	inner.HandleFunc("GET /api/operator/logs", c.getLogs)
	inner.Handle("POST /api/operator/press", c.Press)
	inner.HandleFunc("GET /api/operator/camera", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.Camera.Status()) })
	inner.HandleFunc("GET /api/operator/camera/still", c.getStill)
	inner.HandleFunc("POST /api/operator/camera/refocus", func(rw http.ResponseWriter, _ *http.Request) {
		c.Camera.Refocus()
		rw.WriteHeader(http.StatusNoContent)
	})
	inner.HandleFunc("POST /api/operator/camera/next", func(rw http.ResponseWriter, _ *http.Request) { c.Camera.Next(); rw.WriteHeader(http.StatusNoContent) })
	inner.Handle("/api/operator/recordings", http.StripPrefix("/api/operator", c.Recordings))
	inner.Handle("/api/operator/recordings/", http.StripPrefix("/api/operator", c.Recordings))
	inner.HandleFunc("POST /api/operator/microphone/mute", c.mute(true))
	inner.HandleFunc("POST /api/operator/microphone/unmute", c.mute(false))
	inner.HandleFunc("POST /api/operator/push", c.postPush)
	inner.HandleFunc("POST /api/operator/restart", c.postRestart)
	inner.HandleFunc("POST /api/operator/setup-slip", c.postSetupSlip)

	outer := http.NewServeMux()
	outer.HandleFunc("POST /api/operator/pair", c.postPair)
	outer.Handle("/api/operator/", c.paired(c.Once(inner)))
	outer.Handle("GET /metrics", c.local(c.Metrics))
	outer.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "ok\n") })
	outer.HandleFunc("GET /readyz", c.getReady)
	outer.HandleFunc("GET /console", c.getPage)
	outer.HandleFunc("GET /console/{$}", c.getPage)
	outer.HandleFunc("GET /console/{file}", c.getPage)
	outer.Handle("GET /{$}", http.RedirectHandler("/console", http.StatusFound))
	all := http.NewServeMux()
	all.Handle("PUT /api/operator/update", c.paired(c.Update))
	all.Handle("/api/operator/control/", c.paired(c.Once(http.StripPrefix("/api/operator/control", c.Control))))
	all.Handle("/", http.MaxBytesHandler(outer, maxBody))
	guard := http.NewCrossOriginProtection().Handler(all)
	policy := ui.Policy("data:", "")
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Security-Policy", policy)
		rw.Header().Set("X-Content-Type-Options", "nosniff")
		rw.Header().Set("Referrer-Policy", "no-referrer")
		guard.ServeHTTP(rw, r)
	})
}

func (c *Console) getReady(rw http.ResponseWriter, _ *http.Request) {
	if err := c.Ready(); err != nil {
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(rw, "ready\n")
}

func (c *Console) mute(on bool) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		if err := c.Camera.Mute(on); err != nil {
			c.Log.Warn("muting does not outlast a restart", "muted", on, "err", err)
		}
		rw.WriteHeader(http.StatusNoContent)
	}
}

func (c *Console) getStill(rw http.ResponseWriter, _ *http.Request) {
	picture := c.Camera.Still()
	if picture == nil {
		refuse(rw, http.StatusNotFound, "not-found", "There is no picture now.")
		return
	}
	rw.Header().Set("Content-Type", "image/jpeg")
	rw.Header().Set("Cache-Control", "no-store")
	rw.Write(picture) // whoever asked may have gone
}

func (c *Console) putOffer(rw http.ResponseWriter, r *http.Request) {
	var want struct {
		ID    wish                `json:"id"`
		State pipeline.OfferState `json:"state"`
		InMS  int64               `json:"in_ms"`
	}
	if !read(rw, r, &want, `{"id":ULID,"state":"live"}, or {"id":ULID,"state":"soon","in_ms":300000}`) {
		return
	}
	if !slices.Contains(pipeline.OfferStates, want.State) {
		refuse(rw, http.StatusBadRequest, "malformed", "There is no such state. Expected hidden, soon, live, over, withdrawn or sold-out.")
		return
	}
	err := c.Book.SetOffer(r.Context(), string(want.ID), r.PathValue("offer"), want.State, wire.Millis(want.InMS))
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "unknown-offer", err.Error())
	case errors.Is(err, store.ErrReused):
		refuse(rw, http.StatusConflict, "reused", err.Error())
	case errors.Is(err, store.ErrCountdown):
		refuse(rw, http.StatusBadRequest, "malformed", err.Error())
	case err != nil:
		c.Log.Warn("offer not changed", "offer", r.PathValue("offer"), "err", err)
		refuse(rw, http.StatusServiceUnavailable, "unavailable", "The kit could not record that. Nothing changed; please try again.")
	default:
		rw.WriteHeader(http.StatusNoContent)
	}
}

func (c *Console) getSlip(rw http.ResponseWriter, r *http.Request) {
	png, err := c.Slip(r.PathValue("ticket"))
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "not-found", err.Error())
		return
	case err != nil:
		c.Log.Warn("slip not drawn", "ticket", r.PathValue("ticket"), "err", err)
		refuse(rw, http.StatusServiceUnavailable, "unavailable", "The kit cannot draw that slip right now. The ticket is safe; please try again.")
		return
	}
	rw.Header().Set("Content-Type", "image/png")
	rw.Header().Set("Cache-Control", "no-cache")
	rw.Write(png)
}

func (c *Console) getTrace(rw http.ResponseWriter, r *http.Request) {
	t, ok := c.Trace.Get(r.PathValue("tap"))
	if !ok {
		refuse(rw, http.StatusNotFound, "not-found", "No trace is kept of that tap: it was too long ago, or before the last start.")
		return
	}
	reply(rw, t)
}

// kinds are the page's files'. The machine's mime tables are not asked: they differ, and no page runs a script that is
// said to be something else.
var kinds = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

func (c *Console) getPage(rw http.ResponseWriter, r *http.Request) {
	name := cmp.Or(r.PathValue("file"), "index.html")
	b, err := fs.ReadFile(c.Assets, name)
	if err != nil {
		http.NotFound(rw, r)
		return
	}
	rw.Header().Set("Content-Type", kinds[path.Ext(name)])
	rw.Header().Set("Cache-Control", "no-cache") // an updated kit's page is not mixed with an old one's
	if name == "index.html" {
		b = ui.Index(b)
	}
	rw.Write(b)
}

// read decodes a request's JSON, or refuses it.
func read(rw http.ResponseWriter, r *http.Request, into any, expected string) bool {
	err := json.NewDecoder(r.Body).Decode(into)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		refuse(rw, http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("Expected at most %d bytes.", maxBody))
	case err != nil:
		refuse(rw, http.StatusBadRequest, "malformed", "Expected "+expected+": "+err.Error())
	}
	return err == nil
}

func reply(rw http.ResponseWriter, v any) { wire.Reply(rw, http.StatusOK, v) }

func refuse(rw http.ResponseWriter, status int, reason, detail string) {
	wire.Refuse(rw, wire.Problem{Status: status, Reason: reason, Detail: detail})
}
