package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

var demo = pipeline.NewCatalogue("EUR",
	[]pipeline.SKU{{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19000, Stock: 10}, {SKU: "PEN", Title: "Pen", Price: 300, Tax: 19000, Stock: 5}},
	[]pipeline.Offer{
		{ID: "mug", Title: "Mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: 1000, Limit: 5, State: pipeline.OfferLive},
		{ID: "set", Title: "Desk set", Lines: []pipeline.Line{{SKU: "MUG", N: 1}, {SKU: "PEN", N: 2}}, Price: 1500, State: pipeline.OfferLive},
		{ID: "one", Title: "One each", Lines: []pipeline.Line{{SKU: "PEN", N: 1}}, Price: 250, PerVisitor: 1, State: pipeline.OfferLive},
	})

// running opens a store, runs its writer, and imports the demo catalogue. stop ends and closes it.
func running(t testing.TB, path string, opt Options) (s *Store, stop func()) {
	t.Helper()
	s, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	if _, err := s.Import(context.Background(), demo, []byte("demo")); err != nil {
		t.Fatal(err)
	}
	return s, stop
}

// order makes the n-th tap's order, with its own token unless changed.
func order(n int, viewer, offer string) pipeline.Order {
	o := pipeline.Order{Tap: pipeline.Tap{ID: fmt.Sprintf("%026d", n), Viewer: viewer, Offer: offer, Via: pipeline.ViaPage}, Decision: pipeline.Confirmed, Expires: 1 << 40}
	binary.BigEndian.PutUint64(o.Nonce[:], uint64(n))
	found, _, _ := demo.Offer(offer)
	o.Title, o.Lines, o.Total = found.Title, pipeline.Price(demo, found), pipeline.Money{Minor: found.Price, Currency: "EUR"}
	return o
}

func act(t testing.TB, s *Store, o pipeline.Order) pipeline.Outcome {
	t.Helper()
	out, err := s.Act(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestChangesOfOffersAreTold, by whatever they came, and nothing else is.
func TestChangesOfOffersAreTold(t *testing.T) {
	told := 0
	s, stop := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{Changed: func() { told++ }})
	ctx := context.Background()
	for _, c := range []struct {
		what string
		do   func() error
		want bool
	}{
		{"a sale", func() error { act(t, s, order(1, "ann", "mug")); return nil }, true},
		{"the same again", func() error { act(t, s, order(1, "ann", "mug")); return nil }, false},
		{"an offer that is over", func() error { return s.SetOffer(ctx, "", "mug", pipeline.OfferOver, 0) }, true},
		{"an offer that is not there", func() error { return s.SetOffer(ctx, "", "tea", pipeline.OfferOver, 0) }, false},
		{"a slip", func() error { return s.SetPrint(ctx, 1, pipeline.Printed) }, false},
	} {
		if err := s.Probe(ctx); err != nil { // the writer has told of what came before
			t.Fatal(err)
		}
		before := told
		err := c.do()
		if err := s.Probe(ctx); err != nil {
			t.Fatal(err)
		}
		if (err != nil) != (c.what == "an offer that is not there") || told > before != c.want {
			t.Errorf("%s: %v, told %d times", c.what, err, told-before)
		}
	}
	stop()
}

func TestASaleIsOneOfEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	var told []Decision
	s, stop := running(t, path, Options{Committed: func(d []Decision) { told = append(told, d...) }})
	out := act(t, s, order(1, "ann", "set"))
	if !out.OK() || out.Ticket != "A-001" || out.Left != 1 || out.Total.String() != "€ 15.00" {
		t.Fatalf("%+v", out)
	}
	if d := cmp.Diff([]int{9, 3}, s.Levels().Stock); d != "" {
		t.Error(d)
	}
	ts, err := s.Unprinted(context.Background(), 0, 10)
	if err != nil || len(ts) != 1 || ts[0].Number != "A-001" || len(ts[0].Lines) != 2 || ts[0].Viewer != "ann" {
		t.Fatalf("%+v, %v", ts, err)
	}
	stop()
	if len(told) != 1 || told[0].Outcome != out {
		t.Errorf("told %+v", told)
	}
	again, _ := running(t, path, Options{})
	if d := cmp.Diff([]int{9, 3}, again.Levels().Stock); d != "" {
		t.Error("after a restart:", d)
	}
	if es := entries(t, again); len(es) != 1 || es[0].Ticket != 1 || es[0].Total != 1500 || len(es[0].Tap) != 16 {
		t.Errorf("journal %+v", es)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

func entries(t testing.TB, s *Store) (es []journal.Entry) {
	err := s.query(context.Background(), "journal", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "SELECT entry FROM journal ORDER BY seq", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
			b := make([]byte, q.ColumnLen(0))
			q.ColumnBytes(0, b)
			e, err := journal.Decode(b)
			es = append(es, e)
			return err
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return es
}

func TestTheSameTapGetsItsFirstOutcome(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	first := act(t, s, order(1, "ann", "mug"))
	repeat := act(t, s, order(1, "ann", "mug"))
	if !repeat.Repeat || repeat.Ticket != first.Ticket || repeat.Left != first.Left || repeat.Total != first.Total {
		t.Errorf("first %+v\nagain %+v", first, repeat)
	}
	other := order(1, "ann", "mug")
	other.Nonce = [8]byte{9} // the page fetched a new token before it tried again
	if again := act(t, s, other); !again.Repeat || again.Ticket != first.Ticket {
		t.Errorf("with another token: %+v", again)
	}
	o := order(2, "ann", "mug")
	o.Nonce = other.Nonce
	if out := act(t, s, o); !out.OK() || out.Ticket != "A-002" {
		t.Errorf("the token of the repeat was lost: %+v", out)
	}
	if n := s.Levels().Stock[0]; n != 8 {
		t.Errorf("%d mugs left, want 8", n)
	}
}

func TestATokenSellsOnce(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	act(t, s, order(1, "ann", "mug"))
	replay := order(2, "ann", "mug")
	replay.Nonce = order(1, "ann", "mug").Nonce
	if out := act(t, s, replay); out.Reason != pipeline.TokenUsed || out.Ticket != "" {
		t.Errorf("%+v", out)
	}
	if out := act(t, s, replay); out.Reason != pipeline.TokenUsed || !out.Repeat {
		t.Errorf("asked again: %+v", out)
	}
	stolen := order(1, "bob", "mug") // another viewer's tap id tells nothing about that viewer
	if out := act(t, s, stolen); out.Reason != pipeline.TokenUsed || out.Ticket != "" {
		t.Errorf("%+v", out)
	}
}

func TestSoldOutGivesTheTokenBack(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	for n := range 5 {
		if out := act(t, s, order(n, "ann", "mug")); !out.OK() || out.Left != 4-n {
			t.Fatalf("%+v", out)
		}
	}
	if out := act(t, s, order(6, "bob", "mug")); out.Reason != pipeline.SoldOut {
		t.Fatalf("%+v", out)
	}
	more := pipeline.NewCatalogue("EUR", demo.SKUs, []pipeline.Offer{demo.Offers[0], demo.Offers[1], demo.Offers[2]})
	more.Offers[0].Limit = 6
	if _, err := s.Import(context.Background(), more, []byte("more")); err != nil {
		t.Fatal(err)
	}
	if out := act(t, s, order(6, "bob", "mug")); out.Reason != pipeline.SoldOut || !out.Repeat {
		t.Errorf("the same tap again: %+v", out)
	}
	fresh := order(7, "bob", "mug")
	fresh.Nonce = order(6, "", "mug").Nonce
	if out := act(t, s, fresh); !out.OK() {
		t.Errorf("a new tap with the token given back: %+v", out)
	}
}

func TestOnePerVisitor(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	for n, want := range []pipeline.Reason{pipeline.Confirmed, pipeline.Refused} {
		if out := act(t, s, order(n, "ann", "one")); out.Reason != want {
			t.Errorf("tap %d: %+v", n, out)
		}
	}
	if out := act(t, s, order(2, "bob", "one")); !out.OK() {
		t.Errorf("%+v", out)
	}
}

func TestAnOfferThatEndsWhileATapWaitsIsTooLate(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	if err := s.SetOffer(context.Background(), "", "mug", pipeline.OfferWithdrawn, 0); err != nil {
		t.Fatal(err)
	}
	if out := act(t, s, order(1, "ann", "mug")); out.Reason != pipeline.TooLate {
		t.Errorf("%+v", out)
	}
	if err := s.SetOffer(context.Background(), "", "hat", pipeline.OfferLive, 0); !errors.As(err, new(ErrUnknown)) {
		t.Errorf("an offer that is not there: %v", err)
	}
	cheaper := order(2, "ann", "one")
	cheaper.Total.Minor = 1
	if out := act(t, s, cheaper); out.Reason != pipeline.TooLate {
		t.Errorf("priced before a price change: %+v", out)
	}
}

func TestImportKeepsWhatWasSold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	act(t, s, order(1, "ann", "mug"))
	if again, err := s.Import(context.Background(), demo, []byte("demo")); again || err != nil {
		t.Fatalf("the catalogue in use was imported again: %v, %v", again, err)
	}
	next := pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "HAT", Stock: 3}, {SKU: "MUG", Title: "Mug", Price: 1250, Stock: 12}},
		[]pipeline.Offer{{ID: "hat", Lines: []pipeline.Line{{SKU: "HAT", N: 1}}, Price: 1, State: pipeline.OfferSoon}, demo.Offers[0]})
	if _, err := s.Import(context.Background(), next, []byte("next")); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		l := s.Levels()
		if d := cmp.Diff([]int{3, 11}, l.Stock); d != "" {
			t.Error(when, d)
		}
		if l.Left("mug") != 4 || l.StateAt("hat", 0) != pipeline.OfferSoon || l.Left("set") != 0 {
			t.Errorf("%s: %+v", when, l.Offers)
		}
	}
	check("at once")
	stop()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check("after a restart")
}

