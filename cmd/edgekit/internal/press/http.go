package press

import (
	"encoding/json"
	"errors"
	"net/http"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// Buttons is all there is to say of them.
func (d *Desk) Buttons() wire.Buttons {
	return wire.Buttons{Buttons: d.Bound(), Presses: d.Recent(), Lights: d.Showing(), Help: d.Help()}
}

// Handler answers POST of a wire.PressRequest with a wire.Press, done or not, or with a wire.Problem where none came about. Who
// mounts it bounds the body.
func (d *Desk) Handler(via pipeline.Channel) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		refuse := func(status int, reason, why string) {
			wire.Refuse(rw, wire.Problem{Status: status, Reason: reason, Detail: why})
		}
		var in wire.PressRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			refuse(http.StatusBadRequest, "malformed", `Expected {"id":ULID,"button":"start-drop","gesture":"short"}: `+err.Error())
			return
		}
		out, err := d.Press(r.Context(), in, via)
		var unknown Unknown
		switch {
		case errors.As(err, &unknown):
			refuse(http.StatusBadRequest, "malformed", err.Error())
		case err != nil:
			refuse(http.StatusServiceUnavailable, "unavailable", "The kit is busy. Send the same press again.")
		default:
			wire.Reply(rw, http.StatusOK, out)
		}
	})
}
