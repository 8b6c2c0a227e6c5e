// Package wire has the messages between the kit and its pages, players and tools, as JSON. The same shapes travel over
// HTTP, server-sent events and the data channel `signals` (protocol edgekit.signals.v1); only there have they a type.
package wire

import (
	"net/http"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/pipeline"
)

// Protocol is the data channel's sub-protocol.
const (
	Channel  = "signals"
	Protocol = "edgekit.signals.v1"
)

// The types of messages on the data channel, and the names of server-sent events.
const (
	TypeTap     = "tap"     // page to kit: Tap
	TypeRefresh = "refresh" // page to kit: send me Offers
	TypeStay    = "stay"    // page to kit: my place in the Wi-Fi is wanted
	TypeSound   = "sound"   // page to kit: I listen, or no more (Tap.On); kit to page: Sound
	TypeOutcome = "outcome" // Outcome
	TypeOffers  = "offers"  // Offers
	TypeAreas   = "areas"   // Areas
	TypePlace   = "place"   // Place
	TypeTicket  = "ticket"  // Ticket
	TypeChanged = "changed" // the offers changed, and are too many for one message: GET /api/offers
)

// Tap is what the page sends: POST /api/taps, or on the channel with its type.
type Tap struct {
	Type   string   `json:"type,omitempty"`
	ID     string   `json:"id"`
	Offer  string   `json:"offer"`
	Token  string   `json:"token"`
	Choice []string `json:"choice,omitempty"` // SKUs of those in Offer.Choices, one for each piece
	Frame  uint32   `json:"frame,omitempty"`  // RTP timestamp of the picture in which it was tapped
	On     bool     `json:"on,omitempty"`     // with TypeSound alone
}

// Ticket says that a buyer's ticket is further, or back, at the counter.
type Ticket struct {
	Type       string `json:"type"`
	Ticket     string `json:"ticket"`
	Fulfilment string `json:"fulfilment"` // see pipeline.Ticket.State
}

// Sound says whether there is something to hear.
type Sound struct {
	Type string `json:"type"`
	Is   string `json:"is"` // one of those below
}

// What Sound.Is says.
const (
	SoundOn    = "on"
	SoundMuted = "muted" // by the creator
	SoundNone  = "none"  // there is no microphone now
)

// Money is an amount, for machines and people.
type Money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
	Text     string `json:"text"`
}

// FromMoney writes an amount.
func FromMoney(m pipeline.Money) Money { return Money{m.Minor, m.Currency, m.String()} }

// Outcome answers a tap. Over HTTP a refusal is a Problem instead.
type Outcome struct {
	Type    string `json:"type,omitempty"`
	ID      string `json:"id"`
	Outcome string `json:"outcome"` // "confirmed", or a pipeline.Reason
	Offer   string `json:"offer"`
	Ticket  string `json:"ticket,omitempty"`
	Title   string `json:"title,omitempty"`
	Total   *Money `json:"total,omitempty"`
	Left    int    `json:"left"` // below zero: as often as anybody wants it
	Detail  string `json:"detail,omitempty"`
	RetryMS int64  `json:"retry_ms,omitempty"`
}

// FromOutcome writes an outcome; kind is its type, or empty over HTTP. A repeat is the same to the byte as the first.
func FromOutcome(o pipeline.Outcome, kind string) Outcome {
	w := Outcome{Type: kind, ID: o.Tap, Outcome: string(o.Reason), Offer: o.Offer, Ticket: o.Ticket, Title: o.Title, Left: o.Left, Detail: o.Details, RetryMS: o.Retry.Milliseconds()}
	if o.OK() {
		m := FromMoney(o.Total)
		w.Total = &m
	}
	return w
}

// Offer is an offer as one viewer sees it: the token is theirs alone.
type Offer struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Lang     string        `json:"lang,omitempty"` // of title and choices, as a BCP 47 tag; left out: the catalogue's own
	Price    Money         `json:"price"`
	Left     int           `json:"left"`
	State    string        `json:"state"` // soon, live, sold-out or over
	EndsMS   int64         `json:"ends_ms,omitempty"`
	StartsMS int64         `json:"starts_ms,omitempty"` // of one that starts by itself
	Token    string        `json:"token,omitempty"`
	Area     *capture.Area `json:"area,omitempty"`    // where it is in the picture now
	Line     *InLine       `json:"line,omitempty"`    // this viewer's place in the line for it; left out: they are in none
	Waiting  *int          `json:"waiting,omitempty"` // of what is sold out, and who taps it stands in line: how many do
	Picture  string        `json:"picture,omitempty"` // its address on the kit
	Choices  []Options     `json:"choices,omitempty"`
	From     bool          `json:"from,omitempty"` // Price is the least: what is chosen may cost more, see GET /api/price
}

