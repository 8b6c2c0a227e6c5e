package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

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
	offersVerb struct {
		List struct{} `cmd:"" help:"Offers with price, state and what is left."`
	}
	dropVerb struct {
		Start startVerb `cmd:"" help:"Put an offer on sale, now or after a countdown."`
		Stop  stopVerb  `cmd:"" help:"End an offer now."`
	}
	startVerb struct {
		Offer string        `arg:"" help:"The offer's id."`
		In    time.Duration `xor:"when" placeholder:"TIME" help:"Announce it, with a countdown to its start: 90s, 5m, 2h."`
		At    string        `xor:"when" placeholder:"HH:MM" help:"Likewise, until this device's clock says so."`
	}
	stopVerb struct {
		Offer string `arg:"" help:"The offer's id."`
	}
	importVerb struct {
		Import   importFile     `cmd:"" help:"Import a catalogue, all or nothing."`
		Pictures importPictures `cmd:"" help:"Take pictures, each named by the SKU, barcode or offer that it shows, such as MUG.jpg."`
	}
	importPictures struct {
		Files []string `arg:"" help:"JPEG, PNG or WebP."`
	}
	importFile struct {
		DryRun   bool   `help:"Check it and change nothing."`
		File     string `arg:"" help:"Catalogue: edgekit's JSON or CSV, or the products as Shopify, WooCommerce, Square or Odoo export them (CSV)."`
		Location string `placeholder:"NAME" help:"The place whose stock counts, where the file has that of several."`
	}
)

// Run takes all that it can, and ends in an error where it could not take some.
func (v importPictures) Run(k *kit, p *printer) error {
	taken := []wire.PictureTaken{}
	var rows [][]string
	var bad []error
	for _, name := range v.Files {
		b, err := os.ReadFile(name)
		var one wire.PictureTaken
		if err == nil {
			err = k.ask("POST", "/pictures?name="+url.QueryEscape(filepath.Base(name)), b, &one)
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
			continue
		}
		taken = append(taken, one)
		rows = append(rows, []string{name, one.SKU, one.Title})
	}
	return errors.Join(p.table(taken, []string{"FILE", "SKU", "TITLE"}, rows), errors.Join(bad...))
}

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

func (offersVerb) Run(k *kit, p *printer) error {
	list := []wire.OfferLevel{}
	if err := k.ask("GET", "/offers", nil, &list); err != nil {
		return err
	}
	var rows [][]string
	for _, o := range list {
		rows = append(rows, []string{o.ID, o.Title, strconv.FormatInt(o.Price, 10), o.State, count(o.Left), strconv.Itoa(o.Sold), strconv.Itoa(o.Waiting + o.Kept)})
	}
	return p.table(list, []string{"OFFER", "TITLE", "PRICE", "STATE", "LEFT", "SOLD", "LINE"}, rows)
}

func (v startVerb) Run(k *kit, p *printer) error {
	in := v.In
	if v.At != "" {
		var err error
		if in, err = until(v.At, time.Now()); err != nil {
			return fault{err}
		}
	}
	if in == 0 {
		return setOffer(k, p, v.Offer, wire.OfferState{State: "live"})
	}
	return setOffer(k, p, v.Offer, wire.OfferState{State: "soon", InMS: in.Milliseconds()})
}

func (v stopVerb) Run(k *kit, p *printer) error {
	return setOffer(k, p, v.Offer, wire.OfferState{State: "over"})
}

// until is how long it takes until a time of day comes, today or tomorrow.
func until(clock string, now time.Time) (time.Duration, error) {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return 0, fmt.Errorf("--at %s: expected a time of day, such as 14:30", clock)
	}
	at := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, now.Location())
	if !at.After(now) {
		at = time.Date(now.Year(), now.Month(), now.Day()+1, t.Hour(), t.Minute(), 0, 0, now.Location())
	}
	return at.Sub(now), nil
}

