package web

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"html/template"
	"net/http"
	"strings"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/token"
)

// linkPage is what a scanned code leads to. It works without scripts, also inside captive mini-browsers. Only its button
// buys: phones and messengers fetch links by themselves.
var linkPage = template.Must(template.New("link").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title><link rel="stylesheet" href="/viewer.css">
<main class="card"><h1>{{.Title}}</h1>
{{if .Ask}}<p class="price">{{.Price}}</p><form method="post"><input type="hidden" name="id" value="{{.ID}}"><button class="buy">Buy {{.Title}} for {{.Price}}</button></form>
{{else}}<p role="status">{{.Status}}</p>{{end}}
<p><a href="/">Watch the show</a></p></main></html>
`))

type linkView struct {
	Title, Price, ID, Status string
	Ask                      bool
}

func (w *Web) getLink(rw http.ResponseWriter, r *http.Request) {
	offer, ok := w.linkOffer(r)
	if !ok {
		w.showLink(rw, http.StatusNotFound, linkView{Title: "Code not known", Status: "This code is not one of this stall's. Please scan the one on display."})
		return
	}
	id, err := ulid.New(ulid.Now(), rand.Reader)
	if err != nil {
		panic("web: " + err.Error()) // the time is past the year 10889
	}
	price := pipeline.Money{Minor: offer.Price, Currency: w.Book.Levels().Catalogue.Currency}
	w.showLink(rw, http.StatusOK, linkView{Title: offer.Title, Price: price.String(), ID: id.String(), Ask: true})
}

func (w *Web) postLink(rw http.ResponseWriter, r *http.Request) {
	w.Acts(address(r))
	offer, ok := w.linkOffer(r)
	if !ok {
		w.getLink(rw, r)
		return
	}
	v, ok := w.Viewer(r)
	if !ok {
		if v, ok = w.Begin(rw, r); !ok {
			return
		}
	}
	out := w.Tap(r.Context(), v, wire.Tap{ID: cmp.Or(r.PostFormValue("id"), tapOf(r.PathValue("token"))), Offer: offer.ID, Token: r.PathValue("token")}, pipeline.ViaQR)
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		if out.OK() {
			answer(rw, http.StatusOK, wire.FromOutcome(out, ""))
		} else {
			problem(rw, out.Reason, out.Details, out.Tap, out.Retry)
		}
		return
	}
	w.showLink(rw, wire.Status(out.Reason), linkView{Title: offer.Title, Status: Words(out)})
}

// Words are an outcome, for a page without scripts.
func Words(out pipeline.Outcome) string {
	switch out.Reason {
	case pipeline.Confirmed:
		return "Confirmed · ticket " + out.Ticket
	case pipeline.SoldOut:
		return "Sold out"
	case pipeline.TooLate:
		return "Too late"
	case pipeline.TokenExpired:
		return "Too late. This code has changed: please scan the one on display now."
	case pipeline.TokenUsed:
		return "This code was used already. Please scan the one on display now."
	}
	return "Try again. " + out.Details
}

// tapOf is the tap of who sends a link's form without its page, and so without an id: a token sells once, so a repeat of
// it is the same wish.
func tapOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return ulid.ULID(sum[:16]).String()
}

func (w *Web) linkOffer(r *http.Request) (pipeline.Offer, bool) {
	id, ok := token.LinkOffer(r.PathValue("token"))
	if !ok {
		return pipeline.Offer{}, false
	}
	offer, _, ok := w.Book.Levels().Catalogue.Offer(id)
	return offer, ok
}

func (w *Web) showLink(rw http.ResponseWriter, status int, v linkView) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	if err := linkPage.Execute(rw, v); err != nil {
		w.Log.Debug("link page not sent", "err", err)
	}
}
