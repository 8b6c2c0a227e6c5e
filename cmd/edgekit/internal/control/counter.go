package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/fulfil"
	"edgekit.internal/pipeline/store"
)

// maxWaits bounds the tickets that waiting times are of: a market day's.
const maxWaits = 10_000

// postCounter does something with a ticket, once for each id. What is refused is answered too, with OK false.
func (c *Control) postCounter(rw http.ResponseWriter, r *http.Request) {
	var want wire.Serve
	err := json.NewDecoder(r.Body).Decode(&want)
	in := pipeline.CounterAct{ID: want.ID, Ticket: want.Ticket, Do: pipeline.CounterAction(want.Do), Pieces: want.Pieces, Payment: pipeline.Payment(want.Payment), Amount: want.Amount,
		Restock: want.Restock, For: want.For, Choice: want.Choice, Note: want.Note, Via: pipeline.ViaConsole}
	if err != nil || !in.Valid() {
		refuse(rw, http.StatusBadRequest, "malformed", fmt.Sprintf(`expected {"id", a ULID, "ticket", such as "A-001", "do", one of %q}; with hand-over, void and take-back "pieces" of each line; with them and pay "payment", one of %q; with pay "amount"; with void and take-back "restock", and "for" an offer, with "choice" of its SKUs if it leaves one`, pipeline.CounterActions, pipeline.Payments))
		return
	}
	out, err := c.Book.Serve(r.Context(), in)
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "not-found", err.Error()+": `edgectl tickets list` names those there are")
	case err != nil:
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
	default:
		reply(rw, wire.FromCounter(out))
	}
}

// postPhoto finds the ticket of a slip that was photographed.
func (c *Control) postPhoto(rw http.ResponseWriter, r *http.Request) {
	s, err := c.Photo(r.Context(), r.Body)
	if err != nil {
		refuse(rw, http.StatusBadRequest, "malformed", err.Error())
		return
	}
	reply(rw, s)
}

func (c *Control) getTicket(rw http.ResponseWriter, r *http.Request) {
	t, ok, err := c.Book.Ticket(r.Context(), r.PathValue("ticket"))
	var acts []pipeline.CounterOutcome
	if err == nil && ok {
		acts, err = c.Book.Served(r.Context(), t.Number)
	}
	switch {
	case err != nil:
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
	case !ok:
		refuse(rw, http.StatusNotFound, "not-found", fmt.Sprintf("there is no ticket %.20q: `edgectl tickets list` names those there are", r.PathValue("ticket")))
	default:
		reply(rw, wire.FromTicket(t, acts))
	}
}

// getWaits tells how long buyers waited, of the latest tickets.
func (c *Control) getWaits(rw http.ResponseWriter, r *http.Request) {
	ts, err := c.Book.Tickets(r.Context(), maxWaits)
	if err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	w := fulfil.WaitsOf(ts)
	out := wire.Waits{Printed: wait(w.Printed), Ready: wait(w.Ready), Handed: wait(w.Handed), Open: w.Open}
	if len(ts) > 0 {
		out.Since = slices.MinFunc(ts, func(a, b pipeline.Ticket) int { return int(a.N - b.N) }).Wall
	}
	reply(rw, out)
}

func wait(w fulfil.Wait) wire.Wait {
	s := func(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
	return wire.Wait{N: w.N, Median: s(w.Median), P90: s(w.P90), Most: s(w.Most)}
}
