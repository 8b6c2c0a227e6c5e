package fanout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"edgekit.internal/capture/fanout/internal/offer"
)

// Media types of WHEP.
const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag" // RFC 8840 section 9
	typeProblem  = "application/problem+json"        // RFC 9457
)

// WHEP serves players over HTTP (draft-ietf-wish-whep, whose resource works as that of RFC 9725). It answers at base,
// such as /whep, and below it:
//
//	POST   base       offer → 201 with answer, Location, ETag, Accept-Patch
//	PATCH  base/{id}  candidates, or nothing → 204; new ICE credentials with If-Match → 200 with the kit's and a new ETag.
//	                  Server-Timing says how long ago there was a picture for the player, in ms (picture)
//	DELETE base/{id}  → 200
//	OPTIONS           → 204, for players on pages of other origins
//
// Refusals are problem+json with a reason: malformed 400, unknown 404, method 405, no-codec 406, stale 412, too-large 413,
// unsupported-type 415, precondition-required 428, full and closed 503 with Retry-After. There is no Link: the kit has no STUN
// and TURN servers, and needs none. Players that wait for an offer of the server's, as drafts before the working group's had
// it, are told that they have to make it.
//
// options, which may be nil, says how the request's viewer is served; when it reports false it has answered itself.
// Where it names no Hosts, the viewer is told the address that its own request came to.
func (s *Server) WHEP(base string, options func(http.ResponseWriter, *http.Request) (Options, bool)) http.Handler {
	base = strings.TrimSuffix(base, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*") // without credentials: another origin's player has no session here
		h.Set("Access-Control-Expose-Headers", "Location, ETag, Accept-Patch, Accept-Post, Retry-After")
		h.Set("Cache-Control", "no-store")
		path, ok := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/"), base)
		id := strings.TrimPrefix(path, "/")
		if !ok || strings.Contains(id, "/") || path != "" && path == id {
			problem(w, http.StatusNotFound, "unknown", "nothing is served here; expected "+base)
			return
		}
		allowed := "POST, OPTIONS"
		if id != "" {
			allowed = "PATCH, DELETE, OPTIONS"
		}
		switch {
		case r.Method == http.MethodOptions:
			h.Set("Allow", allowed)
			h.Set("Accept-Post", typeSDP)
			h.Set("Access-Control-Allow-Methods", allowed)
			h.Set("Access-Control-Allow-Headers", "Content-Type, If-Match, Authorization, *") // Authorization is not in * (Fetch)
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
		case id == "" && r.Method == http.MethodPost:
			s.whepPost(w, r, base, options)
		case id != "" && r.Method == http.MethodPatch:
			s.whepPatch(w, r, id)
		case id != "" && r.Method == http.MethodDelete:
			v := s.Viewer(id)
			if v == nil {
				problem(w, http.StatusNotFound, "unknown", "there is no such session; it may have ended")
				return
			}
			v.Close()
			w.WriteHeader(http.StatusOK)
		default:
			h.Set("Allow", allowed)
			problem(w, http.StatusMethodNotAllowed, "method", r.Method+" is not served here; expected "+allowed)
		}
	})
}

