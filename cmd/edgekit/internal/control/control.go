// Package control answers edgectl on the kit's own machine, over the socket control.sock in the data folder. Whoever may
// open that socket (mode 0600) owns the kit's data anyway, so nothing here asks for a pairing code.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/catalog"
	"edgekit.internal/pipeline/store"
)

// Socket is the control socket's name in the data folder. The running daemon makes it, and replaces one that a crash left.
const Socket = "control.sock"

// Book is what is listed and changed.
type Book interface {
	Levels() *pipeline.Levels
	Tickets(ctx context.Context, n int) ([]pipeline.Ticket, error)
	SetOffer(ctx context.Context, wish, id string, state pipeline.OfferState, in time.Duration) error
	ImportOver(ctx context.Context, now, c *pipeline.Catalogue, digest []byte) (bool, error)
	Correct(ctx context.Context, c pipeline.Correction) (pipeline.CorrectionOutcome, error)
	Corrections(ctx context.Context, n int) ([]pipeline.CorrectionOutcome, error)
	Ticket(ctx context.Context, number string) (pipeline.Ticket, bool, error)
	Serve(ctx context.Context, a pipeline.CounterAct) (pipeline.CounterOutcome, error)
	Served(ctx context.Context, ticket string) ([]pipeline.CounterOutcome, error)
	Rolls
	Door
}

// Codes sell a live offer once each, to whoever scans one first. Errors are store.ErrUnknown where there is no such offer, else for people.
type Codes interface {
	Picture(offer string) (png []byte, err error)
	Print(ctx context.Context, offer string) error
}

// Control serves the control socket. All fields are needed.
type Control struct {
	Book    Book
	Import  func() catalog.Options // what the settings say of catalogues
	Status  func() wire.KitStatus
	Health  func(ctx context.Context) wire.Health
	System  func() wire.System
	Update  http.Handler // of PUT /update
	Wifi    http.Handler // of what is below /wifi: see wire.WifiSocket
	Press   http.Handler // of a wire.PressRequest
	Buttons func() wire.Buttons
	Now     func() time.Duration // kit time
	Setup   Setup
	Log     Log
	// Crashes are what programs of the kit left when they crashed, newest first.
	Crashes func() []wire.CrashReport
	// Photo looks for a slip's code in a picture, JPEG or PNG, as if the scanner had read it. The error is for people.
	Photo func(ctx context.Context, picture io.Reader) (wire.Scan, error)
	// Forget has nothing show guests any more whose list is deleted.
	Forget func()
	Codes  Codes
	// Pictures are those of things for sale.
	Pictures Pictures
	// Payments lists what a checkout said was paid; Paid takes its word.
	Payments http.HandlerFunc
	Paid     http.Handler
	// PrintRoll prints a till roll, as RollOf names it. The error is for people.
	PrintRoll func(ctx context.Context, closing int64) error
	// RollPDF writes one as a document.
	RollPDF func(wire.Roll) ([]byte, error)
	// Recordings answers below /recordings.
	Recordings http.Handler
}

// maxPath is the longest a socket's path may be (unix(7): sun_path and its closing zero).
const maxPath = 107

// Listen makes the control socket in a data folder.
func Listen(dir string) (net.Listener, error) {
	path := filepath.Join(dir, Socket)
	if len(path) > maxPath {
		return nil, fmt.Errorf("control: %s has %d bytes: expected at most %d; name the folder by a shorter path", path, len(path), maxPath)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("control: %s answers already: another edgekit runs on this folder", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("control: %w", err)
	}
	return l, nil
}

// maxTickets bounds a list of tickets: more than any market day sells.
const maxTickets = 100_000

// Handler routes edgectl's requests.
func (c *Control) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.Status()) })
	mux.HandleFunc("GET /stock", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.stock()) })
	mux.HandleFunc("POST /stock", c.postStock)
	mux.HandleFunc("GET /stock/corrections", c.getCorrections)
	mux.HandleFunc("GET /offers", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.offers()) })
	mux.HandleFunc("PUT /offers/{offer...}", c.putOffer)
	mux.HandleFunc("GET /tickets", c.getTickets)
	mux.HandleFunc("GET /tickets/{ticket}", c.getTicket)
	mux.HandleFunc("POST /counter", c.postCounter)
	mux.HandleFunc("GET /waits", c.getWaits)
	mux.HandleFunc("GET /guests", c.getGuests)
	mux.HandleFunc("GET /guests.csv", c.getGuestsCSV)
	mux.HandleFunc("POST /guests", c.postGuests)
	mux.HandleFunc("DELETE /guests", c.deleteGuests)
	mux.HandleFunc("POST /door", c.postDoor)
	mux.HandleFunc("POST /photo", c.postPhoto)
	mux.HandleFunc("GET /code.png", c.getCode)
	mux.HandleFunc("POST /code/print", c.postCodePrint)
	mux.HandleFunc("GET /payments", c.Payments)
	mux.Handle("POST /payments", c.Paid) // bounds itself
	mux.HandleFunc("GET /till", c.getTill)
	mux.HandleFunc("GET /till.csv", c.getTillCSV)
	mux.HandleFunc("GET /till.pdf", c.getTillPDF)
	mux.HandleFunc("GET /till/closings", c.getClosings)
	mux.HandleFunc("POST /till/close", c.postTillClose)
	mux.HandleFunc("POST /till/print", c.postTillPrint)
	mux.HandleFunc("POST /catalog", c.postCatalog)
	mux.HandleFunc("POST /pictures", c.postPicture)
	mux.HandleFunc("PUT /pictures", c.putPicture)
	mux.HandleFunc("DELETE /pictures", c.deletePicture)
	mux.HandleFunc("GET /buttons", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.Buttons()) })
	mux.Handle("POST /press", c.Press)
	mux.HandleFunc("GET /logs", c.getLogs)
	mux.HandleFunc("GET /crashes", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.Crashes()) })
	mux.HandleFunc("GET /settings", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.Setup.Settings()) })
	mux.HandleFunc("PUT /settings", c.putSettings)
	mux.HandleFunc("POST /setup-slip", c.postSetupSlip)
	mux.HandleFunc("GET /health", func(rw http.ResponseWriter, r *http.Request) { reply(rw, c.Health(r.Context())) })
	mux.HandleFunc("GET /update", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.System()) })
	mux.Handle("/recordings", c.Recordings)
	mux.Handle("/recordings/", c.Recordings)
	all := http.NewServeMux()
	all.Handle("PUT /update", c.Update) // bounds itself
	all.Handle("/wifi/", http.StripPrefix("/wifi", c.Wifi))
	all.Handle("/", http.MaxBytesHandler(mux, catalog.MaxBytes+1))
	return all
}

