package control

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"edgekit.internal/cmd/edgekit/internal/logs"
	"edgekit.internal/cmd/internal/wire"
)

// Log is the kit's log.
type Log interface {
	Read(q logs.Query) []wire.LogRecord
	Follow(ctx context.Context, q logs.Query, yield func(wire.LogRecord) bool)
}

// getLogs answers with records as JSON lines: ?level, ?since (a duration), and with ?follow each new one for as long as the
// asker listens.
func (c *Control) getLogs(rw http.ResponseWriter, r *http.Request) {
	q := logs.Query{Level: r.FormValue("level")}
	if _, err := logs.ParseLevel(q.Level); err != nil {
		refuse(rw, http.StatusBadRequest, "malformed", "there is no such level: expected info, warn or error")
		return
	}
	if since := r.FormValue("since"); since != "" {
		var err error
		if q.Since, err = time.ParseDuration(since); err != nil || q.Since <= 0 {
			refuse(rw, http.StatusBadRequest, "malformed", "since: expected a time such as 90s, 15m or 2h")
			return
		}
	}
	rw.Header().Set("Content-Type", "application/x-ndjson")
	e := json.NewEncoder(rw)
	if !r.URL.Query().Has("follow") {
		for _, rec := range c.Log.Read(q) {
			if e.Encode(rec) != nil {
				return // edgectl is gone
			}
		}
		return
	}
	out := http.NewResponseController(rw)
	out.SetReadDeadline(time.Time{}) // the request was read; the server's deadline for that is not this stream's
	c.Log.Follow(r.Context(), q, func(rec wire.LogRecord) bool { return e.Encode(rec) == nil && out.Flush() == nil })
}
