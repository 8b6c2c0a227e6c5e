package control

import (
	"encoding/json"
	"errors"
	"net/http"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline/store"
)

// getCode is a new code that sells a live offer once, as a picture for a screen at the counter: GET /code.png?offer=ID.
func (c *Control) getCode(rw http.ResponseWriter, r *http.Request) {
	b, err := c.Codes.Picture(r.URL.Query().Get("offer"))
	if c.refused(rw, err) {
		return
	}
	rw.Header().Set("Content-Type", "image/png")
	rw.Header().Set("Cache-Control", "no-store")
	rw.Write(b) // an error here is the asker's connection gone
}

// postCodePrint prints one.
func (c *Control) postCodePrint(rw http.ResponseWriter, r *http.Request) {
	var want wire.PrintCode
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil {
		refuse(rw, http.StatusBadRequest, "malformed", `expected {"offer"}, the id of one`)
		return
	}
	if !c.refused(rw, c.Codes.Print(r.Context(), want.Offer)) {
		reply(rw, want)
	}
}

// refused answers an error, if there is one.
func (c *Control) refused(rw http.ResponseWriter, err error) bool {
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		refuse(rw, http.StatusNotFound, "unknown-offer", err.Error()+": `edgectl offers list` names those there are")
	case err != nil:
		refuse(rw, http.StatusConflict, "cannot", err.Error())
	}
	return err != nil
}
