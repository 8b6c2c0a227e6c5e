//go:build lab

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/pipeline/journal"
)

// TestLabClockJumps turns a real machine's clock under a selling kit: it starts in 1970, jumps to 2200 and back,
// and is set by the operator's phone when it pairs. Tokens and offers neither end nor come back by it, nor does one start that is
// counted down, and in the end every sale can be dated.
func TestLabClockJumps(t *testing.T) {
	began := time.Now()
	up := monotonic(t)
	t.Cleanup(func() { setClock(t, began.Add(monotonic(t)-up).Round(0)) })
	setClock(t, time.Unix(60, 0).Add(up)) // the kernel takes no time before its own start
	started := monotonic(t)

	const catalogue = `{"currency":"EUR","skus":[{"sku":"PEN","title":"Pen","price":300,"tax":19.0,"stock":1000}],
"offers":[{"id":"pen","title":"Pen","lines":[{"sku":"PEN","n":1}],"price":250,"state":"live"},
{"id":"drop","title":"Drop","lines":[{"sku":"PEN","n":1}],"price":200,"state":"live","lasts":3600},
{"id":"later","title":"Later","lines":[{"sku":"PEN","n":1}],"price":150,"state":"hidden"}]}`
	k := kittest.Start(t, "-printer", "none", "-picture", "160x90@2", "-catalog", kittest.File(t, "drop.json", catalogue))
	v, err := kittest.NewVisitor(k.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	v.Client.Jar = keepsCookies(v.Client.Jar, k.Viewer) // a phone has a clock of its own, which does not jump
	buy := func(when string) {
		t.Helper()
		for _, offer := range []string{"pen", "drop"} {
			confirmed(t, v, offer)
		}
		t.Logf("sold %s, at %s by the machine's clock", when, time.Now().UTC().Format(time.DateOnly))
	}
	buy("in 1970")
	const in = 20 * time.Second
	told := monotonic(t)
	countdown(t, k, "later", in)
	waits := func(when string) (live bool) {
		t.Helper()
		o, err := v.Offer("later")
		if early := in - (monotonic(t) - told); err != nil || early > 0 && o.State != "soon" {
			t.Errorf("%s, %v before it starts: %+v, %v", when, early, o, err)
		}
		return o.State == "live"
	}
	waits("in 1970")
	held, err := v.Offer("drop") // its token is from 1970
	if err != nil {
		t.Fatal(err)
	}
	for _, year := range []int{2200, 1971} {
		setClock(t, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		buy(fmt.Sprint("in ", year))
		waits(fmt.Sprint("in ", year))
	}
	id := kittest.NewTap()
	if a, err := v.Tap(id, "drop", held.Token); err != nil || a.Status != http.StatusOK {
		t.Errorf("with a token from before the jumps: %+v, %v", a, err)
	}
	if a, err := v.Tap(kittest.NewTap(), "drop", held.Token); err != nil || a.Reason != "token-used" {
		t.Errorf("with the same token again: %+v, %v", a, err)
	}

	noon := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	paired := monotonic(t)
	op, err := kittest.PairAt(k, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := op.Get("/api/operator/state"); err != nil {
		t.Error(err)
	}
	if off := time.Since(noon) - (monotonic(t) - paired); off.Abs() > 5*time.Second {
		t.Errorf("after pairing the machine's clock says %v", time.Now().UTC())
	}
	buy("by the phone's clock")
	waits("by the phone's clock")
	time.Sleep(in - (monotonic(t) - told)) // who asks all the while is told to wait
	kittest.Until(t, "what was counted down through all that", func() bool { return waits("by the phone's clock") })

	path := filepath.Join(k.Data, "kit.db")
	kittest.Until(t, "the phone's time in the journal", func() bool {
		for _, e := range journalOf(t, path) {
			if e.Kind == journal.Fix && e.Source == "phone" {
				return true
			}
		}
		return false
	})
	all, sales := journalOf(t, path), 0
	from, until := noon.Add(started-paired-6*time.Second), noon.Add(monotonic(t)-paired+6*time.Second)
	for _, e := range all {
		if e.Kind != journal.Sale {
			continue
		}
		sales++
		if d := journal.NewDates(all).Of(e); !d.Known() || d.Earliest.Before(from) || d.Latest.After(until) {
			t.Errorf("ticket %d, at %v by the clock of then, is dated %+v", e.Ticket, time.UnixMilli(e.Wall).UTC(), d)
		}
	}
	if sales != 9 {
		t.Errorf("%d sales in the journal, want 9", sales)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// kept are cookies that no clock ends.
type kept []*http.Cookie

func keepsCookies(jar http.CookieJar, base string) kept {
	at, err := url.Parse(base)
	if err != nil {
		return nil
	}
	return jar.Cookies(at)
}

func (kept) SetCookies(*url.URL, []*http.Cookie) {}

func (k kept) Cookies(*url.URL) []*http.Cookie { return k }

func setClock(t *testing.T, to time.Time) {
	t.Helper()
	ts := unix.NsecToTimespec(to.UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &ts); err != nil {
		t.Fatal(err)
	}
}

func monotonic(t *testing.T) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}
