// Package till sums up what was sold and done at the counter, from one closing of the till to the next: the till roll.
package till

import (
	"cmp"
	"slices"
	"time"

	"edgekit.internal/pipeline"
)

// Act is something that was done at the counter, with the ticket that it was done with, whenever that was sold.
type Act struct {
	pipeline.CounterOutcome
	Of pipeline.Ticket
}

// Row is one line of a report. Amounts are minor units, and less what was voided.
type Row struct {
	Key    string `json:"key"`
	Title  string `json:"title,omitempty"`
	N      int    `json:"n"`      // pieces of a SKU or at a rate, less those that were voided; tickets of an offer or a channel, the voided ones among them
	Amount int64  `json:"amount"` // tax included
	Tax    int64  `json:"tax"`    // contained in Amount
}

// Paid is what came in and went back by one kind of payment.
type Paid struct {
	Payment pipeline.Payment `json:"payment"`
	N       int              `json:"n"` // how often
	In      int64            `json:"in"`
	Out     int64            `json:"out"`
}

// Gone is one act by which something was not sold any more.
type Gone struct {
	Ticket string                 `json:"ticket"`
	Title  string                 `json:"title"`
	Do     pipeline.CounterAction `json:"do"`
	Amount int64                  `json:"amount"`
	Tax    int64                  `json:"tax"`
	Note   string                 `json:"note,omitempty"`
	Wall   time.Time              `json:"at"` // by the kit's wall clock, which may not know
}

// Report is what there is to tell in one currency. Sold less Void is Net; the rows of Items, Offers, Rates and Channels add up to Net and Tax each; what came in
// by Payments less what went back is Paid.
type Report struct {
	Currency string `json:"currency"`
	Tickets  int    `json:"tickets"` // sold
	Sold     int64  `json:"sold"`    // by them
	Void     int64  `json:"void"`    // of them or of earlier ones
	Net      int64  `json:"net"`
	Tax      int64  `json:"tax"` // contained in Net
	Paid     int64  `json:"paid"`

	Items    []Row  `json:"items"`    // by SKU, the most first
	Offers   []Row  `json:"offers"`   // by offer, the most first
	Rates    []Row  `json:"rates"`    // by tax rate, the highest first; Key is the rate in thousandths of a percent, as a number
	Channels []Row  `json:"channels"` // by the way the tap came
	Payments []Paid `json:"payments"`
	Gone     []Gone `json:"gone"` // as they came
}

// Open is what of Net was not paid. Below zero: of earlier tickets more was.
func (r Report) Open() int64 { return r.Net - r.Paid }

// Sum makes the reports, one a currency, in the order in which those were used. Acts that were refused have nothing in them to sum.
func Sum(tickets []pipeline.Ticket, acts []Act) []Report {
	var all []*sheet
	of := func(currency string) *sheet {
		for _, s := range all {
			if s.Currency == currency {
				return s
			}
		}
		all = append(all, &sheet{Report: Report{Currency: currency}})
		return all[len(all)-1]
	}
	for _, t := range tickets {
		of(t.Total.Currency).sold(t)
	}
	for _, a := range acts {
		if a.OK() {
			of(a.Of.Total.Currency).served(a)
		}
	}
	reports := make([]Report, len(all))
	for i, s := range all {
		reports[i] = s.done()
	}
	return reports
}

// sheet is a report in the making.
type sheet struct {
	Report
	items, offers, rates, channels rows
}

func (s *sheet) sold(t pipeline.Ticket) {
	s.Tickets++
	s.Sold += t.Total.Minor
	var tax int64
	for _, l := range t.Lines {
		s.items.add(l.SKU, l.Title, l.N, l.Amount, l.Tax)
		s.rates.add(rate(l), l.Rate.String(), l.N, l.Amount, l.Tax)
		tax += l.Tax
	}
	s.Tax += tax
	s.offers.add(t.Offer, t.Title, 1, t.Total.Minor, tax)
	s.channels.add(string(t.Via), "", 1, t.Total.Minor, tax)
}

func (s *sheet) served(a Act) {
	if a.Money != 0 {
		s.pay(a.Payment, a.Money)
	}
	amount, tax := a.Voided()
	if a.Do != pipeline.Void && a.Do != pipeline.TakeBack {
		return
	}
	for _, m := range a.Moved {
		l := a.Of.Lines[m.Line]
		s.items.add(l.SKU, l.Title, -m.N, -m.Amount, -m.Tax)
		s.rates.add(rate(l), l.Rate.String(), -m.N, -m.Amount, -m.Tax)
	}
	s.Void += amount
	s.Tax -= tax
	s.offers.add(a.Of.Offer, a.Of.Title, 0, -amount, -tax)
	s.channels.add(string(a.Of.Via), "", 0, -amount, -tax)
	s.Gone = append(s.Gone, Gone{a.Of.Number, a.Of.Title, a.Do, amount, tax, a.Note, a.Wall})
}

func (s *sheet) pay(by pipeline.Payment, money int64) {
	i := slices.IndexFunc(s.Payments, func(p Paid) bool { return p.Payment == by })
	if i < 0 {
		i, s.Payments = len(s.Payments), append(s.Payments, Paid{Payment: by})
	}
	p := &s.Payments[i]
	p.N++
	if money > 0 {
		p.In += money
	} else {
		p.Out -= money
	}
	s.Paid += money
}

func (s *sheet) done() Report {
	s.Net = s.Sold - s.Void
	most := func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Amount, a.Amount), cmp.Compare(b.N, a.N), cmp.Compare(a.Key, b.Key))
	}
	s.Items, s.Offers, s.Channels = s.items.by(most), s.offers.by(most), s.channels.by(most)
	s.Rates = s.rates.by(func(a, b Row) int { return cmp.Or(len(b.Key)-len(a.Key), cmp.Compare(b.Key, a.Key)) })
	slices.SortFunc(s.Payments, func(a, b Paid) int {
		return slices.Index(pipeline.Payments, a.Payment) - slices.Index(pipeline.Payments, b.Payment)
	})
	return s.Report
}

// rows are a report's, found by key.
type rows struct {
	at  map[string]int
	all []Row
}

// add keeps the last title of a key: it may have another name than this morning.
func (r *rows) add(key, title string, n int, amount, tax int64) {
	i, ok := r.at[key]
	if !ok {
		if r.at == nil {
			r.at = map[string]int{}
		}
		i, r.all = len(r.all), append(r.all, Row{Key: key})
		r.at[key] = i
	}
	row := &r.all[i]
	row.Title = title
	row.N, row.Amount, row.Tax = row.N+n, row.Amount+amount, row.Tax+tax
}

func (r *rows) by(order func(a, b Row) int) []Row {
	slices.SortStableFunc(r.all, order)
	return r.all
}
