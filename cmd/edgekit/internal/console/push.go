package console

import (
	"net/http"

	"edgekit.internal/cmd/internal/wire"
)

// Push is the stream to viewers elsewhere.
type Push interface {
	Status() *wire.Push // nil: there is no server to send to
	Set(on bool) bool   // false: the same
}

func (c *Console) postPush(rw http.ResponseWriter, r *http.Request) {
	var want wire.PushSwitch
	if !read(rw, r, &want, `{"on":true}`) {
		return
	}
	if !c.Push.Set(want.On) {
		refuse(rw, http.StatusConflict, "no-server", "The kit has no server to send to. Set one in the settings: url, below [push].")
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}
