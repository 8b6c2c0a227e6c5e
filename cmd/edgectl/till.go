package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

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
	return k.do("GET", v.path(of), nil, patience, func(roll io.Reader) error {
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
