package kit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"edgekit.internal/capture/fanout"
	"edgekit.internal/cmd/edgekit/internal/portal"
	"edgekit.internal/cmd/edgekit/internal/web"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/catalog"
	"edgekit.internal/pipeline/fulfil"
	"edgekit.internal/pipeline/store"
)

// committed takes decisions from the store's writer, which must not wait.
func (k *Kit) committed(ds []store.Decision) {
	for _, d := range ds {
		for sent := false; !sent; {
			select {
			case k.news <- d:
				sent = true
			default:
				select {
				case <-k.news:
					k.newsDropped.Add(1)
				default:
				}
			}
		}
	}
	if k.queue != nil {
		k.queue.Wake()
	}
}

// offersChanged has tell look at the offers, once for however many changes.
func (k *Kit) offersChanged() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// tell brings decisions to picture and pages, and shows what time alone changes, such as an offer's end.
func (k *Kit) tell(ctx context.Context) error {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	due := time.NewTimer(0) // when time alone next changes an offer: phones are told then, all at once, and not at some tick
	defer due.Stop()
	update := func() {
		if k.scene.Update() {
			k.web.Refresh()
		}
		now := k.clock.Now()
		if next, ok := k.store.Levels().Due(now); ok {
			due.Reset(next - now)
		} else {
			due.Stop()
		}
	}
	update()
	for {
		select {
		case d := <-k.news:
			if d.Outcome.OK() {
				k.desk.Sold()
				if k.codes != nil && d.Order.Tap.Via == pipeline.ViaQR {
					k.codes.Spent()
				}
				k.scene.Confirm(d.Outcome)
				k.web.Refresh()
			}
			k.web.Outcome(d.Outcome)
		case <-k.changed:
			update()
		case <-tick.C:
			update()
		case <-due.C:
			update()
			k.web.Refresh() // also for an offer that is not in the picture
		case <-ctx.Done():
			return nil
		}
	}
}

// pages are the visitors': those of their browsers, and those in the sheets of phones that have just joined.
type pages struct {
	*web.Web
	sheets *portal.Portal
}

// Leaving has both say what becomes of their place in the Wi-Fi.
func (p pages) Leaving(addr string, in time.Duration) {
	p.Web.Leaving(addr, in, p.sheets.Code)
	p.sheets.Leaving(addr, in)
}

// readCatalogue reads the catalogue file, if one is named, so that a bad one is a fault before anything serves. One that is
// gone is no reason to close a stall that has its catalogue already.
func (k *Kit) readCatalogue() error {
	if k.config.Catalog == "" {
		return nil
	}
	f, err := os.Open(k.config.Catalog)
	if errors.Is(err, fs.ErrNotExist) && len(k.store.Levels().Catalogue.Offers) > 0 {
		k.log.Warn("catalogue file is gone: selling from what was imported before", "file", k.config.Catalog)
		return nil
	}
	if err != nil {
		return fault("edgekit: --catalog: %v", err)
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, catalog.MaxBytes+1))
	if err != nil {
		return fault("edgekit: --catalog: %v", err)
	}
	in, err := catalog.Read(k.config.Catalog, doc, k.store.Levels().Catalogue, k.config.Import())
	if err != nil {
		var all catalog.Problems
		if errors.As(err, &all) && len(all) > 1 {
			return fault("%v (and %d more; nothing was imported)", all[0], len(all)-1)
		}
		return fault("%v (nothing was imported)", err)
	}
	k.catalogue = &in
	return nil
}

// importCatalogue brings the catalogue into the store, if its file changed.
func (k *Kit) importCatalogue(ctx context.Context) error {
	in := k.catalogue
	if in == nil {
		return nil
	}
	imported, err := k.store.ImportFile(ctx, in.Catalogue, in.Digest)
	if err != nil {
		return fault("edgekit: --catalog: %v", err)
	}
	if imported {
		k.log.Info("catalogue imported", "file", k.config.Catalog, "form", in.Form, "skus", len(in.Catalogue.SKUs), "offers", len(in.Catalogue.Offers))
	}
	return nil
}

