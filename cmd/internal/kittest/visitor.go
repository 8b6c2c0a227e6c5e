package kittest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/wire"
)

// Visitor is a visitor with a browser's cookies and nothing else of one.
type Visitor struct {
	Base   string
	Client *http.Client
	ID     string
}

// NewVisitor opens a session at a kit.
func NewVisitor(base string) (*Visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v := &Visitor{base, &http.Client{Jar: jar, Timeout: Limit, Transport: &http.Transport{MaxIdleConnsPerHost: 2}}, ""}
	var s wire.Session
	if status, err := v.Do("POST", "/api/session", nil, &s); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("session: status %d, %w", status, err)
	}
	v.ID = s.Viewer
	return v, nil
}

// Visit is NewVisitor in a test.
func (k *Kit) Visit(t testing.TB) *Visitor {
	t.Helper()
	v, err := NewVisitor(k.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Do sends JSON (or bytes as they are) and reads JSON into answer, if there is one.
func (v *Visitor) Do(method, path string, body, answer any) (status int, err error) {
	var b []byte
	switch body := body.(type) {
	case nil:
	case []byte:
		b = body
	default:
		if b, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequest(method, v.Base+path, bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	res, err := v.Client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && answer != nil {
		if err = json.Unmarshal(got, answer); err != nil {
			err = fmt.Errorf("%w: %s", err, got)
		}
	}
	return res.StatusCode, err
}

// Offer fetches one offer, with a fresh token.
func (v *Visitor) Offer(id string) (wire.Offer, error) {
	var all wire.Offers
	if status, err := v.Do("GET", "/api/offers", nil, &all); err != nil || status != http.StatusOK {
		return wire.Offer{}, fmt.Errorf("offers: status %d, %w", status, err)
	}
	for _, o := range all.Offers {
		if o.ID == id {
			return o, nil
		}
	}
	return wire.Offer{}, fmt.Errorf("no offer %q", id)
}

// Answer is a tap's outcome over HTTP, confirmed or refused.
type Answer struct {
	wire.Outcome
	Status int
	Reason string `json:"reason"`
}

// Tap sends a tap.
func (v *Visitor) Tap(id, offer, token string) (a Answer, err error) {
	a.Status, err = v.Do("POST", "/api/taps", wire.Tap{ID: id, Offer: offer, Token: token}, &a)
	return a, err
}

// Buy taps an offer once, with a fresh token and id.
func (v *Visitor) Buy(offer string) (Answer, error) {
	o, err := v.Offer(offer)
	if err != nil {
		return Answer{}, err
	}
	return v.Tap(NewTap(), offer, o.Token)
}

// NewTap makes a tap's id.
func NewTap() string { return ulid.MustNew(ulid.Now(), rand.Reader).String() }