// TestADiskThatIsFull: what does not fit is refused and leaves nothing; what was acknowledged stays; with space again
// it goes on. A small row may still fit where a larger one did not, so both kinds of answer are held to the stock.
func TestADiskThatIsFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	_, stop := running(t, path, Options{})
	stop()
	s, stop := running(t, path, Options{MaxPages: 24})
	sold, refused, full := map[string]bool{}, []string{}, 0
	for n := 0; full < 20 && n < 10_000; n++ {
		o := order(n, "ann", "mug")
		if n%100 != 0 && full < 10 || len(sold) == 4 {
			o.Decision, o.Details = pipeline.TooLate, "This offer is over. It was a fine offer while it lasted, and it will be missed."
		}
		out, err := s.Act(context.Background(), o)
		switch {
		case out.OK():
			sold[out.Tap] = true
		case err != nil && sqlite.ErrCode(err) != sqlite.ResultFull:
			t.Fatalf("tap %d: %v", n, err)
		case err != nil:
			full++
			refused = append(refused, o.ID)
		}
		if left := s.Levels().Stock[0]; left != 10-len(sold) {
			t.Fatalf("tap %d: %d mugs left after %d sales", n, left, len(sold))
		}
	}
	if full < 20 {
		t.Fatalf("the disk was full %d times", full)
	}
	stop()
	s, _ = running(t, path, Options{})
	for tap := range sold {
		if out, ok, err := s.Decided(context.Background(), "ann", tap); !ok || !out.OK() || err != nil {
			t.Errorf("acknowledged %s: %+v, %v, %v", tap, out, ok, err)
		}
	}
	for _, tap := range refused {
		if out, ok, err := s.Decided(context.Background(), "ann", tap); ok || err != nil {
			t.Errorf("refused for lack of space, and there is %+v, %v", out, err)
		}
	}
	if out := act(t, s, order(20_000, "ann", "mug")); !out.OK() {
		t.Errorf("with space again: %+v", out)
	}
}