type slipMaker func(t pipeline.Ticket, again bool, p thermal.Profile) []byte

// printSlip is the queue's way to paper.
func (k *Kit) printSlip(ctx context.Context, t pipeline.Ticket, again bool, begin func() error) (fulfil.Fate, error) {
	fate, err := k.printer.Print(ctx, thermal.Job{Name: t.Number, Tap: t.Tap, Begin: begin, Compose: func(p thermal.Profile) []byte { return k.compose(t, again, p) }})
	return map[thermal.Fate]fulfil.Fate{thermal.Unsent: fulfil.Unsent, thermal.Begun: fulfil.Begun, thermal.Sent: fulfil.Sent, thermal.Printed: fulfil.Printed}[fate], err
}

func (k *Kit) firstByte(tap string) { k.traces.Since(tap, "printing") }

// slipPNG draws a ticket's slip from the very bytes that the printer gets.
func (k *Kit) slipPNG(number string) ([]byte, error) {
	t, ok, err := k.store.Ticket(context.Background(), number)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, store.ErrUnknown{What: "ticket", ID: number}
	}
	profile, err := thermal.ProfileByName(k.config.Paper)
	if err != nil {
		return nil, err
	}
	picture, _, err := thermal.Render(k.compose(t, false, profile), profile)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = png.Encode(&b, picture)
	return b.Bytes(), err
}

// devices lists what is plugged in, for the console.
func (k *Kit) devices() []drivers.Status {
	k.source.mu.Lock()
	s := k.source.now
	k.source.mu.Unlock()
	camera := drivers.Status{Device: "camera", Name: strings.TrimSpace(s.Name + " " + s.Format), State: drivers.State(s.State), Reason: cmp.Or(s.Reason, s.Tuned)}
	if s.State == "" || k.cam.Stats().PID == 0 {
		camera = drivers.Status{Device: "camera", State: drivers.Opening, Reason: "The camera program is starting."}
	}
	printers := []drivers.Status{{Device: "printer", Name: "none", State: drivers.Absent, Reason: "Printing is switched off. Tickets wait, and are printed when it is on."}}
	if k.printer != nil {
		printers = k.printer.Devices()
	}
	list := []drivers.Status{camera}
	if row, ok := k.microphone(); ok {
		list = append(list, row)
	}
	list = append(list, printers...)
	if row, ok := k.wifi.Device(); ok {
		list = append(list, row)
	}
	if s := k.fan.Stats(); s.Tight || s.OverTCP > 0 {
		list = append(list, drivers.Status{Device: "picture", Name: fmt.Sprintf("to %d viewers", s.Playing), State: drivers.Ready, Reason: strings.TrimSpace(crowded(s) + " " + overTCP(s))})
	}
	list = append(append(list, k.desk.Devices()...), k.counter.Devices()...)
	return append(append(list, k.machine.Devices()...), k.upkeep.Devices()...)
}

// overTCP is what it means that viewers are reached by TCP.
func overTCP(s fanout.Stats) string {
	if s.OverTCP == 0 {
		return ""
	}
	return fmt.Sprintf("Over TCP: %d, as their network lets no UDP through. Where their Wi-Fi is weak, their picture stops for a moment rather than have faults.", s.OverTCP)
}

// crowded is what it means that a network is full.
func crowded(s fanout.Stats) string {
	if !s.Tight {
		return ""
	}
	return fmt.Sprintf("The network carries about %s for everybody who watches. So that no picture stops and taps stay fast, pictures are smaller or less sharp until fewer watch or the network is free.", bitrate(s.Carries))
}

// bitrate is a rate for people, of kbit/s.
func bitrate(kbps int) string {
	if kbps < 1000 {
		return fmt.Sprintf("%d kbit/s", kbps)
	}
	return fmt.Sprintf("%.1f Mbit/s", float64(kbps)/1000)
}

// ready says why the kit cannot sell.
func (k *Kit) ready() error {
	if len(k.store.Levels().Catalogue.Offers) == 0 {
		return errors.New("there is no catalogue yet: give one with --catalog")
	}
	return nil
}
