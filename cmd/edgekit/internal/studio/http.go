package studio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"edgekit.internal/capture/record"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// diskPatience is how long a disk may take to do what an operator wished.
const diskPatience = 4 * time.Second

// Handler answers consoles and edgectl, at paths below the one it is mounted on. Whoever mounts it bounds bodies, and sees to it
// that only operators come.
func (s *Studio) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /recordings", s.getAll)
	mux.HandleFunc("PUT /recordings", s.putOn)
	mux.HandleFunc("PUT /recordings/release", s.putRelease)
	mux.HandleFunc("GET /recordings/{file}", s.getFilm)
	mux.HandleFunc("GET /recordings/{file}/marks", s.getMarks)
	mux.HandleFunc("DELETE /recordings/{file}", s.deleteOne)
	return mux
}

// errOff says that recording is switched off.
var errOff = errors.New("recording is switched off")

func (s *Studio) getAll(rw http.ResponseWriter, _ *http.Request) {
	out := wire.Recordings{Now: s.Now(), Files: []wire.RecordingFile{}}
	if s.r == nil {
		wire.Reply(rw, http.StatusOK, out)
		return
	}
	out.Room, _ = s.spare()
	all, err := s.r.List()
	if s.refused(rw, err) {
		return
	}
	for _, f := range all {
		out.Files = append(out.Files, wire.RecordingFile{Name: f.Name, Bytes: f.Bytes, LongMS: f.Long.Milliseconds(), ReleasedMS: f.Released.Milliseconds(), Began: f.Began, Live: f.Live, Broken: f.Broken})
	}
	wire.Reply(rw, http.StatusOK, out)
}

// wished decodes what an operator wishes, which must say yes or no, and has it done.
func (s *Studio) wished(rw http.ResponseWriter, r *http.Request, want any, said **bool, expected string, do func(ctx context.Context) error) {
	if err := json.NewDecoder(r.Body).Decode(want); err != nil || *said == nil {
		wire.Refuse(rw, wire.Problem{Status: http.StatusBadRequest, Reason: "malformed", Detail: "Expected " + expected + "."})
		return
	}
	if s.r == nil {
		s.refused(rw, errOff)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), diskPatience)
	defer cancel()
	if !s.refused(rw, do(ctx)) {
		wire.Reply(rw, http.StatusOK, s.Now())
	}
}

// putOn begins a recording, or ends it.
func (s *Studio) putOn(rw http.ResponseWriter, r *http.Request) {
	var want struct {
		On *bool `json:"on"`
	}
	s.wished(rw, r, &want, &want.On, `{"on":true} or {"on":false}`, func(ctx context.Context) error {
		if *want.On {
			return s.r.Start(ctx)
		}
		return s.r.Stop(ctx)
	})
}

// putRelease takes down whether those in the picture agreed.
func (s *Studio) putRelease(rw http.ResponseWriter, r *http.Request) {
	var want struct {
		Released *bool  `json:"released"`
		Note     string `json:"note"`
	}
	s.wished(rw, r, &want, &want.Released, `{"released":true} or {"released":false}, and a note if there is one`, func(ctx context.Context) error {
		is := record.Withheld
		if *want.Released {
			is = record.Released
		}
		return s.r.Mark(ctx, is, pipeline.Masked(want.Note))
	})
}

// getFilm sends a recording, or the parts of it that a player wants (RFC 9110 section 14).
func (s *Studio) getFilm(rw http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutSuffix(r.PathValue("file"), ".mp4")
	if !ok || s.r == nil {
		s.refused(rw, record.ErrUnknown)
		return
	}
	f, err := s.r.Open(name)
	if s.refused(rw, err) {
		return
	}
	defer f.Close()
	rw.Header().Set("Content-Type", "video/mp4")
	rw.Header().Set("Cache-Control", "no-store") // a name may come again, see capture/record
	if r.URL.Query().Has("download") {
		rw.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name+".mp4"))
	}
	http.ServeContent(rw, r, "", time.Time{}, f)
}

func (s *Studio) getMarks(rw http.ResponseWriter, r *http.Request) {
	if s.r == nil {
		s.refused(rw, record.ErrUnknown)
		return
	}
	b, marks, err := s.r.Marks(r.PathValue("file"))
	if marks == nil && s.refused(rw, err) {
		return
	}
	out := wire.RecordingMarks{RTP: b.RTP, KitMS: b.Kit, Began: b.Date, Marks: []wire.RecordingMark{}}
	if err != nil {
		out.Fault = err.Error()
	}
	for _, m := range marks {
		out.Marks = append(out.Marks, wire.RecordingMark{FromMS: m.From.Milliseconds(), ToMS: m.To.Milliseconds(), RTP: m.RTP, Released: m.Release == record.Released, Note: m.Note})
	}
	wire.Reply(rw, http.StatusOK, out)
}

func (s *Studio) deleteOne(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if s.r == nil {
		s.refused(rw, record.ErrUnknown)
		return
	}
	if s.refused(rw, s.r.Delete(name)) {
		return
	}
	s.cfg.Log.Info("an operator deleted a recording", "recording", name)
	wire.Reply(rw, http.StatusOK, s.Now())
}

// refused says why something was not done; false: it was.
func (s *Studio) refused(rw http.ResponseWriter, err error) bool {
	p := wire.Problem{Status: http.StatusConflict, Reason: "refused"}
	switch {
	case err == nil:
		return false
	case errors.Is(err, record.ErrUnknown):
		p = wire.Problem{Status: http.StatusNotFound, Reason: "not-found", Detail: "There is no such recording."}
	case errors.Is(err, errOff):
		p.Detail = off
	case errors.Is(err, record.ErrLive):
		p.Detail = "It is being recorded. Stop the recording first."
	case errors.Is(err, record.ErrIdle):
		p.Detail = "Nothing is being recorded. Start the recording first."
	default:
		s.cfg.Log.Warn("a wish about recordings was not carried out", "err", err)
		p = wire.Problem{Status: http.StatusServiceUnavailable, Reason: "unavailable", Detail: "The kit's disk did not do that in time. Sales and picture go on; look again in a moment."}
	}
	wire.Refuse(rw, p)
	return true
}
