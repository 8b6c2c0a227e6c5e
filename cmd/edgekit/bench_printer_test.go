//go:build bench

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// benchPaper is a printer on the network that is always well: it answers DLE EOT n (ESC/POS, real-time status) and notes
// when bytes of jobs come.
type benchPaper struct {
	ln net.Listener

	mu    sync.Mutex
	last  time.Time
	first time.Time // of the bytes since expect
	bytes int       // since expect
	most  int       // bytes of a job
	text  []byte    // of all jobs
}

func newBenchPaper(t *testing.T) *benchPaper {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	p := &benchPaper{ln: ln}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go p.take(c)
		}
	}()
	return p
}

func (p *benchPaper) spec() string { return "tcp:" + p.ln.Addr().String() }

func (p *benchPaper) take(c net.Conn) {
	defer c.Close()
	b := make([]byte, 64<<10)
	asked := 0 // bytes of a question seen so far
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		now, job := time.Now(), 0
		for _, x := range b[:n] {
			switch {
			case asked == 0 && x == 0x10, asked == 1 && x == 0x04:
				asked++
			case asked == 2 && x >= 1 && x <= 4:
				asked = 0
				if _, err := c.Write([]byte{0x12}); err != nil {
					return
				}
			default:
				job += asked + 1
				asked = 0
			}
		}
		if job > 0 {
			p.mu.Lock()
			p.text = append(p.text, b[:n]...)
			if p.first.IsZero() {
				p.first = now
			}
			p.last = now
			p.bytes += job
			p.mu.Unlock()
		}
	}
}

// expect waits until the printer has been quiet for a while, and then counts from nothing.
func (p *benchPaper) expect(t *testing.T) {
	t.Helper()
	kittest.Until(t, "the printer is quiet", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if time.Since(p.last) < 60*time.Millisecond {
			return false
		}
		p.first, p.bytes, p.most = time.Time{}, 0, max(p.most, p.bytes)
		return true
	})
}

func (p *benchPaper) firstByte() (at time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first, !p.first.IsZero()
}

// out is how many slips are out, by their tickets' numbers, of tickets 1 to n.
func (p *benchPaper) out(n int) (out int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range n {
		if bytes.Contains(p.text, fmt.Appendf(nil, "A-%03d", i+1)) {
			out++
		}
	}
	return out
}

// benchQueue sells 60 times within a second, and measures until the last slip is out, on a printer that takes at once what it is sent:
// what printing takes is not the kit's.
func benchQueue(t *testing.T, b *bench) {
	const slips, each = 60, 4 // a visitor's limit is 4 a second
	p := newBenchPaper(t)
	k := kittest.StartIn(t, onDisk(t), "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", p.spec())
	var visitors []*kittest.Visitor
	for range slips / each {
		visitors = append(visitors, k.Visit(t))
	}
	begun := time.Now()
	var buyers sync.WaitGroup
	for _, v := range visitors {
		buyers.Go(func() {
			for range each {
				if a, err := v.Buy("pen"); err != nil || a.Status != http.StatusOK {
					t.Errorf("tap: %+v, %v", a, err)
				}
				time.Sleep(270 * time.Millisecond)
			}
		})
	}
	buyers.Wait()
	sold := time.Since(begun)
	kittest.UntilWithin(t, "all slips", 2*time.Minute, func() bool { return p.out(slips) == slips })
	took := time.Since(begun)
	b.put(slipsMinute, slips/took.Minutes(), "%d of %d out, the last %.1f s after the first tap; sold within %.1f s; on the network", p.out(slips), slips, took.Seconds(), sold.Seconds())
}

// benchPrinter buys one by one, each when the slip before is out.
func benchPrinter(t *testing.T, b *bench) {
	p := newBenchPaper(t)
	k := kittest.StartIn(t, onDisk(t), "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", p.spec())
	k.Watch(t)
	var visitors []*kittest.Visitor
	for range 12 {
		visitors = append(visitors, k.Visit(t))
	}
	var took sample
	for i := range 110 {
		v := visitors[i%len(visitors)]
		o, err := v.Offer("pen")
		if err != nil {
			t.Fatal(err)
		}
		p.expect(t)
		sent := time.Now()
		if a, err := v.Tap(kittest.NewTap(), "pen", o.Token); err != nil || a.Status != http.StatusOK {
			t.Fatalf("tap: %+v, %v", a, err)
		}
		var at time.Time
		kittest.Until(t, "first byte at the printer", func() (ok bool) { at, ok = p.firstByte(); return ok })
		if i >= 10 { // the first find the printer and warm the fonts
			took.add(at.Sub(sent))
		}
	}
	p.expect(t)
	b.put(tapPrinter, took.at(.99), "%s; on the network, slips of up to %.1f KB", took, float64(p.most)/1000)
}
