package studio

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/capture"
	"edgekit.internal/capture/h264/h264test"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/hardware/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open runs a studio with a setting.
func open(t *testing.T, setting string) *Studio {
	t.Helper()
	s, _ := openAsking(t, setting)
	return s
}

// openAsking is open, with what tells that a key picture is asked for.
func openAsking(t *testing.T, setting string) (*Studio, <-chan uint8) {
	t.Helper()
	keys := make(chan uint8, 100)
	s := New(Config{Record: setting, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: func() time.Duration { return time.Hour },
		Time: func() (clock.Fix, bool) {
			return clock.Fix{Wall: time.Date(2026, 11, 26, 18, 30, 0, 0, time.UTC)}, true
		}, Key: func(l uint8) { keys <- l }, Told: func() {}})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, keys
}

type step struct {
	method, path, body, part string
	status                   int
	answer                   string
}

func (s *Studio) asked(t *testing.T, steps ...step) {
	t.Helper()
	for _, is := range steps {
		r := httptest.NewRequest(is.method, "/recordings"+is.path, strings.NewReader(is.body))
		if is.part != "" {
			r.Header.Set("Range", is.part)
		}
		rw := httptest.NewRecorder()
		s.Handler().ServeHTTP(rw, r)
		if rw.Code != is.status || !strings.Contains(rw.Body.String(), is.answer) {
			t.Errorf("%s %s %s: %d %.300s", is.method, is.path, is.body, rw.Code, rw.Body)
		}
		if strings.HasSuffix(is.path, ".mp4") && rw.Code == http.StatusOK && rw.Header().Get("Content-Type") != "video/mp4" {
			t.Errorf("%v", rw.Header())
		}
	}
}

// TestRecordingsAnswer: in parts where that is asked for, and with reasons where they do not.
func TestRecordingsAnswer(t *testing.T) {
	s := open(t, "ask")
	const name = "/00001-2026-11-26-1830"
	s.asked(t,
		step{"GET", "", "", "", 200, `"state":"idle"`},
		step{"PUT", "/release", `{"released":true}`, "", 409, "Start the recording first"},
		step{"PUT", "", `{"on":true}`, "", 200, `"state":"waiting"`},
		step{"PUT", "", `{}`, "", 400, "Expected"},
		step{"PUT", "", `on`, "", 400, "Expected"},
		step{"PUT", "/release", `{"note":"x"}`, "", 400, "Expected"})
	if s.Running() {
		t.Error("visitors are told of a recording without a picture")
	}
	for i := range 90 {
		at := time.Hour + time.Duration(i)*time.Second/30
		au := h264test.Playable(capture.Timestamp(at), i == 0, i)
		au.At = at
		s.Picture(au)
	}
	s.asked(t,
		step{"PUT", "/release", `{"released":true,"note":"Ana"}`, "", 200, `"state":"recording","released":true,"note":"Ana"`},
		step{"GET", "", "", "", 200, `"live":true`},
		step{"GET", name + ".mp4", "", "", 409, "Stop the recording first"},
		step{"DELETE", name, "", "", 409, "Stop the recording first"})
	if !s.Running() {
		t.Error("visitors are not told of a recording")
	}
	s.asked(t,
		step{"PUT", "", `{"on":false}`, "", 200, `"state":"idle"`},
		step{"GET", name + ".mp4", "", "", 200, "ftyp"},
		step{"GET", name + ".mp4?download", "", "bytes=4-7", 206, "ftyp"},
		step{"GET", name + ".mp4", "", "bytes=99999999-", 416, ""},
		step{"HEAD", name + ".mp4", "", "", 200, ""},
		step{"GET", "/00002.mp4", "", "", 404, "no such recording"},
		step{"GET", name, "", "", 404, "no such recording"},
		step{"GET", name + "/marks", "", "", 200, `"kit_ms":`},
		step{"GET", "/00003/marks", "", "", 404, "no such recording"},
		step{"DELETE", "/00003", "", "", 404, "no such recording"},
		step{"DELETE", name, "", "", 200, `"state":"idle"`},
		step{"GET", name + ".mp4", "", "", 404, "no such recording"})
}

// TestRecordingSwitchedOff: there is none, it is said why, and pictures and sound go nowhere.
func TestRecordingSwitchedOff(t *testing.T) {
	s := open(t, "off")
	s.SetLayers(nil)
	s.Picture(h264test.Playable(0, true, 0))
	s.Sound(capture.Sound{Data: []byte{0xf8, 0xff, 0xfe}})
	s.asked(t,
		step{"GET", "", "", "", 200, `"state":"off"`},
		step{"PUT", "", `{"on":true}`, "", 409, "switched off"},
		step{"PUT", "/release", `{"released":true}`, "", 409, "switched off"},
		step{"GET", "/00001.mp4", "", "", 404, "no such recording"},
		step{"GET", "/00001/marks", "", "", 404, "no such recording"},
		step{"DELETE", "/00001", "", "", 404, "no such recording"})
	if s.Running() || s.Stats().Files != 0 {
		t.Error("it records")
	}
}

// TestRecordingFromTheStart: with the first picture, without a word of anybody's.
func TestRecordingFromTheStart(t *testing.T) {
	s, keys := openAsking(t, "on")
	<-keys
	au := h264test.Playable(0, true, 0)
	au.At = time.Hour
	s.Picture(au)
	s.asked(t, step{"PUT", "/release", `{"released":false}`, "", 200, `"state":"recording"`})
	var all wire.Recordings
	rw := httptest.NewRecorder()
	s.Handler().ServeHTTP(rw, httptest.NewRequest("GET", "/recordings", nil))
	if err := json.Unmarshal(rw.Body.Bytes(), &all); err != nil || len(all.Files) != 1 || !all.Files[0].Began.Equal(time.Date(2026, 11, 26, 18, 30, 0, 0, time.UTC)) {
		t.Errorf("%s, %v", rw.Body, err)
	}
}
