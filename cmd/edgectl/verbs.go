package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"edgekit.internal/cmd/internal/wire"
)

type (
	kitVerb struct {
		Status    statusVerb `cmd:"" help:"Addresses, devices and counts."`
		Update    updateVerb `cmd:"" help:"Install an update, or say what became of the last ones."`
		Logs      logsVerb   `cmd:"" help:"What the kit's programs and its kernel said, through restarts too."`
		SetupSlip slipVerb   `cmd:"" help:"Print the set-up slip once more."`
		Wifi      wifiVerb   `cmd:"" help:"The kit's own Wi-Fi and the phones in it."`
	}
	statusVerb struct{}
	stockVerb  struct {
		List struct{} `cmd:"" help:"Pieces left of each SKU."`
	}
	offersVerb struct {
		List struct{} `cmd:"" help:"Offers with price, state and what is left."`
	}
	ticketVerb struct {
		List struct{} `cmd:"" help:"Tickets, oldest first."`
	}
	dropVerb struct {
		Start startVerb `cmd:"" help:"Put an offer on sale now."`
		Stop  stopVerb  `cmd:"" help:"End an offer now."`
	}
	startVerb struct {
		Offer string `arg:"" help:"The offer's id."`
	}
	stopVerb struct {
		Offer string `arg:"" help:"The offer's id."`
	}
	importVerb struct {
		Import importFile `cmd:"" help:"Import a catalogue, all or nothing."`
	}
	importFile struct {
		DryRun bool   `help:"Check it and change nothing."`
		File   string `arg:"" help:"Catalogue (JSON)."`
	}
)

func (statusVerb) Run(k *kit, p *printer) error {
	var s wire.KitStatus
	if err := k.ask("GET", "/status", nil, &s); err != nil {
		return err
	}
	rows := [][]string{{"kit", s.Kit}, {"viewer", s.Viewer}, {"console", s.Console}, {"pairing code", s.Pairing},
		{"viewers", strconv.Itoa(s.Viewers)}, {"tickets", strconv.FormatInt(s.Tickets, 10)}}
	rows = append(rows, []string{"disk", fmt.Sprintf("%d of %d MB free, %d MB written so far", s.Disk.Free>>20, s.Disk.Size>>20, s.Disk.Written>>20)})
	if len(s.Disk.Stopped) > 0 {
		rows = append(rows, []string{"stopped", strings.Join(s.Disk.Stopped, ", ") + ", since the disk is nearly full; sales go on"})
	}
	if known := s.Clock; known.Source == "" {
		rows = append(rows, []string{"date", "not known yet; everything is dated later"})
	} else {
		rows = append(rows, []string{"date", fmt.Sprintf("by %s, ±%d ms", known.Source, known.WithinMS)})
	}
	for _, d := range s.Devices {
		rows = append(rows, []string{d.Device, d.State + "  " + d.Name + "  " + d.Reason})
	}
	return p.table(s, nil, rows)
}

func (stockVerb) Run(k *kit, p *printer) error {
	list := []wire.Stock{}
	if err := k.ask("GET", "/stock", nil, &list); err != nil {
		return err
	}
	var rows [][]string
	for _, s := range list {
		rows = append(rows, []string{s.SKU, s.Title, strconv.FormatInt(s.Price, 10), fmt.Sprintf("%g", s.Tax), strconv.Itoa(s.Left)})
	}
	return p.table(list, []string{"SKU", "TITLE", "PRICE", "TAX %", "LEFT"}, rows)
}

func (offersVerb) Run(k *kit, p *printer) error {
	list := []wire.OfferLevel{}
	if err := k.ask("GET", "/offers", nil, &list); err != nil {
		return err
	}
	var rows [][]string
	for _, o := range list {
		rows = append(rows, []string{o.ID, o.Title, strconv.FormatInt(o.Price, 10), o.State, strconv.Itoa(o.Left), strconv.Itoa(o.Sold)})
	}
	return p.table(list, []string{"OFFER", "TITLE", "PRICE", "STATE", "LEFT", "SOLD"}, rows)
}

func (ticketVerb) Run(k *kit, p *printer) error {
	list := []wire.Sale{}
	if err := k.ask("GET", "/tickets", nil, &list); err != nil {
		return err
	}
	var rows [][]string
	for _, t := range list {
		rows = append(rows, []string{t.Ticket, t.Offer, strconv.FormatInt(t.Total, 10), t.State, t.Tap})
	}
	return p.table(list, []string{"TICKET", "OFFER", "TOTAL", "SLIP", "TAP"}, rows)
}

func (v startVerb) Run(k *kit, p *printer) error { return setOffer(k, p, v.Offer, "live") }
func (v stopVerb) Run(k *kit, p *printer) error  { return setOffer(k, p, v.Offer, "over") }

func setOffer(k *kit, p *printer, offer, state string) error {
	var s wire.OfferState
	if err := k.ask("PUT", "/offers/"+url.PathEscape(offer), wire.OfferState{State: state}, &s); err != nil {
		return err
	}
	return p.table(map[string]string{"offer": offer, "state": s.State}, nil, [][]string{{offer, s.State}})
}

func (v importFile) Run(k *kit, p *printer) error {
	doc, err := os.ReadFile(v.File)
	if err != nil {
		return fault{fmt.Errorf("catalogue: %w", err)}
	}
	path := "/catalog?name=" + url.QueryEscape(filepath.Base(v.File))
	if v.DryRun {
		path += "&dry-run"
	}
	var done wire.Imported
	if err := k.ask("POST", path, doc, &done); err != nil {
		return err
	}
	what := "imported"
	switch {
	case done.DryRun:
		what = "would be imported"
	case !done.Changed:
		what = "in use already"
	}
	return p.table(done, nil, [][]string{{what, fmt.Sprintf("%d SKUs, %d offers", done.SKUs, done.Offers)}})
}
