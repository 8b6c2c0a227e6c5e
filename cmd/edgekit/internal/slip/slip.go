// Package slip lays out what a visitor takes to the counter.
package slip

import (
	"fmt"
	"strings"

	"edgekit.internal/drivers/thermal"
	"edgekit.internal/pipeline"
)

// Look is what a stall's slips have in common.
type Look struct {
	Stall  string
	Logo   *thermal.Picture // at the head; nil: none
	Text   string           // at the foot, in lines
	Drawer bool             // the cash drawer opens with each
	Beep   bool             // the printer's beeper sounds with each
}

// mostText is how many lines of a stall's own text a slip has.
const mostText = 12

// Compose writes a ticket's slip for a printer: the number large enough to be called out, what to hand over, the
// amounts with the tax in them, and a code for the scanner. again marks a possible copy.
func Compose(t pipeline.Ticket, look Look, again bool, p thermal.Profile, text thermal.Text) []byte {
	d := thermal.NewDoc(p, text)
	if look.Drawer && !again {
		d.Drawer()
	}
	if look.Beep && !again {
		d.Beep()
	}
	d.Picture(look.Logo)
	d.Line(look.Stall, thermal.Style{Align: thermal.Centre, Bold: true})
	d.Line(t.Number, thermal.Style{Align: thermal.Centre, Bold: true, Times: 4})
	if again {
		d.Line("POSSIBLE COPY", thermal.Style{Align: thermal.Centre, Bold: true})
		d.Line("hand over once only", centre)
	}
	d.Rule()
	for _, l := range t.Lines {
		d.Pair(fmt.Sprintf("%d x %s", l.N, l.Title), amount(l.Amount, t.Total.Currency), thermal.Style{})
	}
	d.Rule()
	d.Pair("Total", t.Total.String(), thermal.Style{Bold: true})
	for _, tax := range taxes(t.Lines) {
		d.Pair("incl. tax "+tax.rate.String(), amount(tax.sum, t.Total.Currency), thermal.Style{Small: true})
	}
	d.QR(Code(t), 6)
	d.Line("Show this slip at the counter", centre)
	if look.Text != "" {
		d.Rule()
		for i, l := range strings.Split(strings.TrimSpace(look.Text), "\n") {
			if i < mostText {
				d.Line(l, centre)
			}
		}
	}
	d.Feed(3)
	d.Cut()
	return d.Bytes()
}

func amount(minor int64, currency string) string {
	return pipeline.Money{Minor: minor, Currency: currency}.String()
}

type tax struct {
	rate pipeline.TaxRate
	sum  int64
}

// taxes sums the lines' taxes by rate, in the order of the lines.
func taxes(lines []pipeline.OrderLine) (sums []tax) {
next:
	for _, l := range lines {
		for i := range sums {
			if sums[i].rate == l.Rate {
				sums[i].sum += l.Tax
				continue next
			}
		}
		sums = append(sums, tax{l.Rate, l.Tax})
	}
	return sums
}
