// Package heldup is what a product is for that is held up to the camera: its offer is put on show, or the operator is asked whether it is
// to be. A ticket's code that is held up is as good as one that is scanned, and shown to the operator. Nothing else comes of a code that the camera
// sees: a ticket's hands nothing over by itself, and a code that sells sells nothing.
package heldup

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// Config says what there is to show, and how.
type Config struct {
	Ask    bool // the operator first
	Levels func() *pipeline.Levels
	Now    func() time.Duration                               // kit time
	Show   func(ctx context.Context, offer string) wire.Press // puts an offer on show; may take its time
	Ticket func(ctx context.Context, code string) wire.Scan   // takes a ticket's code as the scanner's
	Listed func(ctx context.Context, code string) bool        // tells whether it is that of a guest's ticket
	Log    *slog.Logger
}

const (
	// gone is for how long a product must not be seen to be held up anew. The camera tells twice a second of what it sees, and hands and
	// lamps hide it in between.
	gone = 3 * time.Second
	// pause is the least time between two that are shown: whoever waves with codes wears out neither card nor viewers.
	pause = time.Second
	// shown is for how long the console shows what is not held up any more: a hand goes from the product to the button.
	shown = 20 * time.Second
	// maxWaiting bounds the codes that wait while an offer is put on show. What does not fit is seen again in half a second.
	maxWaiting = 16
)

// Watch takes the codes that the camera sees. Its methods are safe for concurrent use. A nil one is that of a camera that does not look:
// what it is told is left out.
type Watch struct {
	cfg     Config
	queue   chan capture.Code
	dropped atomic.Int64

	// Run's.
	held    map[string]time.Time // when each SKU, or ticket's code, was seen last; only of those that are held up
	slip    string               // what there is to say of the ticket that was held up last
	current string               // the SKU whose offer was shown, or asked about, last
	turned  time.Time            // when that was

	mu     sync.Mutex
	latest wire.HeldUp
	seen   time.Time // when its code was last
}

// New makes a watch; Run starts it.
func New(c Config) *Watch {
	return &Watch{cfg: c, queue: make(chan capture.Code, maxWaiting), held: map[string]time.Time{}}
}

// Saw takes a code. It never blocks.
func (w *Watch) Saw(c capture.Code) {
	if w == nil {
		return // a camera program that was not asked to look
	}
	select {
	case w.queue <- c:
	default:
		w.dropped.Add(1)
	}
}

// Dropped counts codes that were not looked at, since too many waited.
func (w *Watch) Dropped() int64 {
	if w == nil {
		return 0
	}
	return w.dropped.Load()
}

// Run looks at codes until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	for {
		select {
		case c := <-w.queue:
			w.take(ctx, c, time.Now())
		case <-ctx.Done():
			return nil
		}
	}
}

// take finds out whose code it is, and whether it is news.
func (w *Watch) take(ctx context.Context, c capture.Code, now time.Time) {
	levels := w.cfg.Levels()
	sku, ok := levels.Catalogue.Scanned(c.Text)
	if _, _, ticket := slip.ParseCode(c.Text); !ok && (ticket || w.cfg.Listed(ctx, c.Text)) {
		w.ticket(ctx, c.Text, now)
		return
	}
	if !ok {
		w.tell(now, wire.HeldUp{Text: number(c.Text), Detail: "No product has that code. Give it as barcode to its SKU in the catalogue."})
		return
	}
	offer, ok := levels.OfferOf(sku.SKU, w.cfg.Now())
	switch {
	case offer.ID == "":
		w.tell(now, wire.HeldUp{Title: sku.Title, Detail: sku.Title + " is in no offer."})
	case !ok:
		w.tell(now, wire.HeldUp{Title: offer.Title, Detail: offer.Title + " is not for sale now: start it in the console."})
	case w.news(sku.SKU, now):
		w.present(ctx, levels, sku.SKU, offer, now)
	default:
		w.still(offer.Title, now)
	}
}

