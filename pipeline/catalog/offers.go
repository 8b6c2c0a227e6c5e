package catalog

import (
	"slices"
	"time"

	"edgekit.internal/pipeline"
)

func (r *reader) offers(root node, o *object, known map[string]pipeline.SKU) (offers []pipeline.Offer) {
	seen := map[string]bool{}
	for _, n := range r.list(root, o, "offers", maxOffers) {
		f, ok := n.value.(*object)
		if !ok {
			r.problem(n.at, `expected an object {"id", "title", "lines", "price"}`)
			continue
		}
		r.only(f, "id", "title", "lines", "price", "limit", "per_visitor", "state", "lasts", "steps", "pay")
		offer := pipeline.Offer{ID: r.id(n, f, "id"), Title: r.text(n, f, "title", maxText),
			Limit: int(r.whole(n, f, "limit", 1, maxStock, true)), PerVisitor: int(r.whole(n, f, "per_visitor", 1, maxStock, true)),
			State: pipeline.OfferState(r.oneOf(f, "state", string(pipeline.OfferLive), texts(pipeline.OfferStates)...)), Lasts: time.Duration(r.whole(n, f, "lasts", 1, 7*24*3600, true)) * time.Second}
		if seen[offer.ID] {
			r.problem(r.at(n, f, "id"), "offer %q is there twice", offer.ID)
		}
		seen[offer.ID] = true
		offer.Lines = r.lines(n, f, known)
		r.price(n, f, &offer, known)
		offer.Steps = r.steps(n, f, offer)
		offers = append(offers, offer)
	}
	return offers
}

func (r *reader) lines(n node, f *object, known map[string]pipeline.SKU) (lines []pipeline.Line) {
	list := r.list(n, f, "lines", maxLines)
	if len(list) == 0 {
		r.problem(r.at(n, f, "lines"), `lines: expected at least one {"sku", "n"}`)
	}
	for _, ln := range list {
		l, ok := ln.value.(*object)
		if !ok {
			r.problem(ln.at, `expected an object {"sku", "n"}`)
			continue
		}
		r.only(l, "sku", "n")
		line := pipeline.Line{SKU: r.id(ln, l, "sku"), N: int(r.whole(ln, l, "n", 1, maxPieces, false))}
		if _, there := known[line.SKU]; line.SKU != "" && !there {
			r.problem(r.at(ln, l, "sku"), "sku %q is not in skus", line.SKU)
		}
		lines = append(lines, line)
	}
	return lines
}

// price is what an offer costs: so much, or what some of its pieces do.
func (r *reader) price(n node, f *object, offer *pipeline.Offer, known map[string]pipeline.SKU) {
	pay, there := f.fields["pay"]
	if !there {
		offer.Price = r.whole(n, f, "price", 0, maxMinor, false)
		return
	}
	if v, both := f.fields["price"]; both {
		r.problem(v.at, "price: the offer has pay, and goes by the prices of its pieces: expected one or the other")
	}
	pieces := 0
	for _, l := range offer.Lines {
		pieces += l.N
	}
	offer.Pay = int(r.whole(n, f, "pay", 1, int64(max(1, pieces-1)), false))
	if offer.Price = paying(*offer, known); offer.Price > maxMinor {
		r.problem(pay.at, "pay: that costs %d: expected at most %d", offer.Price, maxMinor)
	}
}

// paying is what the pieces of an offer cost that are paid for: the dearest.
func paying(o pipeline.Offer, known map[string]pipeline.SKU) (sum int64) {
	var each []int64
	for _, l := range o.Lines {
		each = append(each, slices.Repeat([]int64{known[l.SKU].Price}, l.N)...)
	}
	slices.Sort(each)
	for _, p := range each[max(0, len(each)-o.Pay):] {
		sum += p
	}
	return sum
}

// steps are an offer's other prices: each begins later than the one before it, and before the offer is over or sold out by its own bounds.
func (r *reader) steps(n node, f *object, offer pipeline.Offer) (steps []pipeline.Step) {
	if _, there := f.fields["steps"]; !there {
		return nil
	}
	var last pipeline.Step
	for _, sn := range r.list(n, f, "steps", pipeline.MaxSteps) {
		s, ok := sn.value.(*object)
		if !ok {
			r.problem(sn.at, `expected an object {"after", "sold", "price"}`)
			continue
		}
		r.only(s, "after", "sold", "price")
		step := pipeline.Step{After: time.Duration(r.whole(sn, s, "after", 0, 7*24*3600, true)) * time.Second, Sold: int(r.whole(sn, s, "sold", 0, maxStock, true)),
			Price: r.whole(sn, s, "price", 0, maxMinor, false)}
		switch {
		case step.After < last.After || step.Sold < last.Sold || step.After == last.After && step.Sold == last.Sold:
			r.problem(sn.at, "a step that begins no later than the one before it: expected more seconds in after, or more pieces in sold, and less of neither")
		case offer.Lasts > 0 && step.After >= offer.Lasts:
			r.problem(r.at(sn, s, "after"), "after: the offer is over by then: expected fewer than its %d s", offer.Lasts/time.Second)
		case offer.Limit > 0 && step.Sold >= offer.Limit:
			r.problem(r.at(sn, s, "sold"), "sold: no more than that are sold at all: expected fewer than its limit of %d", offer.Limit)
		}
		steps, last = append(steps, step), step
	}
	return steps
}
