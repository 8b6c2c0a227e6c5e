package thermal

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/drivers"
)

// Printers are one or several that share what is to be printed: each that is ready takes the next job. So they share the load, in
// order, and one that is gone, stuck or out of paper holds up no other. A job that was begun on a printer which cannot go on
// is given up there when another is ready, see Print. Safe for concurrent use.
type Printers struct{ all []*Printer }

// Bounds of what is driven: named by hand, and USB printers that auto finds.
const (
	mostNamed = 8
	mostFound = 4
)

// NewPrinters builds the printers of a Spec, which may name several, separated by commas; auto is up to four on USB. Run drives
// them.
func NewPrinters(c Config) (*Printers, error) {
	specs := strings.Split(c.Spec, ",")
	if len(specs) > mostNamed {
		return nil, fmt.Errorf("thermal: %d printers, expected at most %d", len(specs), mostNamed)
	}
	ps := &Printers{}
	for _, spec := range specs {
		c.Spec = spec
		same := 1
		if spec == "auto" {
			same = mostFound
		}
		taken := &claims{by: map[string]*Printer{}}
		for range same {
			p, err := New(c)
			if err != nil {
				return nil, err
			}
			p.claims = taken
			ps.all = append(ps.all, p)
		}
	}
	for _, p := range ps.all {
		p.jobs, p.others = ps.all[0].jobs, func() bool { return ps.ready(p) }
	}
	return ps, nil
}

// Run drives the printers until ctx ends.
func (ps *Printers) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, p := range ps.all {
		all.Go(func() error { return p.Run(ctx) })
	}
	return all.Wait()
}

// Print is Printer's, on any that is ready. A job that has begun on one that cannot go on, for want of paper or by an error, is an
// error as soon as another is ready: its fate is Begun, and whoever prints it again marks that as a possible copy.
func (ps *Printers) Print(ctx context.Context, job Job) (Fate, error) {
	return ps.all[0].Print(ctx, job)
}

// ready tells whether one is, leaving one of them out.
func (ps *Printers) ready(but *Printer) bool {
	for _, p := range ps.all {
		if s, _ := p.watch.Get(); p != but && s.State == drivers.Ready {
			return true
		}
	}
	return false
}

// Devices are the printers' states: of all that are named, and of those that were found. There is always one.
func (ps *Printers) Devices() (list []drivers.Status) {
	none := map[string]drivers.Status{}
	for _, p := range ps.all {
		s, _ := p.watch.Get()
		if p.place.name == "auto" && s.State == drivers.Absent {
			none[p.place.name] = s
			continue
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		list = append(list, none["auto"])
	}
	return list
}

// Ready tells whether any printer is.
func (ps *Printers) Ready() bool { return ps.ready(nil) }

// claims are the devices that printers of one kind have found, so that no two take the same.
type claims struct {
	mu sync.Mutex
	by map[string]*Printer
}

// first is the first of the devices that is free, or a printer's already, and claims it; "" where there is none.
func (c *claims) first(found []string, p *Printer) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, path := range found {
		if by := c.by[path]; by == nil || by == p {
			c.by[path] = p
			return path
		}
	}
	return ""
}

// free gives up what a printer has claimed.
func (c *claims) free(p *Printer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, by := range c.by {
		if by == p {
			delete(c.by, path)
		}
	}
}
