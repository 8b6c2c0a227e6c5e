package web

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// Offers lists what a viewer may see, in the language that suits best of those accepted, with a fresh token for each that can be bought at the price beside it.
func (w *Web) Offers(viewer, accept string) wire.Offers {
	levels, now := w.Book.Levels(), w.Now()
	out := wire.Offers{Offers: []wire.Offer{}, LifeMS: TokenLife.Milliseconds(), Recording: w.Recording()}
	areas := w.hub.latestAreas()
	tag := levels.Catalogue.In(accept)
	choices := w.choices.of(levels, now, tag, w.PictureOf)
	for i := range levels.Catalogue.Offers {
		o := levels.At(i, now)
		state := levels.StateAt(o.ID, now)
		if state == pipeline.OfferHidden || state == pipeline.OfferWithdrawn {
			continue
		}
		f := wire.Offer{ID: o.ID, Title: levels.Catalogue.TitleIn(o, tag), Lang: tag, Price: wire.FromMoney(pipeline.Money{Minor: o.Price, Currency: levels.Catalogue.Currency}),
			Left: levels.Left(o.ID), State: string(state), Area: areaOf(areas, o.ID), Picture: w.pictureOf(o), Choices: choices[i].all, From: choices[i].from}
		if state == pipeline.OfferSoldOut {
			f.Left = 0 // whatever the count says
		}
		if state == pipeline.OfferLive {
			if place, in := w.Book.Place(viewer, o.ID); in {
				f.Line = &wire.InLine{Ahead: place.Ahead}
				if place.Until > 0 { // and one is kept for them, which counts as left for nobody else
					f.Left++
					f.Line.CalledMS = max(1, (place.Until - now).Milliseconds())
				}
			}
			if f.Left == 0 {
				f.State = "sold-out"
				if w.Book.Lines() {
					f.Waiting = &levels.Offers[i].Waiting
				}
			}
			f.Token = w.Mint.Page(viewer, o.ID, levels.Terms(o.ID, now), now, TokenLife) // also when sold out: there may be stock again in a moment
			if ends := levels.Offers[i].Ends; ends > 0 {
				f.EndsMS = (ends - now).Milliseconds()
			}
		}
		if starts := levels.Offers[i].Starts; state == pipeline.OfferSoon && starts > 0 {
			f.StartsMS = (starts - now).Milliseconds()
		}
		out.Offers = append(out.Offers, f)
	}
	return out
}

// choices is what there is to choose in each offer, the same for every viewer who speaks a language: worked out anew where stock or a second have changed, and not
// for each of them.
type choices struct {
	mu     sync.Mutex
	latest map[string]*chosenFrom // by language
}

type chosenFrom struct {
	levels *pipeline.Levels
	second time.Duration
	each   map[int]choice // by the offer's place; those that leave nothing to choose are not in it
}

type choice struct {
	all  []wire.Options
	from bool
}

func (c *choices) of(l *pipeline.Levels, now time.Duration, tag string, picture func(sku string) string) map[int]choice {
	second := now.Truncate(time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	is := c.latest[tag]
	if is != nil && is.levels == l && is.second == second {
		return is.each
	}
	is = &chosenFrom{levels: l, second: second, each: map[int]choice{}}
	for i := range l.Catalogue.Offers {
		if all, from := wire.OptionsOf(l, i, now, tag); all != nil {
			for _, line := range all {
				for k := range line.Of {
					line.Of[k].Picture = picture(line.Of[k].SKU)
				}
			}
			is.each[i] = choice{all, from}
		}
	}
	if c.latest == nil || len(c.latest) > 100 {
		c.latest = map[string]*chosenFrom{}
	}
	c.latest[tag] = is
	return is.each
}

// pictureOf is where the picture is of the first thing in an offer that has one.
func (w *Web) pictureOf(o pipeline.Offer) string {
	for _, l := range o.Lines {
		for _, sku := range append([]string{l.SKU}, l.Of...) {
			if at := w.PictureOf(sku); at != "" {
				return at
			}
		}
	}
	return ""
}

// getPrice is what an offer costs with what is chosen in it.
func (w *Web) getPrice(rw http.ResponseWriter, r *http.Request) {
	if _, ok := w.asks(rw, r); !ok {
		return
	}
	w.Price(rw, r)
}

// Price answers what an offer that visitors see costs with what is chosen in it.
func (w *Web) Price(rw http.ResponseWriter, r *http.Request) {
	q, levels, now := r.URL.Query(), w.Book.Levels(), w.Now()
	id, choice := q.Get("offer"), q["choice"]
	_, i, ok := levels.Catalogue.Offer(id)
	state := levels.StateAt(id, now)
	if !ok || state == pipeline.OfferHidden || state == pipeline.OfferWithdrawn || len(choice) > pipeline.MaxChoice {
		problem(rw, pipeline.UnknownOffer, "This offer is not there.", "", 0)
		return
	}
	o, why := levels.Pick(i, now, choice)
	if why != "" {
		problem(rw, pipeline.Choice, why, "", 0)
		return
	}
	answer(rw, http.StatusOK, map[string]wire.Money{"price": wire.FromMoney(pipeline.Money{Minor: o.Price, Currency: levels.Catalogue.Currency})})
}

func areaOf(a capture.Areas, offer string) *capture.Area {
	for i := range a.Areas {
		if a.Areas[i].Offer == offer {
			return &a.Areas[i]
		}
	}
	return nil
}

func (w *Web) getOffers(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.asks(rw, r)
	if !ok {
		return
	}
	answer(rw, http.StatusOK, w.Offers(v, accepts(r)))
}

// pushEvery bounds how often pages are sent new offers, however fast they change.
const pushEvery = 200 * time.Millisecond

// Refresh tells that offers may have changed. It never blocks.
func (w *Web) Refresh() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run pushes new offers to all pages, until ctx ends.
func (w *Web) Run(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil
		}
		w.hub.each(func(s *sink) { s.push(wire.TypeOffers, w.offersMessage(s.viewer, s.accept)) })
		pause.Reset(pushEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *Web) offersMessage(viewer, accept string) []byte {
	o := w.Offers(viewer, accept)
	o.Type = wire.TypeOffers
	return encode(o)
}

// Areas tells pages where prompts are, from which picture on.
func (w *Web) Areas(a capture.Areas) {
	w.hub.setAreas(a)
	msg := encode(wire.Areas{Type: wire.TypeAreas, Areas: a})
	w.hub.each(func(s *sink) { s.push(wire.TypeAreas, msg) })
}

// Outcome tells all pages of its viewer what became of a tap, also those that did not send it.
func (w *Web) Outcome(o pipeline.Outcome) {
	msg := encode(wire.FromOutcome(o, wire.TypeOutcome))
	w.hub.of(o.Viewer, func(s *sink) { s.push(wire.TypeOutcome, msg) })
}

// Ticket tells a buyer's pages how far a ticket of theirs is at the counter.
func (w *Web) Ticket(t pipeline.Ticket) {
	msg := encode(wire.Ticket{Type: wire.TypeTicket, Ticket: t.Number, Fulfilment: t.State()})
	w.hub.of(t.Viewer, func(s *sink) { s.push(wire.TypeTicket, msg) })
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("web: " + err.Error()) // our own types; tests encode them all
	}
	return b
}
