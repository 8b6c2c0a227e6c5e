package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// airOf answers as edgeap does on a kit's data folder, for a kit's own network on loopback with one phone in it: this machine.
func airOf(t *testing.T, data string) (accepted *atomic.Bool) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(data, wire.WifiSocket))
	if err != nil {
		t.Fatal(err)
	}
	accepted = &atomic.Bool{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(rw http.ResponseWriter, _ *http.Request) {
		wire.Reply(rw, http.StatusOK, wire.Wifi{Mode: "ap", Radio: "wlan0", Address: "127.9.9.9/8"})
	})
	mux.HandleFunc("GET /guests/127.0.0.1", func(rw http.ResponseWriter, _ *http.Request) {
		wire.Reply(rw, http.StatusOK, wire.Guest{MAC: "02:00:00:00:00:07", Accepted: accepted.Load()})
	})
	mux.HandleFunc("PUT /guests/127.0.0.1/accepted", func(rw http.ResponseWriter, _ *http.Request) {
		accepted.Store(true)
		rw.WriteHeader(http.StatusNoContent)
	})
	s := &http.Server{Handler: mux}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return accepted
}

// sheet is a real browser as a phone's own window for networks that ask for something is: whatever name it asks for is led to the
// kit, and no cookie comes through.
func sheet(t *testing.T, k *kittest.Kit) *httptest.Server {
	t.Helper()
	kit, err := url.Parse(k.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(kit)
			r.Out.Host = r.In.Host
			r.Out.URL.Path, r.Out.URL.RawPath = r.In.URL.Path, r.In.URL.RawPath
			r.Out.Header.Del("Cookie")
		},
		ModifyResponse: func(r *http.Response) error { r.Header.Del("Set-Cookie"); return nil },
	})
	t.Cleanup(proxy.Close)
	return proxy
}

// TestAPhoneThatJoinsBuysInItsSheet, without a cookie or a script, stays connected, and is the same visitor in its browser.
func TestAPhoneThatJoinsBuysInItsSheet(t *testing.T) {
	data := t.TempDir()
	accepted := airOf(t, data)
	k := kittest.StartIn(t, data, "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))
	const probe = "http://captive.apple.com/hotspot-detect.html"
	proxy := sheet(t, k)
	kittest.Until(t, "the kit to know its network", func() bool { _, location := leads(t, proxy.URL, probe); return location != "" })
	if status, location := leads(t, proxy.URL, probe); status != http.StatusFound || location != k.Viewer+"/portal" {
		t.Fatalf("the phone's question: %d %s", status, location)
	}
	b := kittest.BrowserThrough(t, proxy.URL)
	kittest.Open(t, b, probe)
	kittest.See(t, b, "the sheet", `location.pathname === "/portal"`)
	kittest.Press(t, b, "Buy Mug for € 10.00")
	kittest.See(t, b, "the ticket", `document.querySelector("[role=status]")?.textContent === "Confirmed · ticket A-001"`)
	if accepted.Load() {
		t.Error("the phone is told that it is connected: its sheet closes before the ticket's number is read")
	}
	kittest.Press(t, b, "Stay connected")
	kittest.See(t, b, "to be connected", `document.body.textContent.includes("You are connected.")`)
	kittest.Open(t, b, probe)
	if is := kittest.Read(t, b, `document.title`); is != "Success" {
		t.Errorf("the phone's question is answered %q", is)
	}

	other := kittest.Browser(t)
	kittest.Open(t, other, k.Viewer+"/")
	kittest.Press(t, other, "Continue without")
	kittest.See(t, other, "the ticket bought in the sheet", `document.querySelector("#tickets").textContent.includes("A-001")`)
}

// leads is the answer to a question through the proxy: its status, and where it leads.
func leads(t *testing.T, proxy, question string) (status int, location string) {
	t.Helper()
	through, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	c := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(through), DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Get(question)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body) // of no interest
	return res.StatusCode, res.Header.Get("Location")
}
