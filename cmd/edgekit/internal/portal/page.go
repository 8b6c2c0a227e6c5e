package portal

import (
	"crypto/rand"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"rsc.io/qr"

	"edgekit.internal/cmd/edgekit/internal/web"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/portal/captive"
	"edgekit.internal/pipeline"
)

// page is what the sheet shows. The way to the browser is words: no sheet can open one.
var page = template.Must(template.New("portal").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Stall}}</title><link rel="stylesheet" href="/viewer.css">
<main class="sheet"><h1>{{.Stall}}</h1>
{{with .Status}}<p role="status" class="{{$.Tone}}">{{.}}</p>{{end}}
{{with .Place}}<p class="wait">{{.}}</p>{{end}}
<img class="now" src="/api/still" alt="The show as it is now">
{{with .Tickets}}<h2>Your tickets</h2><ul>{{range .}}<li><b>{{.Number}}</b> {{.What}} · {{.Total}}</li>{{end}}</ul>{{end}}
{{if .Accepted}}<p><b>You are connected.</b> Close this window, open your browser, and go to</p>
{{else}}<form method="post" action="/portal/accept"><input type="hidden" name="visitor" value="{{.Visitor}}"><button class="buy">Stay connected</button></form>
<p>To watch the show, tap “Stay connected”, open your browser, and go to</p>{{end}}
<p class="where">{{.Where}}</p>
<h2>Buy right here</h2>
{{range .Offers}}{{if .Token}}{{if ne .State "sold-out"}}<form method="post" action="/portal/buy"><input type="hidden" name="visitor" value="{{$.Visitor}}"><input type="hidden" name="id" value="{{.Tap}}"><input type="hidden" name="offer" value="{{.ID}}"><input type="hidden" name="token" value="{{.Token}}"><input type="hidden" name="price" value="{{.Price.Minor}}">{{range .Choices}}{{$of := .Of}}{{range .Pieces}}<label>Choose <select name="choice">{{range $of}}{{if .Left}}<option value="{{.SKU}}">{{.Title}}{{with .Price}}, {{.Text}}{{end}}</option>{{end}}{{end}}</select></label>{{end}}{{end}}<button>Buy {{.Title}} {{if .From}}from{{else}}for{{end}} {{.Price.Text}}</button></form>
{{else}}<p>{{.Title}}: sold out</p>{{end}}{{else if eq .State "soon"}}<p>{{.Title}}: soon</p>{{end}}{{else}}<p>There is nothing for sale at the moment.</p>{{end}}
<p class="small">On another device of yours: <b>{{.Where}}/c/{{.Code}}</b>, good once, for ten minutes.</p><img class="code" src="{{.QR}}" alt="Code for {{.Where}}/c/{{.Code}}">
<p><a href="/portal">Look again</a> · <a href="/">Try to watch right here</a></p></main></html>
`))

type view struct {
	Stall, Where, Code, Visitor string
	QR                          template.URL
	Accepted                    bool
	Status, Tone                string // what became of the last thing done
	Place                       string // what becomes of the phone's place in the Wi-Fi
	Offers                      []offer
	Tickets                     []pipeline.Ticket
}

// offer is one with the id of the tap that its button is: pressed twice it is one wish.
type offer struct {
	wire.Offer
	Tap string
}

// maxShown bounds the tickets on the page.
const maxShown = 20

func (p *Portal) getPage(rw http.ResponseWriter, r *http.Request) {
	viewer, s, ok := p.visitor(rw, r)
	if ok {
		p.show(rw, r, http.StatusOK, viewer, s, view{})
	}
}

// visitor is who sees the page: the one of its form, of the browser's cookie, or of the station's sheet; else a new one.
func (p *Portal) visitor(rw http.ResponseWriter, r *http.Request) (viewer string, s Station, ok bool) {
	if ok, retry := p.pages.Allow(address(r), time.Now()); !ok {
		wire.Refuse(rw, wire.Problem{Status: http.StatusTooManyRequests, Reason: string(pipeline.RateLimited), Detail: "Please wait a moment.", RetryMS: retry.Milliseconds()})
		return "", s, false
	}
	if acts(r) {
		p.Shop.Acts(address(r))
	}
	s, _ = p.station(r)
	r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
	if viewer, ok = p.Key.Open(r.PostFormValue("visitor")); ok {
		return viewer, s, true
	}
	if viewer, ok = p.Shop.Viewer(r); ok {
		return viewer, s, true
	}
	if viewer, ok = p.visits.of(s.MAC, s.Since, time.Now()); ok {
		return viewer, s, true
	}
	viewer, ok = p.Shop.Begin(rw, r)
	return viewer, s, ok
}

// postBuy takes the tap of a button on the page. The sheet stays open: it closes as soon as the phone is told that it is
// connected, which is the visitor's to say, after they have seen their ticket's number.
func (p *Portal) postBuy(rw http.ResponseWriter, r *http.Request) {
	viewer, s, ok := p.visitor(rw, r)
	if !ok {
		return
	}
	t := wire.Tap{ID: r.PostFormValue("id"), Offer: r.PostFormValue("offer"), Token: r.PostFormValue("token"), Choice: r.PostForm["choice"]}
	out := p.Shop.Tap(r.Context(), viewer, t, pipeline.ViaSheet)
	if out.Reason == pipeline.TokenExpired {
		if t.Token, ok = p.again(r, viewer, t.Offer); ok {
			out = p.Shop.Tap(r.Context(), viewer, t, pipeline.ViaSheet)
		}
	}
	v := view{Status: web.Words(out), Tone: "good"}
	switch {
	case out.Reason == pipeline.TokenExpired:
		v.Status, v.Tone = "Try again. This page was old, and nothing was bought: here is what holds now.", "bad"
	case !out.OK():
		v.Tone = "bad"
	}
	p.show(rw, r, wire.Status(out.Reason), viewer, s, v)
}

// again is a new token for an offer that still costs what the page said: it has no script that would renew the first in time.
func (p *Portal) again(r *http.Request, viewer, offer string) (token string, ok bool) {
	for _, o := range p.Shop.Offers(viewer, r.Header.Get("Accept-Language")).Offers {
		if o.ID == offer {
			return o.Token, o.Token != "" && strconv.FormatInt(o.Price.Minor, 10) == r.PostFormValue("price")
		}
	}
	return "", false
}

func (p *Portal) postAccept(rw http.ResponseWriter, r *http.Request) {
	viewer, s, ok := p.visitor(rw, r)
	if !ok {
		return
	}
	if s.MAC == "" { // no phone of the kit's own Wi-Fi: there is nothing to be told
		captive.Lead(rw, r, "/")
		return
	}
	from, _ := remote(r)
	if err := p.Stations.Accept(r.Context(), from); err != nil {
		p.Log.Warn("a phone cannot be told that it is connected", "err", err)
		p.show(rw, r, http.StatusServiceUnavailable, viewer, s, view{Status: "Try again. The kit could not do that just now.", Tone: "bad"})
		return
	}
	s.Accepted = true
	p.show(rw, r, http.StatusOK, viewer, s, view{})
}

// show sends the page.
func (p *Portal) show(rw http.ResponseWriter, r *http.Request, status int, viewer string, s Station, v view) {
	if v.Accepted = s.Accepted; acts(r) {
		v.Place = p.places.take(address(r), time.Now())
	}
	v.Stall, v.Where, v.Visitor = p.Stall, strings.TrimPrefix(base(r), "http://"), p.Key.Sign(viewer)
	v.Code = p.visits.see(viewer, s.MAC, time.Now())
	code, err := qr.Encode(base(r)+"/c/"+v.Code, qr.M)
	if err != nil {
		panic("portal: " + err.Error()) // an address is short
	}
	v.QR = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG()))
	for _, o := range p.Shop.Offers(viewer, r.Header.Get("Accept-Language")).Offers {
		id, err := ulid.New(ulid.Now(), rand.Reader)
		if err != nil {
			panic("portal: " + err.Error()) // the time is past the year 10889
		}
		v.Offers = append(v.Offers, offer{o, id.String()})
	}
	if v.Tickets, err = p.Tickets(r.Context(), viewer, maxShown); err != nil {
		p.Log.Warn("tickets not read", "err", err) // the page is of use without them
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	if err := page.Execute(rw, v); err != nil {
		p.Log.Debug("portal page not sent", "err", err)
	}
}