func (s *Server) whepPost(w http.ResponseWriter, r *http.Request, base string, options func(http.ResponseWriter, *http.Request) (Options, bool)) {
	text, ok := readBody(w, r, typeSDP)
	if !ok {
		return
	}
	var opt Options
	if options != nil {
		if opt, ok = options(w, r); !ok {
			return
		}
	}
	if len(opt.Hosts) == 0 {
		opt.Hosts = RequestHosts(r)
	}
	v, answer, err := s.Accept(text, opt)
	if err != nil {
		refused(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", base+"/"+v.ID())
	h.Set("ETag", v.tag())
	h.Set("Accept-Patch", typeFragment)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a player that has gone is reaped
}

func (s *Server) whepPatch(w http.ResponseWriter, r *http.Request, id string) {
	v := s.Viewer(id)
	if v == nil {
		problem(w, http.StatusNotFound, "unknown", "there is no such session; it may have ended")
		return
	}
	w.Header().Set("Accept-Patch", typeFragment)
	w.Header().Set("Server-Timing", v.timing())
	fragment, ok := readBody(w, r, typeFragment)
	if !ok {
		return
	}
	match := strings.Join(r.Header.Values("If-Match"), ",")
	if match != "" && !matches(match, v.tag()) {
		problem(w, http.StatusPreconditionFailed, "stale", "If-Match names an ICE session that is over; expected "+v.tag())
		return
	}
	ufrag, _ := offer.Credentials(fragment)
	if ufrag == "" || s.currentUfrag(v, ufrag) {
		w.WriteHeader(http.StatusNoContent) // candidates: the kit is an ICE-lite agent and waits for checks
		return
	}
	if match == "" {
		problem(w, http.StatusPreconditionRequired, "precondition-required", "an ICE restart needs If-Match; expected * or "+v.tag())
		return
	}
	answer, err := v.Restart(fragment)
	if err != nil {
		refused(w, err)
		return
	}
	w.Header().Set("Content-Type", typeFragment)
	w.Header().Set("ETag", v.tag())
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, answer) // a player that has gone is reaped
}

// timing is how long ago there was a picture for the viewer, as Server-Timing has it: a page to which nothing comes learns whether it
// misses something.
func (v *Viewer) timing() string {
	return fmt.Sprintf("picture;dur=%d", (v.server.clock() - time.Duration(v.due.Load())).Milliseconds())
}

// matches evaluates If-Match by strong comparison (RFC 9110 section 13.1.1). Some players put the asterisk in quotes.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == `"*"` || one == tag {
			return true
		}
	}
	return false
}

// readBody reads a body of one media type and at most 64 KiB, or answers what is wrong with it.
func readBody(w http.ResponseWriter, r *http.Request, want string) (string, bool) {
	if r.ContentLength == 0 && want == typeSDP {
		problem(w, http.StatusBadRequest, string(Malformed), "the request has no offer; the player makes it, and the kit answers")
		return "", false
	}
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != want {
		if want == typeSDP {
			w.Header().Set("Accept-Post", typeSDP)
		}
		problem(w, http.StatusUnsupportedMediaType, "unsupported-type", "the content type is not "+want)
		return "", false
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, offer.MaxLen))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		problem(w, http.StatusRequestEntityTooLarge, "too-large", "the body is over 64 KiB")
		return "", false
	case err != nil:
		problem(w, http.StatusBadRequest, string(Malformed), "the body did not arrive whole")
		return "", false
	}
	return string(b), true
}

// refused answers an error of Accept or Restart.
func refused(w http.ResponseWriter, err error) {
	var r *Refusal
	switch {
	case errors.As(err, &r) && r.Reason == Full:
		w.Header().Set("Retry-After", "2")
		problem(w, http.StatusServiceUnavailable, string(r.Reason), r.Detail)
	case errors.As(err, &r) && r.Reason == NoCodec:
		problem(w, http.StatusNotAcceptable, string(r.Reason), r.Detail)
	case errors.As(err, &r):
		problem(w, http.StatusBadRequest, string(r.Reason), r.Detail)
	default:
		w.Header().Set("Retry-After", "2")
		problem(w, http.StatusServiceUnavailable, "closed", "the kit is not serving pictures now; try again in a moment")
	}
}

func problem(w http.ResponseWriter, status int, reason, detail string) {
	w.Header().Set("Content-Type", typeProblem)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client has gone, or reads it
		"title": http.StatusText(status), "status": status, "reason": reason, "detail": detail,
	})
}

// RequestHosts are the addresses under which the viewer of a request can reach the kit: the one that the request came
// to. When that is the kit itself, on a laptop, they are those of every interface that is up as well, since a browser
// may have no socket on loopback.
func RequestHosts(r *http.Request) []netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return nil
	}
	at := local.AddrPort().Addr().Unmap()
	hosts := []netip.Addr{at.WithZone("")}
	if !at.IsLoopback() {
		return hosts
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return hosts
	}
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if ip, ok := netip.AddrFromSlice(n.IP); ok && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			hosts = append(hosts, ip.Unmap())
		}
	}
	return hosts
}
