//go:build bench

package main

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/image/update"
)

// benchUpdate sells while a system of 70 MB is written to the disk that the sales are synced to, as fast as that takes it, and
// between. The installer that the daemon has runs in a process beside it, on a card of files: a system is taken on a card only.
func benchUpdate(t *testing.T, b *bench) {
	disk := onDisk(t)
	k := kittest.StartIn(t, filepath.Join(disk, "kit"), "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", "none")
	gather(t, "visitors", k.Viewer)
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 60<<20) // squashfs is compressed
	rand.NewChaCha8([32]byte{}).Read(noise)
	next := update.Release{Version: "next", Serial: 2, Boards: []string{"bench"}}
	var bundle bytes.Buffer
	err = update.Write(&bundle, next, key, []update.Source{{Name: "root.squashfs", Text: noise}, {Name: "boot/vmlinuz", Text: noise[:10<<20], Gzip: true},
		{Name: "boot/cmdline.txt", Text: []byte("root=PARTUUID=1234/PARTNROFF=1\n")}})
	if err != nil {
		t.Fatal(err)
	}
	// install takes one update after the other until it is told to stop; the last is left when it is half written.
	install := func(stop <-chan struct{}) (n int, took time.Duration) {
		for ; ; n++ {
			card, err := update.InFolder(filepath.Join(disk, "card"))
			if err != nil {
				t.Error(err)
				return n, took
			}
			i := update.Installer{Card: card, Dir: filepath.Join(disk, "update"), Keys: []ed25519.PublicKey{public}, Board: next.Boards}
			start := time.Now()
			if _, _, err := i.Install(&until{bytes.NewReader(bundle.Bytes()), stop}, update.Ask{Anyway: true}); err != nil {
				select {
				case <-stop: // it is cut off
				default:
					t.Error(err)
				}
				return n, took / time.Duration(max(n, 1))
			}
			took += time.Since(start)
		}
	}
	var visitors []*kittest.Visitor
	for range 10 {
		visitors = append(visitors, k.Visit(t))
	}
	var with, without sample
	updates, each := 0, time.Duration(0)
	for range 3 {
		without = append(without, buyAll(t, visitors)...)
		stop := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			n, took := install(stop)
			updates, each = updates+n, max(each, took)
		})
		with = append(with, buyAll(t, visitors)...)
		close(stop)
		writing.Wait()
	}
	b.put(tapUpdate, with.at(.99), "%s; without %s: p50 %.2f ×, p99 %.2f ×; %d whole updates of 70 MB meanwhile, %.1f s each, on the disk of the sales; over HTTP",
		with, without, with.at(.5)/without.at(.5), with.at(.99)/without.at(.99), updates, each.Seconds())
}

// buyAll has each visitor buy 25 times, below the limit of 4 a second.
func buyAll(t *testing.T, visitors []*kittest.Visitor) (took sample) {
	var mu sync.Mutex
	var buyers sync.WaitGroup
	for _, v := range visitors {
		buyers.Go(func() {
			for range 25 {
				o, err := v.Offer("pen")
				if err != nil {
					t.Error(err)
					return
				}
				start := time.Now()
				if a, err := v.Tap(kittest.NewTap(), "pen", o.Token); err != nil || a.Status != http.StatusOK {
					t.Errorf("tap: %+v, %v", a, err)
					return
				}
				mu.Lock()
				took.add(time.Since(start))
				mu.Unlock()
				time.Sleep(270 * time.Millisecond)
			}
		})
	}
	buyers.Wait()
	return took
}

// until is a text that ends when stop is closed.
type until struct {
	from *bytes.Reader
	stop <-chan struct{}
}

func (u *until) Read(p []byte) (int, error) {
	select {
	case <-u.stop:
		u.from.Seek(0, io.SeekEnd)
	default:
	}
	return u.from.Read(p)
}
