package portal

import (
	"html/template"
	"net/http"
	"time"

	"edgekit.internal/drivers/portal/captive"
)

// codePage is what a visitor's code leads to. Only its button makes the browser theirs: phones and messengers fetch links by
// themselves, and who has scanned a code has not read it.
var codePage = template.Must(template.New("code").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Stall}}</title><link rel="stylesheet" href="/viewer.css">
<main class="card"><h1>{{.Stall}}</h1>
{{if .Holds}}<p role="status">This browser has tickets of its own, and stays its own visitor’s.</p>
{{else}}<p>This is the code of a phone. If it is yours, go on here as the same visitor: both have the same tickets then. If you found the code somewhere, do not: its owner would have yours.</p>
<form method="post"><button class="buy">Go on here as the visitor of that phone</button></form>{{end}}
<p><a href="/">{{if .Holds}}Watch the show{{else}}Watch the show as yourself{{end}}</a></p></main></html>
`))

// Code is what a visitor who has to leave the Wi-Fi goes on with elsewhere, once: for as long as a visit is remembered, and with no sheet.
func (p *Portal) Code(viewer string) string { return p.visits.keep(viewer, time.Now()) }

// getCode asks whether this browser is to be the visitor's whose code it is, and changes nothing. A code that is unknown, old or used
// leads to the page.
func (p *Portal) getCode(rw http.ResponseWriter, r *http.Request) {
	if ok, _ := p.pages.Allow(address(r), time.Now()); !ok || !p.visits.knows(r.PathValue("code"), time.Now()) {
		captive.Lead(rw, r, "/")
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	if err := codePage.Execute(rw, struct {
		Stall string
		Holds bool
	}{p.Stall, p.holds(r)}); err != nil {
		p.Log.Debug("code's page not sent", "err", err)
	}
}

// postCode makes the browser the visitor's whose code it is, and uses the code up. A browser that has a visitor with tickets stays
// theirs, and the code is good.
func (p *Portal) postCode(rw http.ResponseWriter, r *http.Request) {
	if ok, _ := p.pages.Allow(address(r), time.Now()); ok && !p.holds(r) {
		if viewer, ok := p.visits.redeem(r.PathValue("code"), time.Now()); ok {
			p.become(rw, r, viewer)
		}
	}
	captive.Lead(rw, r, "/")
}

// holds tells whether a browser has a visitor who has bought something.
func (p *Portal) holds(r *http.Request) bool {
	v, ok := p.Shop.Viewer(r)
	if !ok {
		return false
	}
	ts, err := p.Tickets(r.Context(), v, 1)
	return err != nil || len(ts) > 0
}
