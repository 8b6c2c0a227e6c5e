package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/catalog"
	"edgekit.internal/pipeline/store"
)

// Door is the list of a ticketed event's guests, and who came in.
type Door interface {
	Door(ctx context.Context, a pipeline.DoorAct) (pipeline.DoorOutcome, error)
	Guests(ctx context.Context, text string, n int) (pipeline.Door, []pipeline.Guest, error)
	ImportGuests(ctx context.Context, list []pipeline.Guest, look bool) (added, changed, gone int, err error)
	ForgetGuests(ctx context.Context) error
}

// maxShown bounds the guests that are listed: more are found by more of a name.
const maxShown = 50

func (c *Control) getGuests(rw http.ResponseWriter, r *http.Request) {
	d, list, err := c.Book.Guests(r.Context(), r.URL.Query().Get("find"), maxShown)
	if err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	out := wire.Guests{Listed: d.Listed, In: d.In, WalkIns: d.WalkIns, Guests: []wire.Guest{}}
	for _, g := range list {
		out.Guests = append(out.Guests, wire.FromGuest(g))
	}
	reply(rw, out)
}

func (c *Control) getGuestsCSV(rw http.ResponseWriter, r *http.Request) {
	_, list, err := c.Book.Guests(r.Context(), "", 2*pipeline.MaxGuests)
	var b bytes.Buffer
	if err == nil {
		err = catalog.WriteGuests(&b, list)
	}
	if err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	rw.Header().Set("Content-Type", "text/csv; charset=utf-8")
	rw.Header().Set("Content-Disposition", `attachment; filename="guests.csv"`)
	rw.Header().Set("Cache-Control", "no-store")
	rw.Write(b.Bytes()) // an error here is the asker's connection gone
}

func (c *Control) postGuests(rw http.ResponseWriter, r *http.Request) {
	doc, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(rw, http.StatusRequestEntityTooLarge, "too-large", err.Error())
		return
	}
	list, form, err := catalog.Guests(r.URL.Query().Get("name"), doc)
	if err != nil {
		refuse(rw, http.StatusBadRequest, "malformed", err.Error())
		return
	}
	out := wire.GuestsImported{Form: form, Guests: len(list), DryRun: r.URL.Query().Has("dry-run")}
	if out.New, out.Changed, out.Gone, err = c.Book.ImportGuests(r.Context(), list, out.DryRun); err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	reply(rw, out)
}

func (c *Control) deleteGuests(rw http.ResponseWriter, r *http.Request) {
	if err := c.Book.ForgetGuests(r.Context()); err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	c.Forget()
	reply(rw, wire.Guests{Guests: []wire.Guest{}})
}

func (c *Control) postDoor(rw http.ResponseWriter, r *http.Request) {
	var want wire.AtDoor
	err := json.NewDecoder(r.Body).Decode(&want)
	in := pipeline.DoorAct{ID: want.ID, Do: pipeline.CheckInAction(want.Do), Guest: want.Guest, Code: want.Code, Name: want.Name, Kind: want.Kind, Via: pipeline.ViaConsole}
	if err != nil || !in.Valid() {
		refuse(rw, http.StatusBadRequest, "malformed", fmt.Sprintf(`expected {"id", a ULID, "do", one of %q}; with in and out either "guest", a number, or "code"; with walk-in "name" and "kind" if they are known, of at most %d characters`, pipeline.CheckInActions, pipeline.MaxGuestName))
		return
	}
	out, err := c.Book.Door(r.Context(), in)
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "not-found", "There is no such guest on the list: let nobody in by that.")
	case err != nil:
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
	default:
		reply(rw, wire.DoorSaid{OK: out.OK(), Detail: out.Details, Guest: wire.FromGuest(out.Who)})
	}
}
