package console

import (
	"context"
	"errors"
	"net/http"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/store"
)

// Slips are what an operator decides about paper.
type Slips interface {
	// Held is how many slips are so old that they wait for a decision.
	Held(ctx context.Context) (int, error)
	// DecideHeld has those printed, or never. A wish is once what it is, here and below: see store.SetOffer.
	DecideHeld(ctx context.Context, wish string, print bool) error
	// Again prints a ticket's slip once more, marked as a possible copy. It is store.ErrUnknown where there is no such ticket.
	Again(ctx context.Context, wish, ticket string) error
	// Test prints a test page. Told: it cannot, for a reason that people understand.
	Test(ctx context.Context) error
	// Sheet expects the sheet that teaches a scanner for a while, and prints it if it is to. Told: it cannot, for a reason that people
	// understand.
	Sheet(ctx context.Context, print bool) (wire.ScannerSheet, error)
}

func (c *Console) putHeld(rw http.ResponseWriter, r *http.Request) {
	var want struct {
		ID    wish  `json:"id"`
		Print *bool `json:"print"`
	}
	if !read(rw, r, &want, `{"print":true}`) {
		return
	}
	if want.Print == nil {
		refuse(rw, http.StatusBadRequest, "malformed", `Expected {"id":ULID,"print":true} or {"id":ULID,"print":false}.`)
		return
	}
	c.noted(rw, c.Slips.DecideHeld(r.Context(), string(want.ID), *want.Print))
}

func (c *Console) postAgain(rw http.ResponseWriter, r *http.Request) {
	var want struct {
		ID wish `json:"id"`
	}
	if r.ContentLength != 0 && !read(rw, r, &want, `{"id":ULID}`) {
		return
	}
	c.noted(rw, c.Slips.Again(r.Context(), string(want.ID), r.PathValue("ticket")))
}

// wish is the id of something that is wished once: a ULID, or nothing from those who never ask twice.
type wish string

// UnmarshalText refuses what is none.
func (w *wish) UnmarshalText(text []byte) error {
	if *w = wish(text); *w != "" && !pipeline.ValidTapID(string(*w)) {
		return errors.New("the id must be a ULID: 26 characters of 0-9 and A-Z without I, L, O, U")
	}
	return nil
}

func (c *Console) postTest(rw http.ResponseWriter, r *http.Request) {
	c.printed(rw, "test page", c.Slips.Test(r.Context()))
}

func (c *Console) postSheet(rw http.ResponseWriter, r *http.Request) {
	var want struct {
		Print bool `json:"print"`
	}
	if !read(rw, r, &want, `{"print":true}`) {
		return
	}
	sheet, err := c.Slips.Sheet(r.Context(), want.Print)
	switch {
	case errors.As(err, new(Told)):
		refuse(rw, http.StatusConflict, "cannot", err.Error())
	case err != nil:
		c.printed(rw, "scanner's sheet", err)
	default:
		reply(rw, sheet)
	}
}

// printed answers when a slip that somebody stands waiting for is out.
func (c *Console) printed(rw http.ResponseWriter, what string, err error) {
	switch {
	case errors.As(err, new(Told)):
		refuse(rw, http.StatusConflict, "no-printer", err.Error())
	case err != nil:
		c.Log.Warn("not printed", "slip", what, "err", err)
		refuse(rw, http.StatusServiceUnavailable, "unavailable", "The "+what+" could not be printed right now. Look at the printer, and try again.")
	default:
		rw.WriteHeader(http.StatusNoContent)
	}
}

// noted answers when the book has noted a decision: the printer takes its time.
func (c *Console) noted(rw http.ResponseWriter, err error) {
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "not-found", err.Error())
	case errors.Is(err, store.ErrVoid):
		refuse(rw, http.StatusConflict, "void", "That ticket is void: it gets no slip.")
	case errors.Is(err, store.ErrReused):
		refuse(rw, http.StatusConflict, "reused", err.Error())
	case err != nil:
		c.Log.Warn("decision about slips not recorded", "err", err)
		refuse(rw, http.StatusServiceUnavailable, "unavailable", "The kit could not record that. Nothing changed; please try again.")
	default:
		rw.WriteHeader(http.StatusNoContent)
	}
}
