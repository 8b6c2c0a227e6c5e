package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

type (
	ticketVerb struct {
		List     ticketList     `cmd:"" help:"Tickets, oldest first."`
		Show     ticketShow     `cmd:"" help:"One ticket: its pieces, what is owed, and what was done with it."`
		Ready    ticketReady    `cmd:"" help:"Call its number: it can be fetched."`
		Pay      ticketPay      `cmd:"" help:"Say that it is paid."`
		HandOver ticketHandOver `cmd:"" help:"Say that it is handed over, or some of it."`
		Void     ticketVoid     `cmd:"" help:"Say that it is not sold any more, or some of it that was not handed over."`
		TakeBack ticketTakeBack `cmd:"" help:"Say that it came back, or some of it."`
		Undo     ticketUndo     `cmd:"" help:"Say that the last call, payment or hand-over was a mistake."`
		Scan     ticketScan     `cmd:"" help:"Find the ticket of a slip in a photograph."`
		Waits    waitsVerb      `cmd:"" help:"How long buyers waited."`
	}
	ticketList  struct{}
	ticketShow  struct{ ticketArg }
	ticketReady struct{ actArg }
	ticketPay   struct {
		actArg
		Payment string `default:"cash" enum:"cash,card,other" help:"How: ${enum}."`
		Amount  int64  `help:"How much of it, in minor units; left out: all that is owed."`
	}
	ticketHandOver struct {
		actArg
		piecesArg
		Payment string `default:"" enum:",cash,card,other" help:"How what is owed is paid now: cash, card or other; left out: it is not."`
	}
	ticketVoid     struct{ giveUp }
	ticketTakeBack struct{ giveUp }
	ticketUndo     struct{ actArg }
	ticketScan     struct {
		File string `arg:"" help:"The photograph, JPEG or PNG."`
	}
	waitsVerb struct{}

	ticketArg struct {
		Ticket string `arg:"" help:"Its number, such as A-001."`
	}
	actArg struct {
		ticketArg
		Note string `help:"In your own words."`
		ID   string `help:"The act's own id, a ULID: the same one again is the same act."`
	}
	piecesArg struct {
		Pieces []int `placeholder:"N,…" help:"How many of each of its lines; left out: all."`
	}
	giveUp struct {
		actArg
		piecesArg
		Restock bool     `help:"The pieces can be sold again."`
		Payment string   `default:"" enum:",cash,card,other,link" help:"How the money goes back: cash, card, other, or link: where it was paid by the payment link."`
		For     string   `placeholder:"OFFER" help:"Exchange them for this: a ticket of it, to which what was paid counts."`
		Choice  []string `placeholder:"SKU,…" help:"What is chosen in that."`
	}
)

func (ticketList) Run(k *kit, p *printer) error {
	list := []wire.Sale{}
	if err := k.ask("GET", "/tickets", nil, &list); err != nil {
		return err
	}
	var rows [][]string
	for _, t := range list {
		rows = append(rows, []string{t.Ticket, t.Offer, strconv.FormatInt(t.Total, 10), t.State, t.Fulfilment, strconv.FormatInt(t.Owed, 10), t.Tap})
	}
	return p.table(list, []string{"TICKET", "OFFER", "TOTAL", "SLIP", "IS", "OWED", "TAP"}, rows)
}

func (v ticketShow) Run(k *kit, p *printer) error {
	var t wire.TicketNow
	if err := k.ask("GET", "/tickets/"+url.PathEscape(v.Ticket), nil, &t); err != nil {
		return err
	}
	rows := [][]string{{t.Ticket, t.Title}, {"is", t.State}, {"total", t.Total.Text}, {"owed", t.Owed.Text}, {"paid", t.Paid.Text}}
	for _, l := range t.Lines {
		rows = append(rows, []string{l.SKU, fmt.Sprintf("%d x %s: %d handed over, %d to hand over", l.N, l.Title, l.Handed, l.Open)})
	}
	for _, a := range t.Acts {
		rows = append(rows, []string{a.At.Local().Format("2006-01-02 15:04"), strings.TrimSpace(a.Detail + " " + a.Note)})
	}
	return p.table(t, nil, rows)
}

