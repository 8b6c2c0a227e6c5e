package control

import (
	"context"
	"io"
	"net/http"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
)

// Setup is the kit's set-up.
type Setup interface {
	Settings() wire.Settings
	Save(text []byte) (problems settings.Problems, onCard, err error)
	PrintSetup(ctx context.Context) error
}

// putSettings takes a whole file, or answers with all that is wrong with it. ?name is the file's, for messages.
func (c *Control) putSettings(rw http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(rw, http.StatusRequestEntityTooLarge, "too-large", err.Error())
		return
	}
	problems, onCard, err := c.Setup.Save(text)
	switch {
	case err != nil:
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
	case len(problems) > 0:
		refuse(rw, http.StatusBadRequest, "malformed", problems.In(r.URL.Query().Get("name")).Error())
	case onCard != nil:
		reply(rw, wire.SettingsSaved{Saved: true, Note: "kept, but the card's boot partition could not be written; they hold from the next start"})
	default:
		reply(rw, wire.SettingsSaved{Saved: true, Note: "kept; they hold from the next start"})
	}
}

func (c *Control) postSetupSlip(rw http.ResponseWriter, r *http.Request) {
	if err := c.Setup.PrintSetup(r.Context()); err != nil {
		refuse(rw, http.StatusConflict, "no-printer", err.Error())
		return
	}
	reply(rw, wire.Printed{Slip: "setup"})
}
