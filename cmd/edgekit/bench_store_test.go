//go:build bench

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/catalog"
	"edgekit.internal/pipeline/store"
	"edgekit.internal/pipeline/token"
)

// benchStore sells through the whole line, validate, enrich and act, onto the real disk with every commit synced.
func benchStore(t *testing.T, b *bench) {
	path := filepath.Join(onDisk(t), "kit.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	defer stop()
	c, err := catalog.JSON("catalogue.json", []byte(kittest.Catalogue))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(ctx, c, []byte("bench")); err != nil {
		t.Fatal(err)
	}
	mint, err := token.New(make([]byte, 32), "bench")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	sale := &pipeline.Sale{Tokens: mint, Ledger: s, Limit: pipeline.NewLimiter(4, 12, 8192), Now: func() time.Duration { return time.Since(start) }}

	alone, took := sell(t, sale, mint, 1, 2000)
	single := fmt.Sprintf("one in flight %s/s, %s", short(float64(len(alone))/took.Seconds()), alone)
	commits := s.Stats().Commits
	many, took := sell(t, sale, mint, 256, 100_000)
	b.put(durableTaps, float64(len(many))/took.Seconds(), "%s; %.0f taps a commit; %s; FULL sync to the disk",
		many, float64(len(many))/float64(s.Stats().Commits-commits), single)
	stop()
	b.put(journalBytes, perEntry(t, path), "CBOR as stored, before compression, which is not built yet")
}

// sell makes n sales with some of them in flight at a time, each to a viewer of its own. Tokens are minted before the
// clock starts, as they are long before a tap.
func sell(t *testing.T, sale *pipeline.Sale, mint *token.Mint, inFlight, n int) (took sample, all time.Duration) {
	taps := make(chan pipeline.Tap, n)
	for i := range n {
		v := fmt.Sprintf("%d-%d", inFlight, i)
		taps <- pipeline.Tap{ID: kittest.NewTap(), Viewer: v, Offer: "pen", Token: mint.Page(v, "pen", 0, sale.Now(), 10*time.Minute), Via: pipeline.ViaPage}
	}
	close(taps)
	each := make([]sample, inFlight)
	var buyers sync.WaitGroup
	start := time.Now()
	for i := range inFlight {
		buyers.Go(func() {
			for tap := range taps {
				begin := time.Now()
				if out := sale.Tap(context.Background(), tap); !out.OK() {
					t.Errorf("tap refused: %s %s", out.Reason, out.Details)
					return
				}
				each[i].add(time.Since(begin))
			}
		})
	}
	buyers.Wait()
	all = time.Since(start)
	for _, s := range each {
		took = append(took, s...)
	}
	return took, all
}

func perEntry(t *testing.T, path string) (bytes float64) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.ExecuteTransient(conn, "SELECT avg(length(entry)) FROM journal", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		bytes = q.ColumnFloat(0)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}
