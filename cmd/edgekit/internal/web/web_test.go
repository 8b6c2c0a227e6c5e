package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestWhoAsksIsKnown by address: crowd goes by when anybody there last asked for anything, and last did something.
func TestWhoAsksIsKnown(t *testing.T) {
	w := New(Config{Book: &shelf{catalogues: []*pipeline.Catalogue{pipeline.NewCatalogue("EUR", nil, nil)}}, Now: func() time.Duration { return 0 }, Assets: fstest.MapFS{"index.html": {Data: []byte("<p>")}}})
	h, err := w.Handler(http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, target, from string
		acted                bool
	}{
		{"GET", "/", "10.66.0.7", false},
		{"POST", "/whep", "10.66.0.8", false},
		{"GET", "/t/code", "10.66.0.9", false},
		{"POST", "/t/code", "10.66.0.10", true},
	} {
		r := httptest.NewRequest(c.method, c.target, nil)
		r.RemoteAddr = c.from + ":4000"
		if w.Looked(c.from) != (time.Time{}) {
			t.Errorf("%s is known before it came", c.from)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if looked, acted := w.Looked(c.from), w.Acted(c.from); looked.IsZero() || acted.IsZero() == c.acted {
			t.Errorf("%s %s: looked %v, acted %v", c.method, c.target, looked, acted)
		}
	}
	for i := range 2 * maxActed {
		w.Acts(fmt.Sprint(i))
	}
	if len(w.acts.at) != maxActed {
		t.Errorf("%d addresses are remembered", len(w.acts.at))
	}
}

// FuzzParseSignal: whatever a page sends over its channel is a message of ours or an error.
func FuzzParseSignal(f *testing.F) {
	for _, s := range []string{`{"type":"tap","id":"01J9Z3","offer":"mug","token":"x","frame":1}`, `{"type":"refresh"}`, `{"type":"sound","on":true}`, `{}`, `[`, `{"type":"tap"}{}`, strings.Repeat("[", 1000)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseSignal(b)
		if err == nil && m.Type != wire.TypeTap && m.Type != wire.TypeRefresh && m.Type != wire.TypeStay && m.Type != wire.TypeSound {
			t.Errorf("a message of type %q was taken", m.Type)
		}
		if err == nil && len(b) > maxBody {
			t.Errorf("%d bytes were read", len(b))
		}
	})
}

func TestMoreThanAMessageIsNone(t *testing.T) {
	for _, more := range []string{"}", "]", "{}", "x", "null"} {
		if _, err := parseSignal([]byte(`{"type":"refresh"}` + more)); err == nil {
			t.Errorf("%q behind a message was taken", more)
		}
	}
}

// TestPagesAreToldOfSoundOnceForEachChange: levels come twice a second, and are nobody's business but the operator's.
func TestPagesAreToldOfSoundOnceForEachChange(t *testing.T) {
	w := New(Config{})
	var told []string
	if !w.hub.add(&sink{viewer: "a", send: func(kind string, msg []byte) bool { told = append(told, kind+string(msg)); return true }}) {
		t.Fatal("no room")
	}
	for _, is := range []string{wire.SoundNone, wire.SoundOn, wire.SoundOn, wire.SoundMuted, wire.SoundOn} {
		w.Sound(is)
	}
	want := []string{`sound{"type":"sound","is":"on"}`, `sound{"type":"sound","is":"muted"}`, `sound{"type":"sound","is":"on"}`}
	if !slices.Equal(told, want) {
		t.Errorf("%q, expected %q", told, want)
	}
	if is := w.hub.latestSound(); is != wire.SoundOn {
		t.Errorf("a page that comes now is told %q", is)
	}
}