// InLine is a viewer's place in the line for an offer that was sold out when they tapped it.
type InLine struct {
	Ahead    int   `json:"ahead"`               // who is before them
	CalledMS int64 `json:"called_ms,omitempty"` // for how long one is kept for them; left out: they are not called
}

// Options are pieces in an offer that the buyer chooses.
type Options struct {
	N  int      `json:"n"` // so many
	Of []Option `json:"of"`
}

// Pieces are as many as N, for a page to go through.
func (c Options) Pieces() []struct{} { return make([]struct{}, c.N) }

// Option is what can be chosen.
type Option struct {
	SKU     string `json:"sku"`
	Title   string `json:"title"`
	Left    int    `json:"left"` // pieces; below zero: as many as anybody wants
	Picture string `json:"picture,omitempty"`
	Price   *Money `json:"price,omitempty"` // of the offer with it, where that goes by it and nothing else is to be chosen
}

// OptionsOf is what there is to choose in the offer at a place of the catalogue's, at a kit time, in a language (pipeline.Catalogue.In); from tells whether the price goes by it.
func OptionsOf(l *pipeline.Levels, i int, at time.Duration, tag string) (all []Options, from bool) {
	o, c := l.Catalogue.Offers[i], l.Catalogue
	if !o.Chooses() {
		return nil, false
	}
	pieces := 0
	for _, line := range o.Lines {
		if len(line.Of) == 0 {
			continue
		}
		pieces += line.N
		ch := Options{N: line.N}
		for _, id := range line.Of {
			sku, at, _ := c.SKU(id)
			left := l.Stock[at]
			if sku.Uncounted {
				left = -1
			}
			ch.Of = append(ch.Of, Option{SKU: id, Title: sku.LabelIn(tag), Left: left})
		}
		all = append(all, ch)
	}
	if from = c.Varies(o); from && pieces == 1 {
		for _, ch := range all {
			for k := range ch.Of {
				if picked, why := l.Pick(i, at, []string{ch.Of[k].SKU}); why == "" {
					m := FromMoney(pipeline.Money{Minor: picked.Price, Currency: c.Currency})
					ch.Of[k].Price = &m
				}
			}
		}
	}
	return all, from
}

// Offers answers GET /api/offers, and is pushed when anything in it changed.
type Offers struct {
	Type   string  `json:"type,omitempty"`
	Offers []Offer `json:"offers"`
	LifeMS int64   `json:"life_ms"` // the tokens' life: ask again before it is over

	Recording bool `json:"recording,omitempty"` // the picture is being recorded: the page says so
}

// Areas tells where prompts are from the picture with the RTP timestamp on.
type Areas struct {
	Type string `json:"type"`
	capture.Areas
}

// Place is what becomes of a phone's place in the kit's own Wi-Fi. POST /api/stay, or a message of TypeStay, keeps it.
type Place struct {
	Type string `json:"type"`
	Is   string `json:"is"` // of those below
	InMS int64  `json:"in_ms,omitempty"`
	Code string `json:"code,omitempty"` // unless it stays: another browser, wherever it reaches the kit, goes on as this viewer by /c/{code}
}

// What a Place is.
const (
	PlaceGoes  = "goes"  // to somebody else, in InMS
	PlaceGone  = "gone"  // the network ends for this phone, for some minutes
	PlaceStays = "stays" // after all
)

// Session answers POST /api/session.
type Session struct {
	Viewer  string `json:"viewer"`
	Consent string `json:"consent"` // needed, agreed or refused
	Notice  Notice `json:"notice"`
}

// Notice is the text a visitor is asked to agree to.
type Notice struct {
	Version int    `json:"version"`
	Text    string `json:"text"`
}

// Choice is a visitor's answer to a notice: PUT /api/consent.
type Choice struct {
	Version int    `json:"version"`
	Choice  string `json:"choice"` // agreed or refused
}

// Problem is a refusal (RFC 9457), as application/problem+json.
type Problem struct {
	Type    string `json:"type"` // always about:blank
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Reason  string `json:"reason"` // stable, see pipeline.Reason
	Detail  string `json:"detail,omitempty"`
	ID      string `json:"id,omitempty"` // of the tap
	RetryMS int64  `json:"retry_ms,omitempty"`
}

// Status is the HTTP status of a reason.
func Status(r pipeline.Reason) int {
	switch r {
	case pipeline.Confirmed:
		return http.StatusOK
	case pipeline.SoldOut, pipeline.TokenUsed:
		return http.StatusConflict
	case pipeline.TooLate, pipeline.TokenExpired:
		return http.StatusGone
	case pipeline.NotYet:
		return http.StatusTooEarly
	case pipeline.TokenInvalid:
		return http.StatusUnauthorized
	case pipeline.Refused:
		return http.StatusForbidden
	case pipeline.RateLimited:
		return http.StatusTooManyRequests
	case pipeline.UnknownOffer:
		return http.StatusNotFound
	case pipeline.Unavailable:
		return http.StatusServiceUnavailable
	case pipeline.Choice:
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}
