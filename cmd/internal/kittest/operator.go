package kittest

import (
	"bytes"
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
func Pair(k *Kit) (*Operator, error) { return pair(k, map[string]any{"code": k.Code}) }

// PairAt is Pair from a device whose clock says now, which it tells the kit as the console's page does.
func PairAt(k *Kit, now time.Time) (*Operator, error) {
	return pair(k, map[string]any{"code": k.Code, "now": now.UnixMilli()})
}

func pair(k *Kit, body map[string]any) (*Operator, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	op := &Operator{k.Console, &http.Client{Jar: jar, Timeout: Limit}}
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
	req, err := http.NewRequest(method, o.base+path, bytes.NewReader(b))
	if err != nil {
		return 0, nil, err
	}
	res, err := o.client.Do(req)
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