func (c *Control) offers() []wire.OfferLevel {
	l := c.Book.Levels()
	list := make([]wire.OfferLevel, len(l.Catalogue.Offers))
	now := c.Now()
	for i := range l.Catalogue.Offers {
		o := l.At(i, now)
		list[i] = wire.OfferLevel{ID: o.ID, Title: o.Title, Price: o.Price, State: string(l.StateAt(o.ID, now)), Left: l.Left(o.ID), Sold: l.Offers[i].Sold, Waiting: l.Offers[i].Waiting, Kept: l.Offers[i].Kept}
	}
	return list
}

func (c *Control) getTickets(rw http.ResponseWriter, r *http.Request) {
	ts, err := c.Book.Tickets(r.Context(), maxTickets)
	if err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	list := make([]wire.Sale, len(ts))
	for i, t := range ts {
		list[i] = wire.Sale{Ticket: t.Number, Tap: t.Tap, Offer: t.Offer, State: t.Print.String(), Total: t.Total.Minor, Fulfilment: t.State(), Owed: t.Owed()}
	}
	slices.Reverse(list) // oldest first, as on paper
	reply(rw, list)
}

func (c *Control) putOffer(rw http.ResponseWriter, r *http.Request) {
	var want wire.OfferState
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil || want.ID != "" && !pipeline.ValidTapID(want.ID) || !slices.Contains(pipeline.OfferStates, pipeline.OfferState(want.State)) {
		refuse(rw, http.StatusBadRequest, "malformed", fmt.Sprintf(`expected {"id", a ULID, "state", "in_ms"}: there is no state %q: expected hidden, soon, live, over, withdrawn or sold-out`, want.State))
		return
	}
	err := c.Book.SetOffer(r.Context(), want.ID, r.PathValue("offer"), pipeline.OfferState(want.State), wire.Millis(want.InMS))
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "unknown-offer", err.Error()+": `edgectl offers list` names those there are")
	case errors.Is(err, store.ErrReused):
		refuse(rw, http.StatusConflict, "reused", err.Error())
	case errors.Is(err, store.ErrCountdown):
		refuse(rw, http.StatusBadRequest, "malformed", err.Error())
	case err != nil:
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
	default:
		reply(rw, want)
	}
}

// maxChanges bounds a list of changes: nobody reads more.
const maxChanges = 1000

// postCatalog imports a catalogue, all or nothing; with ?dry-run it only says what that would change. ?name is the file's, for messages;
// ?location the place whose stock counts, in a table with several.
func (c *Control) postCatalog(rw http.ResponseWriter, r *http.Request) {
	doc, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(rw, http.StatusRequestEntityTooLarge, "too-large", err.Error())
		return
	}
	q := r.URL.Query()
	opt := c.Import()
	opt.Location = q.Get("location")
	for {
		now := c.Book.Levels().Catalogue
		in, err := catalog.Read(q.Get("name"), doc, now, opt)
		if err != nil {
			refuse(rw, http.StatusBadRequest, "malformed", err.Error())
			return
		}
		changes := catalog.Changes(now, in.Catalogue)
		out := wire.Imported{SKUs: len(in.Catalogue.SKUs), Offers: len(in.Catalogue.Offers), DryRun: q.Has("dry-run"), Form: in.Form, Encoding: in.Encoding, Passed: in.Passed,
			Changes: changes[:min(len(changes), maxChanges)], Count: catalog.Count(changes)}
		if !out.DryRun {
			out.Changed, err = c.Book.ImportOver(r.Context(), now, in.Catalogue, in.Digest)
		}
		switch {
		case errors.Is(err, store.ErrOvertaken):
			continue
		case err != nil:
			refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		default:
			reply(rw, out)
		}
		return
	}
}

func reply(rw http.ResponseWriter, v any) { wire.Reply(rw, http.StatusOK, v) }

func refuse(rw http.ResponseWriter, status int, reason, detail string) {
	wire.Refuse(rw, wire.Problem{Status: status, Reason: reason, Detail: detail})
}