func TestFilesThatAreNotOurs(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	os.WriteFile(text, []byte("this is no database, and more than a hundred bytes of it, so that nobody takes it for an empty one ........................"), 0o600)
	if _, err := Open(text, Options{}); err == nil {
		t.Error("opened a text")
	}
	newer := filepath.Join(dir, "newer.db")
	conn, err := sqlite.OpenConn(newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA user_version = 99", nil); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := Open(newer, Options{}); err == nil {
		t.Error("opened a newer version's")
	}
	if _, err := Open(filepath.Join(dir, "no", "kit.db"), Options{}); err == nil {
		t.Error("opened in a folder that is not there")
	}
}

func TestConsentIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{Wall: func() time.Time { return time.UnixMilli(5000) }})
	if s.Consented("ann") {
		t.Error("nobody was asked yet")
	}
	for _, choice := range []string{pipeline.Declined, pipeline.Agreed} {
		if _, err := s.SetConsent(context.Background(), "ann", 1, choice); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	s, _ = running(t, path, Options{})
	if c, ok := s.Consent("ann"); !ok || c.Choice != pipeline.Agreed || c.Wall.UnixMilli() != 5000 || !s.Consented("ann") {
		t.Errorf("%+v, %v", c, ok)
	}
}

func TestStopped(t *testing.T) {
	s, stop := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	stop()
	if _, err := s.Act(context.Background(), order(1, "ann", "mug")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestHeldSlipsAreDecidedTogether: printed with the marks they would have had, or never; nothing else is touched.
func TestHeldSlipsAreDecidedTogether(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	ctx := t.Context()
	for n, state := range []pipeline.PrintState{pipeline.PrintHeld, pipeline.PrintHeldSending, pipeline.Printed, pipeline.PrintQueued} {
		if out := act(t, s, order(n+1, fmt.Sprint("v", n), "mug")); !out.OK() {
			t.Fatal(out)
		}
		if err := s.SetPrint(ctx, int64(n+1), state); err != nil {
			t.Fatal(err)
		}
	}
	states := func() (all []pipeline.PrintState) {
		ts, err := s.Tickets(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		for i := range ts {
			all = append(all, ts[len(ts)-1-i].Print)
		}
		return all
	}
	if n, err := s.Held(ctx); n != 2 || err != nil {
		t.Errorf("%d held, %v", n, err)
	}
	if n, last, err := s.DecideHeld(ctx, "", true); n != 2 || last != 2 || err != nil {
		t.Errorf("%d decided, up to %d, %v", n, last, err)
	}
	if d := cmp.Diff([]pipeline.PrintState{pipeline.PrintQueued, pipeline.PrintSending, pipeline.Printed, pipeline.PrintQueued}, states()); d != "" {
		t.Error(d)
	}
	if err := s.SetPrint(ctx, 1, pipeline.PrintHeld); err != nil {
		t.Fatal(err)
	}
	if n, last, err := s.DecideHeld(ctx, "", false); n != 1 || last != 1 || err != nil {
		t.Errorf("%d decided, up to %d, %v", n, last, err)
	}
	if d := cmp.Diff([]pipeline.PrintState{pipeline.PrintDropped, pipeline.PrintSending, pipeline.Printed, pipeline.PrintQueued}, states()); d != "" {
		t.Error(d)
	}
	if n, err := s.Held(ctx); n != 0 || err != nil {
		t.Errorf("%d held, %v", n, err)
	}
	if n, last, err := s.DecideHeld(ctx, "", true); n != 0 || last != 0 || err != nil {
		t.Errorf("%d decided, up to %d, %v", n, last, err)
	}
}
