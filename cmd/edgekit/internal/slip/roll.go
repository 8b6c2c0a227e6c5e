package slip

import (
	"fmt"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/till"
)

// mostRows is how many rows of a kind a printed roll has: the table has all.
const mostRows = 60

// ComposeRoll writes a till roll: what was sold, by what it was paid, the tax in it, and what of it was voided.
func ComposeRoll(stall string, roll wire.Roll, p thermal.Profile, text thermal.Text) []byte {
	d := thermal.NewDoc(p, text)
	d.Line(stall, strong)
	if roll.Closing > 0 {
		d.Line(fmt.Sprintf("TILL ROLL %d", roll.Closing), strong)
	} else {
		d.Line("TILL, NOT CLOSED YET", strong)
	}
	small := thermal.Style{Small: true}
	for _, t := range []struct {
		name string
		at   *time.Time
	}{{"from", roll.From}, {"to", roll.To}} {
		if t.at != nil {
			d.Pair(t.name, t.at.Format("2006-01-02 15:04 MST"), small)
		}
	}
	if len(roll.Reports) == 0 {
		d.Rule()
		d.Line("Nothing was sold.", centre)
	}
	for _, r := range roll.Reports {
		report(d, r)
	}
	d.Feed(3)
	d.Cut()
	return d.Bytes()
}

// ComposeCode writes a slip with a code that sells an offer once, and until when.
func ComposeCode(stall, title, price, link string, minutes int, p thermal.Profile, text thermal.Text) []byte {
	d := thermal.NewDoc(p, text)
	d.Line(stall, strong)
	d.Line(title, thermal.Style{Align: thermal.Centre, Bold: true, Times: 2})
	d.Line(price, strong)
	d.QR(link, 6)
	d.Line("Scan to buy one", centre)
	d.Line(fmt.Sprintf("once, within %d minutes", minutes), centre)
	d.Feed(3)
	d.Cut()
	return d.Bytes()
}

func report(d *thermal.Doc, r till.Report) {
	money := func(minor int64) string { return amount(minor, r.Currency) }
	small := thermal.Style{Small: true}
	d.Rule()
	d.Pair(fmt.Sprintf("%d tickets", r.Tickets), money(r.Sold), thermal.Style{})
	d.Pair("void", money(-r.Void), thermal.Style{})
	d.Pair("Net", money(r.Net), thermal.Style{Bold: true})
	for _, t := range r.Rates {
		d.Pair("incl. tax "+t.Title, money(t.Tax), small)
		d.Pair("without it", money(t.Amount-t.Tax), small)
	}
	d.Rule()
	for _, paid := range r.Payments {
		d.Pair(fmt.Sprintf("%s (%d)", paid.Payment, paid.N), money(paid.In-paid.Out), thermal.Style{})
	}
	if open := r.Open(); open != 0 {
		d.Pair("not paid", money(open), thermal.Style{Bold: true})
	}
	d.Rule()
	for i, row := range r.Items {
		if i == mostRows {
			d.Line(fmt.Sprintf("and %d more: see the table", len(r.Items)-mostRows), small)
			break
		}
		d.Pair(fmt.Sprintf("%d x %s", row.N, row.Title), money(row.Amount), small)
	}
	if len(r.Gone) > 0 {
		d.Rule()
	}
	for i, g := range r.Gone {
		if i == mostRows {
			d.Line(fmt.Sprintf("and %d more: see the table", len(r.Gone)-mostRows), small)
			break
		}
		what := "void"
		if g.Do == pipeline.TakeBack {
			what = "came back"
		}
		d.Pair(fmt.Sprintf("%s %s", g.Ticket, what), money(-g.Amount), small)
	}
}