// number is the text of a code as far as it may be a product's, for who is to give it to a SKU. What is in other codes, of passes, links
// and Wi-Fi, is nobody's business.
func number(text string) string {
	if len(text) > 32 || strings.ContainsAny(text, ":/ ") {
		return ""
	}
	return text
}

// ticket has a ticket looked up whose slip is held up, once for as long as it is.
func (w *Watch) ticket(ctx context.Context, code string, now time.Time) {
	w.forget(now)
	_, held := w.held[code]
	w.held[code] = now
	if !held {
		w.slip = w.cfg.Ticket(ctx, code).Detail
	}
	w.tell(now, wire.HeldUp{Detail: w.slip})
}

// forget lets go of what is not held up any more.
func (w *Watch) forget(now time.Time) {
	for id, at := range w.held {
		if now.Sub(at) > gone {
			delete(w.held, id)
		}
	}
}

// news tells whether a product has just been held up, or is still there after the one that came later has gone. Two that are there
// together are shown once each. It is the product that counts, not its offer: when a drop ends, the next of what is still held up is not
// begun by that.
func (w *Watch) news(sku string, now time.Time) bool {
	w.forget(now)
	_, held := w.held[sku]
	_, currentHeld := w.held[w.current]
	news := !held || sku != w.current && !currentHeld
	if news && !w.turned.IsZero() && now.Sub(w.turned) < pause {
		return false // it is seen again
	}
	w.held[sku] = now
	return news
}

// present shows an offer, or has the operator asked.
func (w *Watch) present(ctx context.Context, levels *pipeline.Levels, sku string, offer pipeline.Offer, now time.Time) {
	w.current, w.turned = sku, now
	up := wire.HeldUp{Title: offer.Title, Offer: offer.ID, Detail: fmt.Sprintf("%s is held up: show it?", offer.Title), At: time.Now().UTC()}
	if w.onShow(levels, offer.ID) {
		up.Offer, up.Detail = "", offer.Title+" is on show."
	} else if !w.cfg.Ask {
		out := w.cfg.Show(ctx, offer.ID)
		up.Detail = out.Detail
		if out.OK {
			up.Offer = ""
		} else { // it is tried again while it is held up, and may be shown by hand
			delete(w.held, sku)
			w.cfg.Log.Warn("held up, and not shown", "offer", offer.ID, "says", out.Detail)
		}
	}
	w.set(now, up)
}

// onShow tells whether an offer is what visitors see already.
func (w *Watch) onShow(levels *pipeline.Levels, offer string) bool {
	state := levels.StateAt(offer, w.cfg.Now())
	return levels.Shown == offer && (state == pipeline.OfferLive || state == pipeline.OfferSoon)
}

// tell shows what is nothing to put on show, once for as long as it is held up. A poster behind the stall takes no question away.
func (w *Watch) tell(now time.Time, up wire.HeldUp) {
	w.mu.Lock()
	age := now.Sub(w.seen)
	if w.latest.Title != "" && w.latest.Title != up.Title && (age <= gone || w.latest.Offer != "" && age <= shown) {
		w.mu.Unlock()
		return
	}
	same := w.latest.Text == up.Text && w.latest.Title == up.Title && w.latest.Detail == up.Detail && age <= gone
	if same {
		w.seen = now
	}
	w.mu.Unlock()
	if !same {
		up.At = time.Now().UTC()
		w.set(now, up)
	}
}

// still takes note that what the console shows is still there.
func (w *Watch) still(title string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest.Title == title {
		w.seen = now
	}
}

func (w *Watch) set(now time.Time, up wire.HeldUp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest, w.seen = up, now
}

// Latest is what is held up, or was a moment ago; nil of no watch.
func (w *Watch) Latest() *wire.HeldUp {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	up, seen := w.latest, w.seen
	w.mu.Unlock()
	if time.Since(seen) > shown {
		return &wire.HeldUp{Detail: "No product's code is held up."}
	}
	if up.Offer != "" && w.onShow(w.cfg.Levels(), up.Offer) { // shown by hand meanwhile
		up.Offer, up.Detail = "", up.Title+" is on show."
	}
	return &up
}
