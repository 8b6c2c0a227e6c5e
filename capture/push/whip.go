package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Bounds of what a server may answer.
const (
	maxAnswer    = 64 << 10 // bytes of SDP; real ones have under 10 KB
	maxHeader    = 32 << 10
	maxRedirects = 5
	longestAfter = 10 * time.Minute // that Retry-After is followed
)

// endpoint is a WHIP server's, where sessions are asked for.
type endpoint struct {
	at     *url.URL
	token  string
	client *http.Client
}

// resource is a session as the server made it.
type resource struct {
	at       *url.URL // nil: the server did not name it, and it cannot be ended by hand
	etag     string
	answer   string
	links    []string // Link headers
	trickles bool     // it takes candidates afterwards
}

// open posts an offer (RFC 9725 section 4.2), and follows redirects that keep it whole (section 4.5).
func (e *endpoint) open(ctx context.Context, offer string) (*resource, error) {
	at := e.at
	for range maxRedirects + 1 {
		res, err := e.do(ctx, http.MethodPost, at, "application/sdp", "", offer)
		if err != nil {
			return nil, err
		}
		switch res.StatusCode {
		case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			discard(res)
			if at, err = e.next(at, res.Header.Get("Location")); err != nil {
				return nil, err
			}
		case http.StatusCreated:
			return e.created(at, res)
		default:
			discard(res)
			return nil, refused(res)
		}
	}
	return nil, &refusal{text: "the server sends the kit on again and again", lasts: true}
}

// next is where a redirect leads. It must not lead out of TLS.
func (e *endpoint) next(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil || location == "" || to.Host == "" || to.Scheme != "https" && (to.Scheme != "http" || from.Scheme == "https") {
		return nil, &refusal{text: "the server sends the kit on to an address that is none, or is not safe", lasts: true}
	}
	return to, nil
}

// created reads the answer to an offer.
func (e *endpoint) created(at *url.URL, res *http.Response) (*resource, error) {
	defer res.Body.Close()
	r := &resource{etag: res.Header.Get("ETag"), links: res.Header.Values("Link")}
	r.trickles = r.etag != "" || strings.Contains(res.Header.Get("Accept-Patch"), typeFragment)
	if where := res.Header.Get("Location"); where != "" {
		if to, err := e.next(at, where); err == nil {
			r.at = to
		}
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "application/sdp" {
		return r, &refusal{text: "what answers there is no WHIP server: its answer is no session description", lasts: true}
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return r, fmt.Errorf("push: read answer: %w", err)
	case len(text) > maxAnswer:
		return r, &refusal{text: "the server's answer is larger than 64 KiB", lasts: true}
	}
	r.answer = string(text)
	return r, nil
}

const typeFragment = "application/trickle-ice-sdpfrag"

// trickle sends candidates (RFC 9725 section 4.3.1). A server that does not take them may do without: it sees where checks come from.
func (e *endpoint) trickle(ctx context.Context, r *resource, fragment string) error {
	if r.at == nil || !r.trickles {
		return nil
	}
	res, err := e.do(ctx, http.MethodPatch, r.at, typeFragment, r.etag, fragment)
	if err != nil {
		return err
	}
	discard(res)
	return nil
}

// end deletes a session (RFC 9725 section 4.2), also when ctx has ended.
func (e *endpoint) end(ctx context.Context, r *resource) {
	if r == nil || r.at == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), goodbyeWithin)
	defer stop()
	if res, err := e.do(ctx, http.MethodDelete, r.at, "", "", ""); err == nil {
		discard(res)
	} // else the server finds out by itself
}

func (e *endpoint) do(ctx context.Context, method string, at *url.URL, kind, etag, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, at.String(), strings.NewReader(body))
	if err != nil {
		return nil, errors.New("push: make request") // its text has the address
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	if e.token != "" && e.trusts(at) {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	once := *e.client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := once.Do(req)
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address
	}
	if err != nil {
		return nil, fmt.Errorf("push: ask server: %w", err)
	}
	return res, nil
}

// trusts says whether the token may go to an address: the server's own, or over TLS one of the same registered domain, as
// large services send a stream on to their nearest machine.
func (e *endpoint) trusts(to *url.URL) bool {
	if to.Scheme == e.at.Scheme && to.Host == e.at.Host {
		return true
	}
	if to.Scheme != "https" || e.at.Scheme != "https" {
		return false
	}
	a, err := publicsuffix.EffectiveTLDPlusOne(e.at.Hostname())
	b, err2 := publicsuffix.EffectiveTLDPlusOne(to.Hostname())
	return err == nil && err2 == nil && strings.EqualFold(a, b)
}

// discard reads what little may be left, so that the connection can be used again.
func discard(res *http.Response) {
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10) // it is nobody's loss
	res.Body.Close()
}

// retryAfter reads how long to wait (RFC 9110 section 10.2.3). A date says nothing to a kit that may not know its own: 0.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(h.Get("Retry-After")), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, longestAfter)
}
