package web

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// cookie holds a viewer's id with the kit's seal. It names nobody: it is random, and gone with the browser's cookies.
const cookie = "edgekit"

// notice is what a visitor is asked. A new version is asked anew.
var notice = wire.Notice{Version: 1, Text: "May this stall remember which prompts you saw and tapped today, to learn what helps its visitors? " +
	"It stays on this kit, names nobody, and is not shared for advertising. You can buy either way."}

// Viewer reads who a request comes from; false: it has no session.
func (w *Web) Viewer(r *http.Request) (string, bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return "", false
	}
	return w.Key.Open(c.Value)
}

// need is Viewer for requests that cannot be answered without one.
func (w *Web) need(rw http.ResponseWriter, r *http.Request) (string, bool) {
	v, ok := w.Viewer(r)
	if !ok {
		problem(rw, pipeline.TokenInvalid, "Open the page first: it starts a session with POST /api/session.", "", 0)
	}
	return v, ok
}

// asks is need for a viewer who does not ask all the time.
func (w *Web) asks(rw http.ResponseWriter, r *http.Request) (string, bool) {
	v, ok := w.need(rw, r)
	if !ok {
		return "", false
	}
	if ok, retry := w.messages.Allow(v, time.Now()); !ok {
		problem(rw, pipeline.RateLimited, "Please wait a moment.", "", retry)
		return "", false
	}
	return v, true
}

func (w *Web) postSession(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.Viewer(r)
	if !ok {
		if v, ok = w.Begin(rw, r); !ok {
			return
		}
	}
	s := wire.Session{Viewer: v, Consent: "needed", Notice: notice}
	if c, ok := w.Book.Consent(v); ok && c.Version == notice.Version {
		s.Consent = c.Choice
	}
	answer(rw, http.StatusOK, s)
}

// Begin gives a request a session, unless its address has had too many.
func (w *Web) Begin(rw http.ResponseWriter, r *http.Request) (string, bool) {
	if ok, retry := w.sessions.Allow(address(r), time.Now()); !ok {
		problem(rw, pipeline.RateLimited, "Too many visitors are arriving at once. Please try again in a moment.", "", retry)
		return "", false
	}
	v := strings.ToLower(rand.Text())
	http.SetCookie(rw, Cookie(w.Key.Sign(v), r))
	return v, true
}

// Cookie makes a browser a viewer's. signed is their id with the seal of Config.Key.
func Cookie(signed string, r *http.Request) *http.Cookie {
	return &http.Cookie{Name: cookie, Value: signed, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil, MaxAge: 7 * 24 * 3600}
}

// accepts are the languages that a browser asks for.
func accepts(r *http.Request) string { return r.Header.Get("Accept-Language") }

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (w *Web) putConsent(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.asks(rw, r)
	if !ok {
		return
	}
	var c wire.Choice
	if !body(rw, r, &c) {
		return
	}
	if c.Version != notice.Version || c.Choice != pipeline.Agreed && c.Choice != pipeline.Declined {
		problem(rw, pipeline.Malformed, fmt.Sprintf(`Expected {"version":%d,"choice":"agreed"} or "refused".`, notice.Version), "", 0)
		return
	}
	if r.Header.Get("Sec-GPC") == "1" { // Global Privacy Control: an objection that stands until it is taken back
		c.Choice = pipeline.Declined
	}
	kept, err := w.Book.SetConsent(r.Context(), v, c.Version, c.Choice)
	if err != nil {
		w.Log.Warn("consent not recorded", "err", err)
		problem(rw, pipeline.Unavailable, "The kit cannot record your choice right now. Please try again.", "", time.Second)
		return
	}
	answer(rw, http.StatusOK, receipt(v, kept))
}

// body reads a request's JSON, whole, strictly and bounded; false: it was refused.
func body(rw http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one JSON value")
			if more != nil {
				err = more
			}
		}
	}
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &large):
		problem(rw, tooLarge, fmt.Sprintf("The body is larger than %d bytes.", large.Limit), "", 0)
	default:
		problem(rw, pipeline.Malformed, "The body is not the JSON that was expected: "+err.Error(), "", 0)
	}
	return false
}
