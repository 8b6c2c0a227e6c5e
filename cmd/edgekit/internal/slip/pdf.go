package slip

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/text/encoding/charmap"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/till"
)

const (
	pageWide = 180. // mm between an A4's margins
	rowHigh  = 5.5  // mm
	letters  = 9.5  // points
	// dotsPerMM is how fine text is drawn that the document's own letters have not: 300 to the inch.
	dotsPerMM = 12
)

// column is one of a table's: how wide in mm, and whether it holds figures, which stand at its right.
type column struct {
	name    string
	wide    float64
	figures bool
}

// page is a till roll as a document, in the making.
type page struct {
	*fpdf.Fpdf
	text   thermal.Text
	images int
	err    error
}

// RollPDF writes a till roll as an A4 document. Text is text, in the fourteen letters that every reader has; what those have not, such as Arabic, is drawn. The
// same roll is the same bytes.
func RollPDF(stall string, roll wire.Roll, text thermal.Text) ([]byte, error) {
	p := &page{Fpdf: fpdf.New("P", "mm", "A4", ""), text: text}
	p.SetMargins(15, 15, 15)
	p.SetAutoPageBreak(true, 18)
	p.SetCatalogSort(true)
	p.SetCreationDate(day1)
	p.SetModificationDate(day1)
	p.SetTitle("Till roll", true)
	p.AliasNbPages("")
	p.SetFooterFunc(func() {
		p.SetY(-12)
		p.SetFont("Helvetica", "", 8)
		p.CellFormat(pageWide, 5, fmt.Sprintf("%d / {nb}", p.PageNo()), "", 0, "C", false, 0, "")
	})
	p.AddPage()
	p.heading(stall, 15)
	title := "Till, not closed yet"
	if roll.Closing > 0 {
		title = fmt.Sprintf("Till roll %d", roll.Closing)
	}
	p.heading(title, 12)
	for _, t := range []struct {
		name string
		at   *time.Time
	}{{"from", roll.From}, {"to", roll.To}} {
		if t.at != nil {
			p.row([]column{{"", 20, false}, {"", 100, false}}, false, t.name, t.at.Format("2006-01-02 15:04 MST"))
		}
	}
	if len(roll.Reports) == 0 {
		p.heading("Nothing was sold.", letters)
	}
	for _, r := range roll.Reports {
		p.report(r)
	}
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		return nil, fmt.Errorf("slip: till roll as PDF: %w", err)
	}
	return b.Bytes(), p.err
}

// day1 is the date that all these documents bear in their heads: the kit may not know its own.
var day1 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (p *page) report(r till.Report) {
	digits := pipeline.Digits(r.Currency)
	money := func(minor int64) string { return pipeline.Amount(minor, digits) }
	p.heading(fmt.Sprintf("%s, %d tickets", r.Currency, r.Tickets), 12)
	two := []column{{"", 120, false}, {"", 60, true}}
	p.row(two, false, "Sold", money(r.Sold))
	p.row(two, false, "Void and brought back", money(-r.Void))
	p.row(two, true, "Net, tax included", money(r.Net))
	p.row(two, false, "Not paid", money(r.Open()))

	p.table("Tax", []column{{"Rate", 90, false}, {"Without tax", 30, true}, {"Tax", 30, true}, {"With tax", 30, true}}, len(r.Rates), func(i int) []string {
		t := r.Rates[i]
		return []string{t.Title, money(t.Amount - t.Tax), money(t.Tax), money(t.Amount)}
	})
	p.table("Payments", []column{{"Kind", 70, false}, {"How often", 20, true}, {"In", 30, true}, {"Back", 30, true}, {"Sum", 30, true}}, len(r.Payments), func(i int) []string {
		t := r.Payments[i]
		return []string{string(t.Payment), fmt.Sprint(t.N), money(t.In), money(t.Out), money(t.In - t.Out)}
	})
	pieces := []column{{"", 30, false}, {"", 70, false}, {"Count", 20, true}, {"Tax", 30, true}, {"With tax", 30, true}}
	rows := func(name, key string, rows []till.Row) {
		pieces[0].name, pieces[1].name = key, name
		p.table(name, pieces, len(rows), func(i int) []string {
			t := rows[i]
			return []string{t.Key, t.Title, fmt.Sprint(t.N), money(t.Tax), money(t.Amount)}
		})
	}
	rows("Items", "SKU", r.Items)
	rows("Offers", "Offer", r.Offers)
	p.table("Void and brought back", []column{{"Ticket", 30, false}, {"Title", 50, false}, {"Note", 60, false}, {"With tax", 40, true}}, len(r.Gone), func(i int) []string {
		g := r.Gone[i]
		return []string{g.Ticket, g.Title, g.Note, money(-g.Amount)}
	})
}

func (p *page) heading(text string, points float64) {
	p.Ln(2)
	p.SetFont("Helvetica", "B", points)
	p.cell(text, pageWide, points*.6, false, true, points)
	p.Ln(points * .6)
}

func (p *page) table(name string, cs []column, n int, row func(i int) []string) {
	if n == 0 {
		return
	}
	p.heading(name, 10.5)
	var names []string
	for _, c := range cs {
		names = append(names, c.name)
	}
	p.row(cs, true, names...)
	for i := range n {
		p.row(cs, false, row(i)...)
	}
}

func (p *page) row(cs []column, bold bool, texts ...string) {
	for i, c := range cs {
		p.cell(texts[i], c.wide, rowHigh, c.figures, bold, letters)
	}
	p.Ln(rowHigh)
}

// cell writes a text that fits: as text where the document's letters have all of it, else drawn.
func (p *page) cell(text string, wide, high float64, right, bold bool, points float64) {
	style := ""
	if bold {
		style = "B"
	}
	p.SetFont("Helvetica", style, points)
	at := "L"
	if right {
		at = "R"
	}
	plain, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil {
		if p.drawn(text, wide, high, bold) {
			return
		}
		plain = "?" // no letters for it at all
	}
	const more = "\x85" // …
	for whole := plain; p.GetStringWidth(plain) > wide-2 && len(whole) > 1; plain = whole + more {
		whole = whole[:len(whole)-1]
	}
	p.CellFormat(wide, high, plain, "", 0, at, false, 0, "")
}

// drawn puts a text in as a picture; false: it cannot be drawn.
func (p *page) drawn(text string, wide, high float64, bold bool) bool {
	if p.text == nil {
		return false
	}
	mask := p.text(text, int(high*dotsPerMM*.7), bold, int((wide-2)*dotsPerMM))
	if mask == nil || mask.Rect.Empty() {
		return false
	}
	ink := image.NewGray(mask.Rect)
	for y := mask.Rect.Min.Y; y < mask.Rect.Max.Y; y++ {
		for x := mask.Rect.Min.X; x < mask.Rect.Max.X; x++ {
			ink.SetGray(x, y, color.Gray{255 - mask.AlphaAt(x, y).A})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, ink); err != nil {
		p.err = err
		return false
	}
	p.images++
	name, as := fmt.Sprint("text ", p.images), fpdf.ImageOptions{ImageType: "PNG"}
	p.RegisterImageOptionsReader(name, as, &b)
	p.CellFormat(wide, high, "", "", 0, "L", false, 0, "") // its place, on a new page if this one is full
	p.ImageOptions(name, p.GetX()-wide+1, p.GetY()+high*.1, float64(ink.Rect.Dx())/dotsPerMM, float64(ink.Rect.Dy())/dotsPerMM, false, as, 0, "")
	return true
}
