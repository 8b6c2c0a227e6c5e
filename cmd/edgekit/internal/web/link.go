package web

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

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
<main class="card"><h1{{with .Lang}} lang="{{.}}"{{end}}>{{.Title}}</h1>
{{if .Status}}<p role="status">{{.Status}}</p>{{end}}
{{if .ID}}<p class="price">{{if .From}}from {{end}}{{.Price}}</p><form method="post"{{if .Other}} action="{{.Other}}"{{end}}><input type="hidden" name="id" value="{{.ID}}">{{range .Choices}}{{$of := .Of}}{{range .Pieces}}<p><label>Choose <select name="choice">{{range $of}}{{if .Left}}<option value="{{.SKU}}">{{.Title}}{{with .Price}}, {{.Text}}{{end}}</option>{{end}}{{end}}</select></label></p>{{end}}{{end}}<button class="buy">Buy {{.Title}} {{if .From}}from{{else}}for{{end}} {{.Price}}</button></form>{{end}}
<p><a href="/">Watch the show</a></p></main></html>
`))

// linkView is a link's page: what there is to say, and, with an ID, what there is to buy: by this link, or by another.
type linkView struct {
	Title, Lang, Price, ID, Other, Status string
	Choices                               []wire.Options
	From                                  bool
}

// freshLife is how long the code is good that a page offers instead of one that is not any more: who reads that has a minute.
const freshLife = time.Minute

func (w *Web) getLink(rw http.ResponseWriter, r *http.Request) {
	levels, now := w.Book.Levels(), w.Now()
	offer, state := w.linkState(r, levels, now)
	if state == linkUnknown {
		w.showLink(rw, http.StatusNotFound, linkView{Title: "Code not known", Status: "This code is not one of this stall's. Please scan the one on display."})
		return
	}
	switch live := levels.StateAt(offer.ID, now); {
	case live == pipeline.OfferSoldOut || live == pipeline.OfferLive && levels.Left(offer.ID) == 0:
		w.showLink(rw, http.StatusOK, linkView{Title: offer.Title, Status: "Sold out"})
	case live == pipeline.OfferSoon || live == pipeline.OfferHidden:
		w.showLink(rw, http.StatusOK, linkView{Title: offer.Title, Status: "This offer has not started yet. Please scan its code again when it has."})
	case live != pipeline.OfferLive:
		w.showLink(rw, http.StatusOK, linkView{Title: offer.Title, Status: "This offer is over."})
	case state == linkGood:
		w.showLink(rw, http.StatusOK, toBuy(r, levels, offer, now, ""))
	default:
		v := toBuy(r, levels, offer, now, "/t/"+w.Mint.Link(offer.ID, levels.Terms(offer.ID, now), now, freshLife))
		v.Status = "This code has changed since. Here is the current one:"
		if state == linkUsed {
			v.Status = "This code was used already: each sells one. Here is another:"
		}
		w.showLink(rw, http.StatusOK, v)
	}
}

// toBuy is a page that sells an offer, by another link than its own if one is given.
func toBuy(r *http.Request, levels *pipeline.Levels, offer pipeline.Offer, now time.Duration, other string) linkView {
	id, err := ulid.New(ulid.Now(), rand.Reader)
	if err != nil {
		panic("web: " + err.Error()) // the time is past the year 10889
	}
	price := pipeline.Money{Minor: offer.Price, Currency: levels.Catalogue.Currency}
	_, i, _ := levels.Catalogue.Offer(offer.ID)
	tag := levels.Catalogue.In(accepts(r))
	choices, from := wire.OptionsOf(levels, i, now, tag)
	return linkView{Title: levels.Catalogue.TitleIn(offer, tag), Lang: tag, Price: price.String(), ID: id.String(), Other: other, Choices: choices, From: from}
}

func (w *Web) postLink(rw http.ResponseWriter, r *http.Request) {
	w.Acts(address(r))
	offer, state := w.linkState(r, w.Book.Levels(), w.Now())
	if state == linkUnknown {
		w.getLink(rw, r)
		return
	}
	v, ok := w.Viewer(r)
	if !ok {
		if v, ok = w.Begin(rw, r); !ok {
			return
		}
	}
	id := r.PostFormValue("id") // which reads the form
	out := w.Tap(r.Context(), v, wire.Tap{ID: cmp.Or(id, tapOf(r.PathValue("token"))), Offer: offer.ID, Token: r.PathValue("token"), Choice: r.PostForm["choice"]}, pipeline.ViaQR)
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

// How a link's code is when somebody looks at it.
type linkIs int

const (
	linkUnknown linkIs = iota // it is none of this kit's for an offer that there is
	linkGood
	linkUsed
	linkStale // its time is over, or the offer is another one since
)

// linkState finds the offer of a link as it is sold now, and how its code is. A code whose key is long gone cannot be told from one that was made up, and is stale if there is an
// offer that it names.
func (w *Web) linkState(r *http.Request, levels *pipeline.Levels, now time.Duration) (offer pipeline.Offer, is linkIs) {
	code := r.PathValue("token")
	tag, ok := token.LinkTag(code)
	if !ok {
		return pipeline.Offer{}, linkUnknown
	}
	offers := levels.Tagged(tag, now)
	for _, o := range offers {
		grant, err := w.Sale.Tokens.Verify(code, "", o.ID, now)
		switch {
		case errors.Is(err, pipeline.ErrTokenInvalid):
			continue
		case w.Book.Burned(r.Context(), grant.Nonce):
			return o, linkUsed
		case err != nil, grant.Terms != 0 && grant.Terms != levels.Terms(o.ID, now):
			return o, linkStale
		}
		return o, linkGood
	}
	if len(offers) == 1 {
		return offers[0], linkStale
	}
	return pipeline.Offer{}, linkUnknown
}

func (w *Web) showLink(rw http.ResponseWriter, status int, v linkView) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	if err := linkPage.Execute(rw, v); err != nil {
		w.Log.Debug("link page not sent", "err", err)
	}
}
