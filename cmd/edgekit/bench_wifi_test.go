//go:build bench

package main

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// benchStationList takes the times of TestBenchStations, which is where a kernel's answer and hostapd's can be scripted.
func benchStationList(t *testing.T, b *bench) {
	out, err := exec.Command("go", "test", "-count=1", "-tags", "bench", "-run", "^TestBenchStations$", "-v", "edgekit.internal/drivers/wifiap").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var took []sample
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutPrefix(line, "took "); ok {
			var s sample
			if err := json.Unmarshal([]byte(text), &s); err != nil {
				t.Fatal(err)
			}
			took = append(took, s)
		}
	}
	if len(took) != 3 || len(took[0]) == 0 || len(took[1]) == 0 || len(took[2]) == 0 {
		t.Fatalf("%d samples in\n%s", len(took), out)
	}
	b.put(stationList, took[1].at(.99), "%s, the first since all joined; any other: %s; with hostapd asked about each phone only then: %s; over HTTP, without the kernel's own work", took[1], took[0], took[2])
}

// benchPortal has a phone that has just joined ask, as its system does, where the network leads, again and again while ten visitors
// buy: each time by a connection of its own. Whose the address is the kit asks at most once a second, and edgeap's answer is the tests'.
func benchPortal(t *testing.T, b *bench) {
	data := onDisk(t)
	airOf(t, data)
	k := kittest.StartIn(t, data, "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", "none")
	question, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.Viewer+"/generate_204", nil)
	if err != nil {
		t.Fatal(err)
	}
	question.Host = "connectivitycheck.gstatic.com"
	phone := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func() (led bool) {
		res, err := phone.Do(question)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode == http.StatusFound && res.Header.Get("Location") == k.Viewer+"/portal"
	}
	kittest.Until(t, "the kit to know its network", ask)
	var stop atomic.Bool
	var buyers sync.WaitGroup
	var sold atomic.Int64
	for range 10 {
		v := k.Visit(t)
		buyers.Go(func() {
			for every := time.NewTicker(300 * time.Millisecond); !stop.Load(); <-every.C { // below the limit of 4 a second for one visitor
				if a, err := v.Buy("pen"); err == nil && a.Status == http.StatusOK {
					sold.Add(1)
				}
			}
		})
	}
	var took sample
	for begun := time.Now(); time.Since(begun) < 5*time.Second; { // some of them find that the kit has to ask
		asked := time.Now()
		if !ask() {
			t.Error("not led to the portal")
			break
		}
		took.add(time.Since(asked))
		time.Sleep(5 * time.Millisecond)
	}
	stop.Store(true)
	buyers.Wait()
	b.put(portalAnswer, took.at(.99), "%s; Android's question, a connection each; %d sales meanwhile", took, sold.Load())
}
