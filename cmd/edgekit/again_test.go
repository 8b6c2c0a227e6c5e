package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"edgekit.internal/cmd/internal/kittest"
)

// TestAPageThatIsCutOffAsItLoadsIsLoadedAnew: whatever becomes of its files, by itself, and once.
func TestAPageThatIsCutOffAsItLoadsIsLoadedAnew(t *testing.T) {
	s := newStreet(t)
	reset := func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		c, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	silent := func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }
	// moves has the phone's network change while there are more scripts to be had than Chromium has connections: it gives up those that wait for one.
	var waiting sync.WaitGroup
	waiting.Add(6)
	moved := sync.OnceFunc(func() {
		waiting.Wait()
		s.phone.IP("addr add 10.99.1.99/24 dev one")
		<-time.After(time.Second)
	})
	moves := func(rw http.ResponseWriter, r *http.Request, kit http.Handler) {
		waiting.Done()
		moved()
		kit.ServeHTTP(rw, r)
	}
	for _, c := range []struct {
		name, file, says string
		first            int // so many requests for it; 0: all until the page is given up
		how              func(http.ResponseWriter, *http.Request, http.Handler)
	}{
		{"a script's connection is reset", "/media.js", "net::ERR_CONNECTION_RESET", 0, reset},
		{"the first script's is", "/app.js", "net::ERR_CONNECTION_RESET", 0, reset},
		{"the looks' is", "/viewer.css", "net::ERR_CONNECTION_RESET", 0, reset},
		{"a script does not come", "/path.js", "net::ERR_ABORTED", 0, silent},
		{"the looks do not come", "/viewer.css", "net::ERR_ABORTED", 0, silent},
		{"the network changes", "/[b-z]*.js", "net::ERR_NETWORK_CHANGED", 6, moves},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			asked, looked := 0, 0 // for the file, and for the page
			kit := wayTo(s)
			at := s.serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				mu.Lock()
				cut, err := path.Match(c.file, r.URL.Path)
				if err != nil {
					t.Error(err)
				}
				if cut {
					asked++
				}
				if r.URL.Path == "/" {
					looked++ // a second time when it was given up
				}
				cut = cut && (c.first == 0 && looked < 2 || asked <= c.first)
				mu.Unlock()
				if cut {
					c.how(rw, r, kit)
				} else {
					kit.ServeHTTP(rw, r)
				}
			}))
			b := kittest.BrowserIn(t, s.phone)
			gaveUp := failures(t, b)
			kittest.Open(t, b, at)
			kittest.Press(t, b, "Agree")
			kittest.See(t, b, "offers", `document.querySelectorAll("#over > *").length > 0`)
			if all := gaveUp(); !strings.Contains(all, c.says) {
				t.Errorf("the browser says of what it did not get: %s, expected %s", all, c.says)
			}
			if kittest.Read(t, b, "history.state") != "1" {
				t.Errorf("loaded anew %s times, expected once", kittest.Read(t, b, "history.state"))
			}
		})
	}
}

// wayTo is what stands before a street's kit.
func wayTo(s *street) http.Handler {
	dial := func(_ context.Context, network, addr string) (conn net.Conn, err error) {
		s.kit.Do(func() { conn, err = net.Dial(network, addr) })
		return conn, err
	}
	return &httputil.ReverseProxy{Transport: &http.Transport{DialContext: dial}, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: s.at})
		p.Out.Host = p.In.Host
	}}
}

// serve answers on the street where the kit is.
func (s *street) serve(t *testing.T, h http.Handler) (at string) {
	t.Helper()
	var l net.Listener
	var err error
	s.kit.Do(func() { l, err = net.Listen("tcp", hub+":0") })
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String() + "/"
}

// failures keeps what the browser's own network log says of what it did not get.
func failures(t *testing.T, b context.Context) (all func() string) {
	t.Helper()
	var mu sync.Mutex
	var said []string
	if err := chromedp.Listen(b, func(ev any) {
		if f, ok := ev.(*network.EventLoadingFailed); ok {
			mu.Lock()
			said = append(said, f.ErrorText)
			mu.Unlock()
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(b, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(said, ", ")
	}
}
