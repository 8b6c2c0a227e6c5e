package kittest

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"testing"
	"time"
)

// Operator is a paired operator's browser.
type Operator struct {
	base   string
	client *http.Client
}

// Pair pairs with the code that the kit printed first. It works once for each kit.
func Pair(k *Kit) (*Operator, error) { return pair(k.Console, map[string]any{"code": k.Code}) }

// PairAt is Pair from a device whose clock says now, which it tells the kit as the console's page does.
func PairAt(k *Kit, now time.Time) (*Operator, error) {
	return pair(k.Console, map[string]any{"code": k.Code, "now": now.UnixMilli()})
}

// PairWith is Pair for a kit of which only the console's address is known. Any certificate is good.
func PairWith(console, code string) (*Operator, error) {
	return pair(console, map[string]any{"code": code})
}

func pair(console string, body map[string]any) (*Operator, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	op := &Operator{console, &http.Client{Jar: jar, Timeout: Limit, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}
	status, b, err := op.Do("POST", "/api/operator/pair", body)
	if err != nil || status != http.StatusNoContent {
		return nil, fmt.Errorf("pair: %d %s %w", status, b, err)
	}
	return op, nil
}

// Pair is Pair in a test.
func (k *Kit) Pair(t testing.TB) *Operator {
	t.Helper()
	op, err := Pair(k)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// Do sends JSON to the operator's side.
func (o *Operator) Do(method, path string, body any) (status int, answer []byte, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	return o.Send(method, path, bytes.NewReader(b), Limit)
}

// Send sends bytes as they are. The answer must be there within limit.
func (o *Operator) Send(method, path string, body io.Reader, limit time.Duration) (status int, answer []byte, err error) {
	req, err := http.NewRequest(method, o.base+path, body)
	if err != nil {
		return 0, nil, err
	}
	client := *o.client
	client.Timeout = limit
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, 8<<20))
	return res.StatusCode, answer, err
}

// Get asks the operator's side.
func (o *Operator) Get(path string) (status int, answer []byte, err error) {
	return o.Do("GET", path, nil)
}
