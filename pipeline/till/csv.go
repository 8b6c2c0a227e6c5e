package till

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"edgekit.internal/pipeline"
)

// head names the columns of a report as a table. What a row has no word for stays empty.
var head = []string{"section", "key", "title", "count", "amount", "tax", "net", "in", "out", "currency", "time", "note"}

// WriteCSV writes reports as one table (RFC 4180, UTF-8), amounts as plain numbers. Texts that a spreadsheet would take for a formula begin with an apostrophe
// (OWASP, CSV injection).
func WriteCSV(to io.Writer, reports []Report) error {
	w := csv.NewWriter(to)
	w.UseCRLF = true
	rows := [][]string{head}
	for _, r := range reports {
		rows = append(rows, r.table()...)
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return w.Error()
}

func (r Report) table() (rows [][]string) {
	digits := pipeline.Digits(r.Currency)
	money := func(minor int64) string { return pipeline.Amount(minor, digits) }
	add := func(section string, cells map[string]string) {
		row := make([]string, len(head))
		for i, name := range head {
			row[i] = cells[name]
		}
		row[0], row[9] = section, r.Currency
		rows = append(rows, row)
	}
	total := func(key string, minor int64) {
		add("total", map[string]string{"key": key, "amount": money(minor)})
	}
	add("total", map[string]string{"key": "sold", "count": strconv.Itoa(r.Tickets), "amount": money(r.Sold)})
	total("void", r.Void)
	add("total", map[string]string{"key": "net", "amount": money(r.Net), "tax": money(r.Tax), "net": money(r.Net - r.Tax)})
	total("paid", r.Paid)
	total("open", r.Open())
	for _, s := range []struct {
		name string
		rows []Row
	}{{"rate", r.Rates}, {"item", r.Items}, {"offer", r.Offers}, {"channel", r.Channels}} {
		for _, row := range s.rows {
			add(s.name, map[string]string{"key": pipeline.Plain(row.Key), "title": pipeline.Plain(row.Title), "count": strconv.Itoa(row.N), "amount": money(row.Amount), "tax": money(row.Tax), "net": money(row.Amount - row.Tax)})
		}
	}
	for _, p := range r.Payments {
		add("payment", map[string]string{"key": string(p.Payment), "count": strconv.Itoa(p.N), "in": money(p.In), "out": money(p.Out), "amount": money(p.In - p.Out)})
	}
	for _, g := range r.Gone {
		add(string(g.Do), map[string]string{"key": g.Ticket, "title": pipeline.Plain(g.Title), "amount": money(g.Amount), "tax": money(g.Tax), "net": money(g.Amount - g.Tax), "time": g.Wall.UTC().Format(time.RFC3339), "note": pipeline.Plain(g.Note)})
	}
	return rows
}

func rate(l pipeline.OrderLine) string { return strconv.Itoa(int(l.Rate)) }
