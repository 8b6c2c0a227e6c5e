package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
	"edgekit.internal/pipeline/till"
)

// TestATillRollIsWhatTheJournalSays: of random days, with closings anywhere and a restart between, each roll's sums are those of the journal's entries between two
// closings, added up by nothing but addition. Each day has its own letter.
func TestATillRollIsWhatTheJournalSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(7, 7))
	var tickets []string
	closings, letters := 0, map[byte]int{}
	for n := range 300 {
		switch what := rnd.IntN(10); {
		case what < 4:
			if out := act(t, s, order(n, fmt.Sprint("v", n), []string{"mug", "set", "one"}[rnd.IntN(3)])); out.OK() {
				tickets = append(tickets, out.Ticket)
				if letters[out.Ticket[0]]++; out.Ticket[1:] != fmt.Sprintf("-%03d", letters[out.Ticket[0]]) || len(letters) > closings+1 {
					t.Fatalf("%s after %d closings: each day begins a letter, with 001", out.Ticket, closings)
				}
			}
		case what < 9 && len(tickets) > 0:
			a := counterAct(n, tickets[rnd.IntN(len(tickets))], pipeline.CounterActions[rnd.IntN(len(pipeline.CounterActions))])
			if a.Do != pipeline.Ready && a.Do != pipeline.Undo {
				a.Payment = pipeline.Payments[rnd.IntN(3)]
			}
			a.Restock = a.Do == pipeline.Void || a.Do == pipeline.TakeBack
			serve(t, s, a)
		case what == 9 && rnd.IntN(3) == 0:
			id := order(9000+n, "", "mug").ID
			c, err := s.CloseTill(ctx, id)
			again, e := s.CloseTill(ctx, id)
			if closings++; errors.Join(err, e) != nil || c != again || c.N != int64(closings) {
				t.Fatalf("closing %d: %+v, again %+v, %v %v", closings, c, again, err, e)
			}
		}
		if n == 150 {
			stop()
			s, _ = running(t, path, Options{})
		}
	}
	if closings < 3 || len(tickets) < 20 || len(letters) < 3 {
		t.Fatalf("%d closings of %d tickets of %d days prove little", closings, len(tickets), len(letters))
	}
	type sums struct{ Tickets, Net, Tax, Paid int64 }
	said := []sums{{}}
	items := []map[string]till.Row{{}}
	for _, e := range entries(t, s) {
		now, by := &said[len(said)-1], items[len(items)-1]
		sign := int64(1)
		switch e.Kind {
		case journal.Closing:
			said, items = append(said, sums{}), append(items, map[string]till.Row{})
			continue
		case journal.Sale:
			now.Tickets++
			now.Net += e.Total
		case journal.Counter:
			now.Paid += e.Total
			if sign = -1; e.Action != string(pipeline.Void) && e.Action != string(pipeline.TakeBack) {
				continue
			}
			for _, l := range e.Lines {
				now.Net -= l.Amount
			}
		default:
			continue
		}
		for _, l := range e.Lines {
			now.Tax += sign * l.Tax
			row := by[l.SKU]
			row.Key, row.N, row.Amount, row.Tax = l.SKU, row.N+int(sign)*l.N, row.Amount+sign*l.Amount, row.Tax+sign*l.Tax
			by[l.SKU] = row
		}
	}
	for i, want := range said {
		n := int64(i + 1)
		if i == len(said)-1 {
			n = 0
		}
		_, to, ts, acts, err := s.Roll(ctx, n)
		if err != nil || to.N != n {
			t.Fatalf("roll %d: %+v, %v", n, to, err)
		}
		var got sums
		rows := map[string]till.Row{}
		for _, r := range till.Sum(ts, acts) {
			got = sums{int64(r.Tickets), r.Net, r.Tax, r.Paid}
			for _, row := range r.Items {
				row.Title = ""
				rows[row.Key] = row
			}
		}
		if d := cmp.Diff(want, got) + cmp.Diff(items[i], rows); d != "" {
			t.Errorf("roll %d: %s", n, d)
		}
	}
	if _, _, _, _, err := s.Roll(ctx, int64(closings+1)); !errors.As(err, new(ErrUnknown)) {
		t.Errorf("a closing that there was not: %v", err)
	}
	if list, err := s.Closings(ctx, 2); err != nil || len(list) != 2 || list[0].N != int64(closings) {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.CloseTill(ctx, "today"); err == nil {
		t.Error("an id that is none")
	}
}