func (v ticketReady) Run(k *kit, p *printer) error {
	return v.serve(k, p, wire.Serve{Do: "ready"})
}

func (v ticketPay) Run(k *kit, p *printer) error {
	return v.serve(k, p, wire.Serve{Do: "pay", Payment: v.Payment, Amount: v.Amount})
}

func (v ticketHandOver) Run(k *kit, p *printer) error {
	return v.serve(k, p, wire.Serve{Do: "hand-over", Payment: v.Payment, Pieces: v.Pieces})
}

func (v ticketVoid) Run(k *kit, p *printer) error {
	return v.serve(k, p, wire.Serve{Do: "void", Payment: v.Payment, Pieces: v.Pieces, Restock: v.Restock, For: v.For, Choice: v.Choice})
}

func (v ticketTakeBack) Run(k *kit, p *printer) error {
	return v.serve(k, p, wire.Serve{Do: "take-back", Payment: v.Payment, Pieces: v.Pieces, Restock: v.Restock, For: v.For, Choice: v.Choice})
}

func (v ticketUndo) Run(k *kit, p *printer) error { return v.serve(k, p, wire.Serve{Do: "undo"}) }

// serve ends in an error where the kit refuses.
func (v actArg) serve(k *kit, p *printer, s wire.Serve) error {
	if s.ID = v.ID; s.ID == "" {
		s.ID = ulid.Make().String()
	}
	s.Ticket, s.Note = v.Ticket, v.Note
	var done wire.Served
	if err := k.ask("POST", "/counter", s, &done); err != nil {
		return err
	}
	if !done.OK && !p.json {
		return errors.New(done.Detail)
	}
	return p.table(done, nil, [][]string{{done.Detail}})
}

func (v ticketScan) Run(k *kit, p *printer) error {
	picture, err := os.ReadFile(v.File)
	if err != nil {
		return fault{fmt.Errorf("photograph: %w", err)}
	}
	var s wire.Scan
	if err := k.ask("POST", "/photo", picture, &s); err != nil {
		return err
	}
	if !s.OK && !p.json {
		return errors.New(s.Detail)
	}
	return p.table(s, nil, [][]string{{s.Detail}})
}

func (waitsVerb) Run(k *kit, p *printer) error {
	var w wire.Waits
	if err := k.ask("GET", "/waits", nil, &w); err != nil {
		return err
	}
	row := func(what string, w wire.Wait) []string {
		if w.N == 0 {
			return []string{what, "0", "", "", ""}
		}
		return []string{what, strconv.Itoa(w.N), waited(w.Median), waited(w.P90), waited(w.Most)}
	}
	return p.table(w, []string{"FROM THE TAP UNTIL", "TICKETS", "HALF WITHIN", "NINE OF TEN WITHIN", "ALL WITHIN"},
		[][]string{row("the slip was printed", w.Printed), row("the number was called", w.Ready), row("all was handed over", w.Handed), {"to hand over now", strconv.Itoa(w.Open), "", "", ""}})
}

