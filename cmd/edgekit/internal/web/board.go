package web

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

const (
	// onBoard bounds the numbers on the screen that faces customers: more are not read.
	onBoard = 60
	// boardAge is how old what it shows may be: however many screens ask, the book is asked so often.
	boardAge = 500 * time.Millisecond
	// boardFor is for how long a ticket that nobody fetches stays there.
	boardFor = 4 * time.Hour
)

// board is what that screen shows, as it was a moment ago.
type board struct {
	mu   sync.Mutex
	at   time.Time
	body []byte
}

// get answers anybody: a board has numbers, and no people.
func (b *board) get(w *Web) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if time.Since(b.at) > boardAge {
			ts, err := w.Book.ToHandOver(r.Context(), w.Now()-boardFor, 2*onBoard)
			if err != nil {
				w.Log.Warn("board not read", "err", err)
				problem(rw, pipeline.Unavailable, "The kit cannot read its tickets right now. They are safe; this is asked again.", "", time.Second)
				return
			}
			if b.body, err = json.Marshal(boardOf(ts)); err != nil {
				w.Log.Error("board not written", "err", err)
				problem(rw, pipeline.Unavailable, "The board cannot be shown.", "", time.Second)
				return
			}
			b.at = time.Now()
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Cache-Control", "no-store")
		rw.Write(b.body) // an error here is the asker's connection gone
	}
}

func boardOf(ts []pipeline.Ticket) wire.QueueBoard {
	b := wire.QueueBoard{Ready: []string{}, Waiting: []string{}}
	for _, t := range ts {
		to := &b.Waiting
		if t.Ready > 0 {
			to = &b.Ready
		}
		if len(*to) < onBoard {
			*to = append(*to, t.Number)
		}
	}
	return b
}
