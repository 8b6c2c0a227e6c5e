package console

import (
	"context"
	"encoding/json"
	"net/http"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
)

// Setup is the kit's set-up, as operators see and change it.
type Setup interface {
	Codes
	Settings() wire.Settings
	// Save checks a text and keeps it for the next start. onCard is why the boot partition does not have it.
	Save(text []byte) (problems settings.Problems, onCard, err error)
	Restart()
	// PrintSetup prints the set-up slip once more. Told: it cannot, for a reason that people understand.
	PrintSetup(ctx context.Context) error
}

// Told is an error whose text is for people.
type Told string

// Error is the text.
func (t Told) Error() string { return string(t) }

func (c *Console) getSettings(rw http.ResponseWriter, _ *http.Request) { reply(rw, c.Setup.Settings()) }

func (c *Console) getSchema(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/schema+json")
	rw.Write(settings.Schema())
}

// putSettings takes a text whole, or refuses it with all that is wrong with it. A request is bounded by maxBody: a file on
// the card may be longer, which nobody types.
func (c *Console) putSettings(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Text *string `json:"text"`
	}
	if !read(rw, r, &in, `{"text":"…"}`) {
		return
	}
	if in.Text == nil {
		refuse(rw, http.StatusBadRequest, "malformed", `Expected {"text":"…"}.`)
		return
	}
	problems, onCard, err := c.Setup.Save([]byte(*in.Text))
	switch {
	case err != nil:
		c.Log.Warn("settings not kept", "err", err)
		refuse(rw, http.StatusServiceUnavailable, "unavailable", "The kit could not keep that. The settings are as they were; please try again.")
	case len(problems) > 0:
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusUnprocessableEntity)
		json.NewEncoder(rw).Encode(wire.SettingsSaved{Note: "Not saved. The kit goes on with the settings it has.", Problems: problems})
	case onCard != nil:
		c.Log.Warn("the card does not have the settings that were saved", "err", onCard)
		reply(rw, wire.SettingsSaved{Saved: true, Note: "Saved on the kit, but the file on the card's boot partition could not be written. They hold from the next start."})
	default:
		c.Log.Info("settings saved")
		reply(rw, wire.SettingsSaved{Saved: true, Note: "Saved. They hold from the next start."})
	}
}

func (c *Console) postRestart(rw http.ResponseWriter, _ *http.Request) {
	c.Log.Info("an operator restarts the kit")
	rw.WriteHeader(http.StatusAccepted)
	c.Setup.Restart()
}

func (c *Console) postSetupSlip(rw http.ResponseWriter, r *http.Request) {
	c.printed(rw, "set-up slip", c.Setup.PrintSetup(r.Context()))
}
