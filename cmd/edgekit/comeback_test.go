package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// shownScript keeps when each new picture was shown, and what the page asked for. The last one may be shown again when its track ends.
const shownScript = `
window.shown = [];
addEventListener("DOMContentLoaded", () => {
  const v = document.querySelector("video");
  let last;
  const next = (_, m) => {
    if (m.rtpTimestamp !== undefined && m.rtpTimestamp !== last) shown.push(Date.now());
    last = m.rtpTimestamp;
    v.requestVideoFrameCallback(next);
  };
  v.requestVideoFrameCallback(next);
});
window.asked = [];
const real = window.fetch;
window.fetch = (at, how) => { asked.push([Date.now(), (how && how.method || "GET") + " " + at.replace(/^(.whep).*/, "$1")]); return real(at, how); };
`

// outage is a way of being away. It ends when the path is there again.
type outage struct {
	name  string
	times []time.Duration
	away  func(t *testing.T, k *kittest.Kit, d time.Duration) *kittest.Kit
}

var outages = []outage{
	// Less than its viewers' sessions last without a word of them, and more.
	{"the kit stands still", []time.Duration{4 * time.Second, 17 * time.Second}, func(t *testing.T, k *kittest.Kit, d time.Duration) *kittest.Kit {
		if err := syscall.Kill(k.PID(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		<-time.After(d)
		if err := syscall.Kill(k.PID(), syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		return k
	}},
	{"the kit is restarted", []time.Duration{0, 0, 3 * time.Second, 10 * time.Second}, func(t *testing.T, k *kittest.Kit, d time.Duration) *kittest.Kit {
		k.Kill()
		<-time.After(d)
		return kittest.StartIn(t, k.Data, "-listen", strings.TrimPrefix(k.Viewer, "http://"), "-operator", strings.TrimPrefix(k.Console, "http://"))
	}},
}

// TestThePictureIsBackWithThePath: however long the kit was away, the page has its picture again soon after; as the same visitor, without a
// question, and with prompts that sell. How soon is in the log.
func TestThePictureIsBackWithThePath(t *testing.T) {
	k := kittest.Start(t)
	b := kittest.Browser(t, shownScript)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Agree")
	kittest.See(t, b, "moving picture", `shown.length > 30`)
	origin := kittest.Read(t, b, `performance.timeOrigin`)
	tickets := 0
	for _, o := range outages {
		for _, d := range o.times {
			k = o.away(t, k, d)
			back := time.Now()
			first := firstShown(t, b, back)
			t.Logf("%s for %v: the picture is back after %v; asked %s", o.name, d, first.Sub(back).Round(time.Millisecond), kittest.Read(t, b, fmt.Sprintf(`asked.splice(0).slice(-12).map(([at, what]) => what + " at " + (at - %d)).join(", ")`, back.UnixMilli())))
			kittest.See(t, b, "moving picture after "+o.name, fmt.Sprintf(`shown.filter(at => at > %d).length > 30`, first.UnixMilli()))
			kittest.Press(t, b, "Buy Pen for € 2.50")
			tickets++
			kittest.See(t, b, "ticket after "+o.name, fmt.Sprintf(`document.querySelector("#tickets").childElementCount === %d`, tickets))
			if kittest.Read(t, b, `performance.timeOrigin`) != origin {
				t.Error("the page was loaded again")
			}
			if kittest.Read(t, b, `document.querySelector("dialog").open`) == "true" {
				t.Error("the page asks for consent again")
			}
		}
	}
}

// firstShown is when the first picture was shown after an instant.
func firstShown(t *testing.T, b context.Context, after time.Time) time.Time {
	t.Helper()
	expr := fmt.Sprintf(`(shown.find(at => at > %d) || 0)`, after.UnixMilli())
	kittest.See(t, b, "picture", expr+" > 0")
	ms, err := strconv.ParseInt(kittest.Read(t, b, expr), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(ms)
}

// TestACrowdIsBackWithTheKit: fifty phones that lost the kit together ask for it as the page does, find it together, and each has its
// picture, at the first try. How soon is in the log.
func TestACrowdIsBackWithTheKit(t *testing.T) {
	small := []string{"-picture", "320x180@5"}
	k := kittest.Start(t, small...)
	visitors := make([]*kittest.Visitor, 50)
	for i := range visitors {
		visitors[i] = k.Visit(t)
	}
	k.Kill()
	took := make([]time.Duration, len(visitors))
	var all sync.WaitGroup
	for i, v := range visitors {
		all.Go(func() {
			for status := 0; status == 0; { // a page asks five times a second
				status, _ = v.Do("OPTIONS", "/whep", nil, nil)
				<-time.After(200 * time.Millisecond)
			}
			began := time.Now()
			w, err := kittest.Watch(v)
			if err != nil {
				t.Errorf("phone %d: %v", i, err)
				return
			}
			defer w.Close()
			for w.Pictures.Load() == 0 {
				if took[i] = time.Since(began); took[i] > kittest.Limit {
					t.Errorf("phone %d has no picture", i)
					return
				}
				<-time.After(5 * time.Millisecond)
			}
			took[i] = time.Since(began)
		})
	}
	kittest.StartIn(t, k.Data, append(small, "-listen", strings.TrimPrefix(k.Viewer, "http://"))...)
	all.Wait()
	slices.Sort(took)
	t.Logf("the first of %d has its picture %v after it found the kit, the last %v", len(took), took[0].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}