func waited(s float64) string {
	if s < 60 {
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%d min %02d s", int(s)/60, int(s)%60)
}

type (
	tillVerb struct {
		Show  tillShow  `cmd:"" help:"What was sold and paid since the till was closed last, or up to a closing."`
		Close tillClose `cmd:"" help:"Close the till: what comes now is the next roll's."`
		List  tillList  `cmd:"" help:"Closings, newest first."`
		Print tillPrint `cmd:"" help:"Print it."`
		CSV   tillCSV   `cmd:"" name:"csv" help:"Write it as a table."`
		PDF   tillPDF   `cmd:"" name:"pdf" help:"Write it as a document."`
	}
	tillShow struct{ closingFlag }
	tillCSV  struct{ tillFile }
	tillPDF  struct{ tillFile }
	tillFile struct {
		closingFlag
		File string `arg:"" help:"Where to; - is standard output."`
	}
	tillPrint struct{ closingFlag }
	tillClose struct {
		ID string `help:"The closing's own id, a ULID: the same one again is the same closing."`
	}
	tillList    struct{}
	closingFlag struct {
		Closing int64 `placeholder:"N" help:"The roll that ended with this closing; left out: since the last."`
	}
)

func (f closingFlag) path(of string) string {
	if f.Closing == 0 {
		return of
	}
	return of + "?closing=" + strconv.FormatInt(f.Closing, 10)
}

func (v tillShow) Run(k *kit, p *printer) error {
	var roll wire.Roll
	if err := k.ask("GET", v.path("/till"), nil, &roll); err != nil {
		return err
	}
	var rows [][]string
	for _, r := range roll.Reports {
		money := func(minor int64) string { return pipeline.Money{Minor: minor, Currency: r.Currency}.String() }
		rows = append(rows, []string{"sold", fmt.Sprintf("%d tickets", r.Tickets), money(r.Sold)}, []string{"void", "", money(-r.Void)}, []string{"net", "", money(r.Net)})
		for _, t := range r.Rates {
			rows = append(rows, []string{"tax", t.Title, money(t.Tax)})
		}
		for _, paid := range r.Payments {
			rows = append(rows, []string{"paid", string(paid.Payment), money(paid.In - paid.Out)})
		}
		rows = append(rows, []string{"not paid", "", money(r.Open())})
		for _, i := range r.Items {
			rows = append(rows, []string{i.Key, fmt.Sprintf("%d x %s", i.N, i.Title), money(i.Amount)})
		}
	}
	return p.table(roll, nil, rows)
}

func (v tillClose) Run(k *kit, p *printer) error {
	if v.ID == "" {
		v.ID = ulid.Make().String()
	}
	var done wire.Closing
	if err := k.ask("POST", "/till/close", wire.CloseTill{ID: v.ID}, &done); err != nil {
		return err
	}
	return p.table(done, nil, [][]string{{"closed", strconv.FormatInt(done.Closing, 10), done.Ticket}})
}

func (tillList) Run(k *kit, p *printer) error {
	list := []wire.Closing{}
	if err := k.ask("GET", "/till/closings", nil, &list); err != nil {
		return err
	}
	var rows [][]string
	for _, c := range list {
		rows = append(rows, []string{strconv.FormatInt(c.Closing, 10), c.At.Local().Format("2006-01-02 15:04"), c.Ticket})
	}
	return p.table(list, []string{"CLOSING", "AT", "LAST TICKET"}, rows)
}

func (v tillPrint) Run(k *kit, p *printer) error {
	var done wire.PrintRoll
	if err := k.ask("POST", "/till/print", wire.PrintRoll{Closing: v.Closing}, &done); err != nil {
		return err
	}
	return p.table(done, nil, [][]string{{"printed"}})
}

func (v tillCSV) Run(k *kit, _ *printer) error { return v.save(k, "/till.csv") }
func (v tillPDF) Run(k *kit, _ *printer) error { return v.save(k, "/till.pdf") }

func (v tillFile) save(k *kit, of string) error {
	return k.do("GET", v.path(of), "", nil, patience, func(roll io.Reader) error {
		if v.File == "-" {
			_, err := io.Copy(os.Stdout, roll)
			return err
		}
		b, err := io.ReadAll(roll)
		if err != nil {
			return err
		}
		if err := os.WriteFile(v.File, b, 0o600); err != nil {
			return fault{fmt.Errorf("till roll: %w", err)}
		}
		return nil
	})
}

type (
	doorVerb struct {
		Import guestImport `cmd:"" help:"Take a list of guests: CSV with the columns code, name and kind, or a check-in list of pretix."`
		List   guestList   `cmd:"" help:"Who is on it, who is not in yet first."`
		In     guestIn     `cmd:"" help:"Let somebody in."`
		Out    guestOut    `cmd:"" help:"Say that somebody is out, or was let in by mistake."`
		WalkIn guestWalkIn `cmd:"" help:"Let somebody in who is not on the list."`
		Forget guestForget `cmd:"" help:"Delete the list, with all names."`
	}
	guestImport struct {
		File   string `arg:"" help:"The list."`
		DryRun bool   `help:"Only tell what it would change."`
	}
	guestList struct {
		Find string `help:"A part of a name."`
	}
	guestIn  struct{ guestArg }
	guestOut struct{ guestArg }
	guestArg struct {
		Guest int64  `help:"Their number in the list."`
		Code  string `help:"What the code on their ticket says."`
		ID    string `help:"The act's own id, a ULID: the same one again is the same act."`
	}
	guestWalkIn struct {
		Name string `help:"Who it is."`
		Kind string `help:"The kind of ticket that they would have."`
		ID   string `help:"The act's own id, a ULID: the same one again is the same act."`
	}
	guestForget struct{}
)

func (v guestImport) Run(k *kit, p *printer) error {
	doc, err := os.ReadFile(v.File)
	if err != nil {
		return fault{err}
	}
	path := "/guests?name=" + url.QueryEscape(filepath.Base(v.File))
	if v.DryRun {
		path += "&dry-run"
	}
	var done wire.GuestsImported
	if err := k.ask("POST", path, doc, &done); err != nil {
		return err
	}
	return p.table(done, nil, [][]string{{fmt.Sprintf("%d guests (%s): %d new, %d changed, %d gone", done.Guests, done.Form, done.New, done.Changed, done.Gone)}})
}

func (v guestList) Run(k *kit, p *printer) error {
	var g wire.Guests
	if err := k.ask("GET", "/guests?find="+url.QueryEscape(v.Find), nil, &g); err != nil {
		return err
	}
	rows := [][]string{}
	for _, one := range g.Guests {
		in := ""
		if one.In != nil {
			in = "in since " + one.In.Local().Format("15:04")
		}
		rows = append(rows, []string{strconv.FormatInt(one.Guest, 10), one.Name, one.Kind, in})
	}
	rows = append(rows, []string{"", fmt.Sprintf("%d of %d are in, and %d without being listed", g.In, g.Listed, g.WalkIns)})
	return p.table(g, []string{"GUEST", "NAME", "KIND", "IS"}, rows)
}

func (v guestIn) Run(k *kit, p *printer) error {
	return atDoor(k, p, wire.AtDoor{ID: v.ID, Do: "in", Guest: v.Guest, Code: v.Code})
}

func (v guestOut) Run(k *kit, p *printer) error {
	return atDoor(k, p, wire.AtDoor{ID: v.ID, Do: "out", Guest: v.Guest, Code: v.Code})
}

func (v guestWalkIn) Run(k *kit, p *printer) error {
	return atDoor(k, p, wire.AtDoor{ID: v.ID, Do: "walk-in", Name: v.Name, Kind: v.Kind})
}

// atDoor ends in an error where the kit refuses.
func atDoor(k *kit, p *printer, a wire.AtDoor) error {
	if a.ID == "" {
		a.ID = ulid.Make().String()
	}
	var said wire.DoorSaid
	if err := k.ask("POST", "/door", a, &said); err != nil {
		return err
	}
	if !said.OK && !p.json {
		return errors.New(said.Detail)
	}
	return p.table(said, nil, [][]string{{said.Detail}})
}

func (guestForget) Run(k *kit, p *printer) error {
	var g wire.Guests
	if err := k.ask("DELETE", "/guests", nil, &g); err != nil {
		return err
	}
	return p.table(g, nil, [][]string{{"the list is deleted, and all names with it"}})
}
