package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/store"
	"edgekit.internal/pipeline/till"
)

// maxClosings bounds a list of closings.
const maxClosings = 400

// Rolls are the till's.
type Rolls interface {
	Roll(ctx context.Context, n int64) (from, to pipeline.Closing, tickets []pipeline.Ticket, acts []till.Act, err error)
	CloseTill(ctx context.Context, id string) (pipeline.Closing, error)
	Closings(ctx context.Context, n int) ([]pipeline.Closing, error)
}

// RollOf sums up the roll that ended with the n-th closing; 0: since the last.
func RollOf(ctx context.Context, book Rolls, n int64) (wire.Roll, error) {
	from, to, tickets, acts, err := book.Roll(ctx, n)
	roll := wire.Roll{Closing: to.N, Reports: till.Sum(tickets, acts)}
	if from.N > 0 {
		roll.From = &from.Wall
	}
	if to.N > 0 {
		roll.To = &to.Wall
	}
	return roll, err
}

// roll reads the roll that a request names, or refuses.
func (c *Control) roll(rw http.ResponseWriter, r *http.Request) (wire.Roll, bool) {
	n, err := strconv.ParseInt(r.URL.Query().Get("closing"), 10, 64)
	if r.URL.Query().Has("closing") && (err != nil || n < 1) {
		refuse(rw, http.StatusBadRequest, "malformed", "expected closing to be the number of one, from 1")
		return wire.Roll{}, false
	}
	roll, err := RollOf(r.Context(), c.Book, n)
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "not-found", err.Error()+": `edgectl till list` names those there are")
	case err != nil:
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
	default:
		return roll, true
	}
	return wire.Roll{}, false
}

func (c *Control) getTill(rw http.ResponseWriter, r *http.Request) {
	if roll, ok := c.roll(rw, r); ok {
		reply(rw, roll)
	}
}

// getTillCSV is the same as a table, for a spreadsheet.
func (c *Control) getTillCSV(rw http.ResponseWriter, r *http.Request) {
	roll, ok := c.roll(rw, r)
	if !ok {
		return
	}
	var b bytes.Buffer
	err := till.WriteCSV(&b, roll.Reports)
	c.file(rw, roll, "csv", "text/csv; charset=utf-8", b.Bytes(), err)
}

// getTillPDF is the same as a document, for whoever does the books.
func (c *Control) getTillPDF(rw http.ResponseWriter, r *http.Request) {
	if roll, ok := c.roll(rw, r); ok {
		b, err := c.RollPDF(roll)
		c.file(rw, roll, "pdf", "application/pdf", b, err)
	}
}

func (c *Control) file(rw http.ResponseWriter, roll wire.Roll, ext, kind string, b []byte, err error) {
	if err != nil {
		refuse(rw, http.StatusInternalServerError, "unavailable", err.Error())
		return
	}
	name := "till." + ext
	if roll.Closing > 0 {
		name = fmt.Sprintf("till-%d.%s", roll.Closing, ext)
	}
	rw.Header().Set("Content-Type", kind)
	rw.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	rw.Header().Set("Cache-Control", "no-store")
	rw.Write(b) // an error here is the asker's connection gone
}

func (c *Control) postTillClose(rw http.ResponseWriter, r *http.Request) {
	var want wire.CloseTill
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil || !pipeline.ValidTapID(want.ID) {
		refuse(rw, http.StatusBadRequest, "malformed", `expected {"id"}, a ULID`)
		return
	}
	out, err := c.Book.CloseTill(r.Context(), want.ID)
	if err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	reply(rw, closing(out))
}

func (c *Control) getClosings(rw http.ResponseWriter, r *http.Request) {
	all, err := c.Book.Closings(r.Context(), maxClosings)
	if err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	list := make([]wire.Closing, len(all))
	for i, one := range all {
		list[i] = closing(one)
	}
	reply(rw, list)
}

func closing(c pipeline.Closing) wire.Closing {
	w := wire.Closing{Closing: c.N, At: c.Wall}
	if c.Ticket > 0 {
		w.Ticket = pipeline.TicketNumber(c.Ticket)
	}
	return w
}

func (c *Control) postTillPrint(rw http.ResponseWriter, r *http.Request) {
	var want wire.PrintRoll
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil || want.Closing < 0 {
		refuse(rw, http.StatusBadRequest, "malformed", `expected {"closing"}, its number, or 0 for what is not closed yet`)
		return
	}
	err := c.PrintRoll(r.Context(), want.Closing)
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "not-found", err.Error())
	case err != nil:
		refuse(rw, http.StatusConflict, "cannot", err.Error())
	default:
		reply(rw, want)
	}
}
