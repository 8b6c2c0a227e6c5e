package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/trace"
)

// State is what the console shows. It is sent whole: a page that missed something has missed nothing.
type State struct {
	Offers  []Offer          `json:"offers"`
	Tickets []Ticket         `json:"tickets"` // the latest, newest first
	Held    int              `json:"held"`    // slips that are so old that they wait for a decision
	Devices []drivers.Status `json:"devices"`
	Viewers int              `json:"viewers"`
	Pairing string           `json:"pairing"` // the code for one more device
	Taken   wire.Money       `json:"taken"`   // sum of all tickets
	Refused bool             `json:"refused"` // there are settings that the kit would not take
	Buttons wire.Buttons     `json:"buttons"`
	Scans   []wire.Scan      `json:"scans"`             // the latest, newest first
	HeldUp  *wire.HeldUp     `json:"held_up,omitempty"` // nil: the camera does not look
	Push    *wire.Push       `json:"push,omitempty"`    // nil: there is no server to send to

	Recording wire.Recording `json:"recording"`
}

// Offer is an offer as the operator sees it.
type Offer struct {
	ID     string     `json:"id"`
	Title  string     `json:"title"`
	Price  wire.Money `json:"price"`
	State  string     `json:"state"`
	Left   int        `json:"left"`
	Sold   int        `json:"sold"`
	EndsMS int64      `json:"ends_ms,omitempty"` // set when it is sent: see State.at

	StartsMS int64 `json:"starts_ms,omitempty"` // likewise

	Waiting int `json:"waiting,omitempty"` // in line for it
	Kept    int `json:"kept,omitempty"`    // for those whose turn it is

	Choices []wire.Options `json:"choices,omitempty"`
	From    bool           `json:"from,omitempty"` // see wire.Offer

	ends, starts time.Duration // kit times; 0: none
}

// Ticket is a conversion with its slip and the time its steps took.
type Ticket struct {
	Ticket string       `json:"ticket"`
	Tap    string       `json:"tap"`
	Title  string       `json:"title"`
	Total  wire.Money   `json:"total"`
	State  string       `json:"state"` // of its slip
	Via    string       `json:"via"`
	At     time.Time    `json:"at"`
	Trace  []trace.Span `json:"trace,omitempty"`

	Fulfilment string     `json:"fulfilment"` // see pipeline.Ticket.State
	Owed       wire.Money `json:"owed"`
}

const shownTickets = 50

func (c *Console) state(ctx context.Context) (State, error) {
	l, now := c.Book.Levels(), c.Now()
	s := State{Offers: []Offer{}, Tickets: []Ticket{}, Devices: c.Devices(), Viewers: c.Viewers(), Pairing: c.Code(), Refused: c.Setup.Settings().Refused != nil, Buttons: c.Buttons(), Scans: c.Scans(), HeldUp: c.HeldUp(), Recording: c.Recording(), Push: c.Push.Status()}
	for i := range l.Catalogue.Offers {
		o := l.At(i, now)
		f := Offer{ID: o.ID, Title: o.Title, Price: wire.FromMoney(pipeline.Money{Minor: o.Price, Currency: l.Catalogue.Currency}),
			State: string(l.StateAt(o.ID, now)), Left: l.Left(o.ID), Sold: l.Offers[i].Sold, Waiting: l.Offers[i].Waiting, Kept: l.Offers[i].Kept}
		f.Choices, f.From = wire.OptionsOf(l, i, now, "")
		switch f.State {
		case string(pipeline.OfferLive):
			f.ends = l.Offers[i].Ends
		case string(pipeline.OfferSoon):
			f.starts = l.Offers[i].Starts
		}
		s.Offers = append(s.Offers, f)
	}
	taken, err := c.Book.Taken(ctx)
	if err != nil {
		return State{}, err
	}
	s.Taken = wire.FromMoney(pipeline.Money{Minor: taken, Currency: l.Catalogue.Currency})
	if s.Held, err = c.Slips.Held(ctx); err != nil {
		return State{}, err
	}
	ts, err := c.Book.Tickets(ctx, shownTickets)
	if err != nil {
		return State{}, err
	}
	for _, t := range ts {
		way, _ := c.Trace.Get(t.Tap)
		s.Tickets = append(s.Tickets, Ticket{t.Number, t.Tap, t.What(), wire.FromMoney(t.Total), t.Print.String(), string(t.Via), t.Wall, way.Spans,
			t.State(), wire.FromMoney(pipeline.Money{Minor: t.Owed(), Currency: t.Total.Currency})})
	}
	return s, nil
}

// at is the state as it is sent at a kit time, with the time that offers have left. That passes by itself and is no news.
func (s State) at(now time.Duration) State {
	s.Offers = slices.Clone(s.Offers)
	for i, o := range s.Offers {
		if o.ends > now {
			s.Offers[i].EndsMS = max(1, (o.ends - now).Milliseconds())
		}
		if o.starts > now {
			s.Offers[i].StartsMS = max(1, (o.starts - now).Milliseconds())
		}
	}
	return s
}

func (c *Console) getState(rw http.ResponseWriter, r *http.Request) {
	s, err := c.state(r.Context())
	if err != nil {
		c.Log.Warn("state not read", "err", err)
		refuse(rw, http.StatusServiceUnavailable, "unavailable", "The kit cannot read its tickets right now. They are safe; please try again.")
		return
	}
	reply(rw, s.at(c.Now()))
}

const (
	// look is how often an open console looks for something new.
	look = 250 * time.Millisecond
	// repeat is how often it is told what it knows: a page that hears nothing for longer takes its line for dead.
	repeat = 5 * time.Second
)

// getEvents sends the state whenever it changed, as server-sent events.
func (c *Console) getEvents(rw http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(rw)
	out.SetReadDeadline(time.Time{}) // the request has been read; the server's deadline for that is not this stream's
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(look)
	defer tick.Stop()
	var last State
	var sent time.Time
	for {
		if !c.isPaired(r) { // it may have expired meanwhile
			return
		}
		c.from.told(r, time.Now(), c.Staff)
		s, err := c.state(r.Context())
		if err != nil {
			return // the page asks again
		}
		if !reflect.DeepEqual(s, last) || time.Since(sent) > repeat {
			b, err := json.Marshal(s.at(c.Now()))
			if err != nil {
				c.Log.Error("state not sent", "err", err)
				return
			}
			out.SetWriteDeadline(time.Now().Add(10 * time.Second))
			fmt.Fprintf(rw, "event: state\ndata: %s\n\n", b)
			if out.Flush() != nil {
				return
			}
			last, sent = s, time.Now()
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}
