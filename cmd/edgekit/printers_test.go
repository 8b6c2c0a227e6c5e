package main

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
)

// deskPrinter is a network printer that can be switched on, and cut off in the middle of a slip.
type deskPrinter struct {
	address string
	roll    roll

	cut int // slips after which it goes off some bytes into the next; 0: never; guarded by the roll's lock

	mu  sync.Mutex
	ln  net.Listener
	now net.Conn
}

// newDeskPrinter has an address, and is off.
func newDeskPrinter(t *testing.T) *deskPrinter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	d := &deskPrinter{address: l.Addr().String()}
	t.Cleanup(d.off)
	return d
}

func (d *deskPrinter) on(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.ln = l
	d.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.now = c
			d.mu.Unlock()
			go d.roll.take(&cutConn{c, d})
		}
	}()
}

func (d *deskPrinter) off() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ln != nil {
		d.ln.Close()
	}
	if d.now != nil {
		d.now.Close()
	}
}

// cutConn switches the printer off when it has printed as much as it should.
type cutConn struct {
	net.Conn
	d *deskPrinter
}

func (c *cutConn) Read(b []byte) (int, error) {
	c.d.roll.mu.Lock()
	n, cut := len(c.d.roll.slips), c.d.cut
	c.d.roll.mu.Unlock()
	if cut == 0 || n < cut {
		return c.Conn.Read(b)
	}
	k, err := c.Conn.Read(b[:min(len(b), 100)])
	if bytes.Contains(b[:k], []byte("\x1b@")) { // a slip has begun
		c.d.off()
		return k, io.ErrUnexpectedEOF
	}
	return k, err
}

func (d *deskPrinter) slips() []string {
	d.roll.mu.Lock()
	defer d.roll.mu.Unlock()
	return append([]string(nil), d.roll.slips...)
}

// TestTwoPrintersDrainAQueue of 300 tickets that waited for both: each comes out once, on each printer in order, and both have their share.
// Then one is switched off in the middle of a slip, and the other prints that again, marked, and all the rest.
func TestTwoPrintersDrainAQueue(t *testing.T) {
	const waiting, more = 300, 20
	a, b := newDeskPrinter(t), newDeskPrinter(t)
	k := kittest.Start(t, "-picture", "160x90@2", "-printer", "tcp:"+a.address+",tcp:"+b.address)
	op := k.Pair(t)
	buy := func(n int) {
		var all sync.WaitGroup
		for range n / 10 {
			v := k.Visit(t)
			all.Go(func() {
				for range 10 {
					if out, err := v.Buy("pen"); err != nil || out.Ticket == "" {
						t.Errorf("%+v, %v", out, err)
					}
				}
			})
		}
		all.Wait()
	}
	drained := func(what string, n int) {
		t.Helper()
		kittest.UntilWithin(t, what, 4*kittest.Limit, func() bool {
			got := map[string]bool{}
			for _, slip := range append(a.slips(), b.slips()...) {
				if wholeSlip.MatchString(slip) {
					got[numberOnSlip.FindString(slip)] = true
				}
			}
			return len(got) == n
		})
		kittest.Until(t, what+", noted", func() bool {
			_, text, err := op.Get("/api/operator/state")
			return err == nil && !bytes.Contains(text, []byte(`"state":"queued"`)) && !bytes.Contains(text, []byte(`"state":"printing"`))
		})
	}
	buy(waiting)
	a.on(t)
	b.on(t)
	drained("300 slips", waiting)
	seen := map[string]bool{}
	for name, d := range map[string]*deskPrinter{"first": a, "second": b} {
		last, slips := "", d.slips()
		if len(slips) < waiting/5 {
			t.Errorf("the %s printed %d of %d", name, len(slips), waiting)
		}
		for _, slip := range slips {
			number := numberOnSlip.FindString(slip)
			if number <= last || seen[number] || strings.Contains(slip, "POSSIBLE COPY") {
				t.Errorf("the %s printed %s after %s (seen: %v)", name, number, last, seen[number])
			}
			last, seen[number] = number, true
		}
	}
	t.Logf("%d and %d slips", len(a.slips()), len(b.slips()))

	a.roll.mu.Lock()
	a.cut = len(a.roll.slips) + 3
	a.roll.mu.Unlock()
	buy(more)
	drained("20 more", waiting+more)
	marked, torn := 0, ""
	for _, slip := range a.slips() {
		if !wholeSlip.MatchString(slip) {
			torn = numberOnSlip.FindString(slip)
		}
	}
	whole := map[string]int{}
	for _, slip := range append(a.slips(), b.slips()...) {
		if number := numberOnSlip.FindString(slip); strings.Contains(slip, "POSSIBLE COPY") {
			if marked++; torn != "" && number != torn {
				t.Errorf("%s is marked, %s was torn", number, torn)
			}
		} else if wholeSlip.MatchString(slip) {
			if whole[number]++; whole[number] > 1 {
				t.Errorf("%s came out twice, without a mark", number)
			}
		}
	}
	if marked != 1 {
		t.Errorf("%d slips are marked as possible copies, want the one that was torn (%s)", marked, torn)
	}
}