func setOffer(k *kit, p *printer, offer string, want wire.OfferState) error {
	want.ID = ulid.Make().String()
	var s wire.OfferState
	if err := k.ask("PUT", "/offers/"+url.PathEscape(offer), want, &s); err != nil {
		return err
	}
	row := []string{offer, s.State}
	if s.InMS > 0 {
		row = append(row, "starts in "+wire.Millis(s.InMS).Round(time.Second).String())
	}
	return p.table(map[string]string{"offer": offer, "state": s.State}, nil, [][]string{row})
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
	if v.Location != "" {
		path += "&location=" + url.QueryEscape(v.Location)
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
	rows := [][]string{{what, fmt.Sprintf("%d SKUs, %d offers (%s, %s): %s", done.SKUs, done.Offers, done.Form, done.Encoding, done.Count)}}
	if len(done.Passed) > 0 {
		rows = append(rows, []string{"left out", strings.Join(done.Passed, ", ")})
	}
	for _, c := range done.Changes {
		rows = append(rows, []string{c.What, strings.TrimSuffix(strings.TrimSpace(c.Of+" "+c.ID)+": "+strings.Join(c.How, ", "), ": ")})
	}
	return p.table(done, nil, rows)
}

type (
	stockVerb struct {
		List        stockList   `cmd:"" help:"Pieces left of each SKU."`
		Set         stockSet    `cmd:"" help:"Say how many there are."`
		Add         stockAdd    `cmd:"" help:"Say how many more there are, or fewer."`
		Corrections corrections `cmd:"" help:"What was said so, oldest first."`
	}
	stockList struct{}
	stockSet  struct {
		SKU string `arg:"" help:"The SKU."`
		N   int    `arg:"" help:"How many there are."`
		why
	}
	stockAdd struct {
		SKU string `arg:"" help:"The SKU."`
		N   int    `arg:"" help:"How many more; fewer as in -- -2."`
		why
	}
	why struct {
		Reason string `default:"counted" enum:"counted,delivered,returned,damaged,lost,given-away" help:"Why: ${enum}."`
		Note   string `help:"In your own words."`
		ID     string `help:"The correction's own id, a ULID: the same one again is the same correction."`
	}
	corrections struct{}
)

func (stockList) Run(k *kit, p *printer) error {
	list := []wire.Stock{}
	if err := k.ask("GET", "/stock", nil, &list); err != nil {
		return err
	}
	var rows [][]string
	for _, s := range list {
		rows = append(rows, []string{s.SKU, s.Title, strconv.FormatInt(s.Price, 10), fmt.Sprintf("%g", s.Tax), count(s.Left)})
	}
	return p.table(list, []string{"SKU", "TITLE", "PRICE", "TAX %", "LEFT"}, rows)
}

// count is how many are left, if that is counted.
func count(left int) string {
	if left < 0 {
		return "-"
	}
	return strconv.Itoa(left)
}

func (v stockSet) Run(k *kit, p *printer) error {
	return v.correct(k, p, wire.Correct{SKU: v.SKU, Set: &v.N})
}
func (v stockAdd) Run(k *kit, p *printer) error {
	return v.correct(k, p, wire.Correct{SKU: v.SKU, By: v.N})
}

// correct ends in an error where the kit refuses.
func (v why) correct(k *kit, p *printer, c wire.Correct) error {
	if c.ID = v.ID; c.ID == "" {
		c.ID = ulid.Make().String()
	}
	c.Reason, c.Note = v.Reason, v.Note
	var done wire.Correction
	if err := k.ask("POST", "/stock", c, &done); err != nil {
		return err
	}
	if !done.OK && !p.json {
		return errors.New(done.Detail)
	}
	return p.table(done, nil, [][]string{{done.SKU, fmt.Sprintf("%+d: %d left", done.By, done.Left)}})
}

func (corrections) Run(k *kit, p *printer) error {
	list := []wire.Correction{}
	if err := k.ask("GET", "/stock/corrections", nil, &list); err != nil {
		return err
	}
	var rows [][]string
	for i := len(list) - 1; i >= 0; i-- {
		c := list[i]
		by := fmt.Sprintf("%+d", c.By)
		if !c.OK {
			by = "refused"
		}
		rows = append(rows, []string{c.At.Local().Format("2006-01-02 15:04"), c.SKU, by, strconv.Itoa(c.Left), c.Reason, strings.TrimSpace(c.Note + " " + c.Detail)})
	}
	return p.table(list, []string{"AT", "SKU", "BY", "LEFT", "REASON", "NOTE"}, rows)
}

type (
	buttonVerb struct {
		List  listVerb  `cmd:"" help:"What each button does, and what was pressed last."`
		Press pressVerb `cmd:"" help:"Press a button."`
	}
	listVerb  struct{}
	pressVerb struct {
		Button  string `arg:"" help:"start-drop, sold-out, reprint or call-help."`
		Gesture string `default:"short" enum:"short,double,long,hold,repeat" help:"How: ${enum}."`
		ID      string `help:"The press's own id, a ULID: the same one again is the same press."`
	}
)

func (listVerb) Run(k *kit, p *printer) error {
	var b wire.Buttons
	if err := k.ask("GET", "/buttons", nil, &b); err != nil {
		return err
	}
	var rows [][]string
	for _, button := range b.Buttons {
		var does []string
		for _, g := range []string{"short", "double", "long", "hold", "repeat"} {
			if a := button.Does[g]; a != "" {
				does = append(does, g+": "+a)
			}
		}
		rows = append(rows, []string{button.Name, strings.Join(does, ", ")})
	}
	for _, press := range slices.Backward(b.Presses) {
		rows = append(rows, []string{"pressed", strings.TrimSpace(press.Button + " " + press.Gesture + " " + press.Action), press.Detail})
	}
	return p.table(b, nil, rows)
}

// Run presses, and ends in an error where the kit did not do what the press is for.
func (v pressVerb) Run(k *kit, p *printer) error {
	if v.ID == "" {
		v.ID = ulid.Make().String()
	}
	var done wire.Press
	if err := k.ask("POST", "/press", wire.PressRequest{ID: v.ID, Button: v.Button, Gesture: v.Gesture}, &done); err != nil {
		return err
	}
	if !done.OK && !p.json {
		return errors.New(done.Detail)
	}
	return p.table(done, nil, [][]string{{done.Detail}})
}