// TestOneViewerHasSoManyPages: the hub is bounded, by viewer and in all.
func TestOneViewerHasSoManyPages(t *testing.T) {
	h := newHub()
	sinks := []*sink{}
	add := func(viewer string) bool {
		s := &sink{viewer: viewer, send: func(string, []byte) bool { return true }}
		ok := h.add(s)
		if ok {
			sinks = append(sinks, s)
		}
		return ok
	}
	for i := range maxSSE + 2 {
		if ok := add("ann"); ok != (i < maxSSE) {
			t.Errorf("page %d of one viewer: %v", i, ok)
		}
	}
	h.remove(sinks[0])
	h.remove(sinks[0]) // twice is once
	if !add("ann") {
		t.Error("a page was closed, and no other may be opened")
	}
	for i := 0; len(h.sinks) < maxSinks; i++ {
		if !add(string(rune('a' + i))) {
			t.Fatal("not bounded where it says")
		}
	}
	if add("one more") {
		t.Error("more pages than the bound")
	}
}

// TestASlowPageLosesTheOldest: what does not fit is dropped for that page alone, and counted.
func TestASlowPageLosesTheOldest(t *testing.T) {
	h := newHub()
	var got atomic.Int64
	slow := &sink{viewer: "slow", send: func(string, []byte) bool { return false }}
	fast := &sink{viewer: "fast", send: func(string, []byte) bool { got.Add(1); return true }}
	h.add(slow)
	h.add(fast)
	for range 10 {
		h.each(func(s *sink) { s.push("offers", nil) })
	}
	if got.Load() != 10 || h.drops.Load() != 10 {
		t.Errorf("the fast page got %d of 10; %d drops counted", got.Load(), h.drops.Load())
	}
}

func TestAssetsAreCompressedAndCached(t *testing.T) {
	a, err := newAssets(fstest.MapFS{"index.html": {Data: []byte("<p>" + strings.Repeat("hello ", 500))}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		rw := httptest.NewRecorder()
		a.ServeHTTP(rw, r)
		return rw
	}
	whole, packed := get("/"), get("/", "Accept-Encoding", "gzip")
	if whole.Body.Len() < 3000 || packed.Body.Len() > 200 || packed.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes, %d packed", whole.Body.Len(), packed.Body.Len())
	}
	if again := get("/", "If-None-Match", whole.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("status %d for what the browser has", again.Code)
	}
	if missing := get("/nothing"); missing.Code != http.StatusNotFound || !json.Valid(missing.Body.Bytes()) {
		t.Errorf("%d %s", missing.Code, missing.Body)
	}
}

// TestOnePhonesSessionsLeaveRoomForOthers: when all places are taken, the address with the most of them gives up its
// oldest, and gets no more itself.
func TestOnePhonesSessionsLeaveRoomForOthers(t *testing.T) {
	h, ended := newHub(), []int{}
	add := func(i int, from string) bool {
		return h.add(&sink{viewer: fmt.Sprint(from, i), from: from, send: func(string, []byte) bool { return true }, end: func() { ended = append(ended, i) }})
	}
	for i := range maxSinks {
		from := "loud"
		if i%4 == 0 {
			from = fmt.Sprint("quiet", i)
		}
		if !add(i, from) {
			t.Fatal("not bounded where it says")
		}
	}
	if add(-1, "loud") || len(ended) != 0 {
		t.Error("the loud one took a place of others")
	}
	if !add(-2, "late") || !add(-3, "later") || len(h.sinks) != maxSinks {
		t.Error("no room for those who came late")
	}
	if len(ended) != 2 || ended[0] != 1 || ended[1] != 2 {
		t.Errorf("these gave up their places: %v", ended)
	}
}

// small is a channel that takes messages of so many bytes.
type small struct {
	most int
	got  []string
}

func (s *small) Send(msg []byte) bool {
	if len(msg) > s.most {
		return false
	}
	s.got = append(s.got, string(msg))
	return true
}

// TestOffersTooManyForAMessageAreSaidToHaveChanged: a page that hears nothing would sell from prompts that are too old.
func TestOffersTooManyForAMessageAreSaidToHaveChanged(t *testing.T) {
	v := &small{most: 100}
	if !sendOffers(v, []byte("few")) || !sendOffers(v, make([]byte, 101)) || len(v.got) != 2 || v.got[0] != "few" || v.got[1] != `{"type":"changed"}` {
		t.Errorf("%q", v.got)
	}
	if sendOffers(&small{most: 1}, []byte("closed")) {
		t.Error("nothing was sent")
	}
}
