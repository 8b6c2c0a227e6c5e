// Package once has what an operator asks for be done once, however often it is sent: whoever does not know whether an answer was lost sends the same request again,
// by the same key, and gets the answer that was given first, also after a restart or a power cut (draft-ietf-httpapi-idempotency-key-header-07). Sales, presses and
// what is done at the counter have ids of their own, which the store decides by in the transaction that does them; this is for everything else. Between what is done
// and its answer being kept a power cut leaves a moment, after which it is done again: so what is here either sets something to a value, or prints.
package once

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

const (
	// MaxBody bounds a request that has a key: a catalogue.
	MaxBody = 9 << 20
	// maxAnswer bounds an answer that is kept. None that comes of a wish is larger but an import's list of changes.
	maxAnswer = 1 << 20
)

// Book keeps answers.
type Book interface {
	Answer(ctx context.Context, key string) (pipeline.Answer, bool, error)
	KeepAnswer(ctx context.Context, key string, a pipeline.Answer) error
}

// Once remembers answers by key. It is safe for concurrent use.
type Once struct {
	book Book
	log  *slog.Logger

	mu  sync.Mutex
	now map[string]chan struct{} // closed when who does it is done
}

// New makes one.
func New(book Book, log *slog.Logger) *Once {
	return &Once{book: book, log: log, now: map[string]chan struct{}{}}
}

// Handler passes on requests that have no key, and of those with one the first.
func (o *Once) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(wire.KeyHeader)
		if key == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(rw, r)
			return
		}
		if !pipeline.ValidTapID(key) {
			refuse(rw, http.StatusBadRequest, "malformed", fmt.Sprintf("%s: expected a ULID, made where it was wished for.", wire.KeyHeader))
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, MaxBody))
		if err != nil {
			refuse(rw, http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("Expected at most %d bytes with a key.", MaxBody))
			return
		}
		sum := sha256.Sum256(fmt.Append(nil, r.Method, " ", r.URL.RequestURI(), "\n", string(body)))
		if !o.begin(r.Context(), key) {
			return // whoever asked has gone
		}
		defer o.end(key)
		first, known, err := o.book.Answer(r.Context(), key)
		switch {
		case err != nil:
			o.log.Warn("answer not looked up", "err", err)
			refuse(rw, http.StatusServiceUnavailable, "unavailable", "The kit cannot look up whether that was done. Nothing was; please try again.")
		case known && !bytes.Equal(first.Of, sum[:]):
			refuse(rw, http.StatusUnprocessableEntity, "reused", "That key was used for something else: make a new one for each wish.")
		case known:
			give(rw, first)
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			said := &answer{ResponseWriter: rw, status: http.StatusOK}
			next.ServeHTTP(said, r)
			o.keep(r, key, sum[:], said)
		}
	})
}

// keep remembers an answer that another try would not change.
func (o *Once) keep(r *http.Request, key string, of []byte, said *answer) {
	if said.status >= 500 || said.status == http.StatusUnauthorized || said.status == http.StatusTooManyRequests || said.body.Len() > maxAnswer || said.Header().Get("Set-Cookie") != "" {
		return
	}
	if pipeline.HasCard(said.body.String()) {
		return // who types that is refused as well the next time
	}
	a := pipeline.Answer{Of: of, Status: said.status, Kind: said.Header().Get("Content-Type"), Body: said.body.Bytes()}
	if err := o.book.KeepAnswer(context.WithoutCancel(r.Context()), key, a); err != nil {
		o.log.Warn("answer not kept", "err", err) // it was given
	}
}

// begin waits until nobody else does the same; false: whoever asked has gone first.
func (o *Once) begin(ctx context.Context, key string) bool {
	for {
		o.mu.Lock()
		other, busy := o.now[key]
		if !busy {
			o.now[key] = make(chan struct{})
			o.mu.Unlock()
			return true
		}
		o.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return false
		}
	}
}

func (o *Once) end(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.now[key])
	delete(o.now, key)
}

// answer passes on what is said, and takes note of it.
type answer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.body.Len() <= maxAnswer {
		a.body.Write(b)
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func give(rw http.ResponseWriter, a pipeline.Answer) {
	if a.Kind != "" {
		rw.Header().Set("Content-Type", a.Kind)
	}
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(a.Status)
	rw.Write(a.Body) // an error here is the asker's connection gone
}

func refuse(rw http.ResponseWriter, status int, reason, detail string) {
	wire.Refuse(rw, wire.Problem{Status: status, Reason: reason, Detail: detail})
}
