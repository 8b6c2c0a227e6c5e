package portal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxGuests bounds who is remembered to have been through the portal.
const maxGuests = 512

// Guests remembers which stations have been through the captive portal, and since when. What is remembered decides only how names
// are answered: consent is kept elsewhere, with the visitor. So it needs to outlive this program, whose restarts visitors should not
// notice, and not the kit: a file in memory is right for it, and a station's address has no business on the card. The 512 newest
// are remembered. Safe for concurrent use.
type Guests struct {
	now  func() time.Duration
	keep func([]byte) error

	mu  sync.Mutex
	all map[MAC]time.Duration // accepted at
}

// guest is a line of what is kept.
type guest struct {
	MAC   MAC           `json:"mac"`
	Since time.Duration `json:"since"`
}

// NewGuests goes on from what was kept; rubbish is nothing kept. now is the time since the machine started. keep replaces what is
// kept, as a whole.
func NewGuests(kept []byte, now func() time.Duration, keep func([]byte) error) *Guests {
	g := &Guests{now: now, keep: keep, all: map[MAC]time.Duration{}}
	var list []guest
	if json.Unmarshal(kept, &list) != nil {
		return g
	}
	for _, is := range list[max(0, len(list)-maxGuests):] {
		g.all[is.MAC] = min(max(0, is.Since), now())
	}
	return g
}

// Accept notes that a station has been through. It is so already with an error: that says only that it will be forgotten when this
// program ends.
func (g *Guests) Accept(m MAC) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.all[m]; known {
		return nil
	}
	g.all[m] = g.now()
	list := g.list()
	for len(list) > maxGuests {
		delete(g.all, list[0].MAC)
		list = list[1:]
	}
	return g.store(list)
}

// Forget has a station go through again.
func (g *Guests) Forget(m MAC) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.all[m]; !known {
		return nil
	}
	delete(g.all, m)
	return g.store(g.list())
}

// Accepted is for how long a station has been through; ok is false if it has not.
func (g *Guests) Accepted(m MAC) (ago time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.all[m]
	return g.now() - at, ok
}

// list is everybody, the oldest first.
func (g *Guests) list() (list []guest) {
	for m, at := range g.all {
		list = append(list, guest{m, at})
	}
	slices.SortFunc(list, func(a, b guest) int { return cmp.Or(cmp.Compare(a.Since, b.Since), slices.Compare(a.MAC[:], b.MAC[:])) })
	return list
}

func (g *Guests) store(list []guest) error {
	text, err := json.Marshal(list)
	if err == nil {
		err = g.keep(text)
	}
	if err != nil {
		return fmt.Errorf("portal: keep who has been through: %w", err)
	}
	return nil
}
