package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// air answers as edgeap does on a kit's data folder, for a kit's own network on loopback with one phone in it: this machine.
type air struct {
	accepted, rests atomic.Bool
	most            atomic.Int64 // phones that it takes; 0: it does not say
	looks           atomic.Int64 // of the kit at it
	staff           atomic.Pointer[wire.WifiStaff]
	portal          atomic.Pointer[wire.WifiPortal] // nil: nobody's way out
}

func airOf(t *testing.T, data string) *air {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(data, wire.WifiSocket))
	if err != nil {
		t.Fatal(err)
	}
	const mac, ip = "02:00:00:00:00:07", "127.0.0.1"
	a := &air{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(rw http.ResponseWriter, _ *http.Request) {
		w := wire.Wifi{Mode: "ap", Radio: "wlan0", Address: "127.9.9.9/8", Most: int(a.most.Load()), Stations: []wire.WifiStation{}, Blocked: []string{}}
		if p := a.portal.Load(); p != nil {
			w.Portal = *p
		}
		if !a.rests.Load() {
			w.Stations = append(w.Stations, wire.WifiStation{MAC: mac, IP: ip, ConnectedMS: time.Hour.Milliseconds()})
		}
		a.looks.Add(1)
		wire.Reply(rw, http.StatusOK, w)
	})
	mux.HandleFunc("GET /guests/"+ip, func(rw http.ResponseWriter, _ *http.Request) {
		wire.Reply(rw, http.StatusOK, wire.WifiGuest{IP: ip, MAC: mac, Accepted: a.accepted.Load()})
	})
	for path, is := range map[string]*atomic.Bool{"PUT /guests/" + ip + "/accepted": &a.accepted, "POST /stations/" + mac + "/rest": &a.rests} {
		mux.HandleFunc(path, func(rw http.ResponseWriter, _ *http.Request) {
			is.Store(true)
			rw.WriteHeader(http.StatusNoContent)
		})
	}
	mux.HandleFunc("PUT /staff", func(rw http.ResponseWriter, r *http.Request) {
		var s wire.WifiStaff
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			t.Error(err)
		}
		a.staff.Store(&s)
		rw.WriteHeader(http.StatusNoContent)
	})
	s := &http.Server{Handler: mux}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return a
}

// looked waits until the kit has looked at the network as it is now, and has had time to do what it then does: both happen every two
// seconds.
func (a *air) looked(t *testing.T) {
	t.Helper()
	from := a.looks.Load()
	kittest.Until(t, "the kit to look", func() bool { return a.looks.Load() >= from+4 })
}

// TestTheConsoleFromTheKitsOwnWiFi: while a kit has no operator any phone in its network finds the console, and the one that has
// paired finds it from then on.
func TestTheConsoleFromTheKitsOwnWiFi(t *testing.T) {
	data := t.TempDir()
	air := airOf(t, data)
	k := kittest.StartIn(t, data, "-operator", "0.0.0.0:0")
	is := func() wire.WifiStaff {
		if s := air.staff.Load(); s != nil {
			return *s
		}
		return wire.WifiStaff{}
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(k.Console, "https://"), ":")
	kittest.Until(t, "the door to be open", func() bool { return is().Anybody && fmt.Sprint(is().Port) == port })
	op, err := kittest.PairWith("https://127.0.0.1:"+port, k.Code)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, err := op.Get("/api/operator/state"); err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	kittest.Until(t, "the operator's phone to be known", func() bool { return slices.Contains(is().Stations, "02:00:00:00:00:07") })
	air.most.Store(1)
	air.looked(t)
	if air.rests.Load() {
		t.Error("the Wi-Fi is full, and the operator's phone was let go")
	}
}

// TestTheConsoleSaysWhetherVisitorsReachTheInternet, and follows it.
func TestTheConsoleSaysWhetherVisitorsReachTheInternet(t *testing.T) {
	data := t.TempDir()
	air := airOf(t, data)
	k, b := kittest.StartIn(t, data), kittest.Browser(t, watchful)
	kittest.Open(t, b, k.Console+"/console")
	enter(t, b, k.Code)
	kittest.See(t, b, "the section", under("Wi-Fi")+` !== ""`)
	kittest.Read(t, b, `document.querySelector("#wifi-open summary").click()`)
	kittest.See(t, b, "the phone", under("Wi-Fi")+`.includes("02:00:00:00:00:07")`)
	if got := kittest.Read(t, b, under("Wi-Fi")); strings.Contains(got, "nternet") {
		t.Errorf("nobody is to reach the internet: %s", got)
	}
	for is, says := range map[string]string{"yes": "Visitors reach the internet, by eth0.", "no": "the kit sees none by eth0: look at the router there.", "": "whether it is there is not known yet."} {
		air.portal.Store(&wire.WifiPortal{InternetVia: "eth0", Internet: is})
		kittest.See(t, b, fmt.Sprintf("that it is %q", is), under("Wi-Fi")+fmt.Sprintf(`.includes(%q)`, says))
	}
	if got := kittest.Read(t, b, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
}

// TestAPlaceInTheWiFi: when it is full, who has only watched for long is told, stays by a tap, and else goes and knows why.
func TestAPlaceInTheWiFi(t *testing.T) {
	const says = `document.querySelector("#place").open && document.querySelector("#place").textContent.includes(`
	for _, stays := range []bool{true, false} {
		data := t.TempDir()
		air := airOf(t, data)
		k := kittest.StartIn(t, data, "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))
		b := kittest.Browser(t)
		kittest.Open(t, b, k.Viewer+"/")
		kittest.Press(t, b, "Continue without")
		kittest.See(t, b, "the picture", `document.documentElement.dataset.video === "live"`)
		air.most.Store(1)
		kittest.See(t, b, "to be told", says+`"seconds your place goes to somebody else")`)
		if stays {
			kittest.Press(t, b, "Keep my place")
			kittest.Press(t, b, "Buy Mug for € 10.00")
			kittest.See(t, b, "the ticket", status+`.startsWith("Confirmed")`)
			if air.rests.Load() {
				t.Error("the phone was sent away all the same")
			}
			k.Kill()
			continue
		}
		kittest.See(t, b, "to have gone", says+`"Your tickets are good")`)
		if !air.rests.Load() {
			t.Error("the phone is still in the network")
		}
		const who = `fetch("/api/session", {method: "POST"}).then((r) => r.json()).then((s) => s.viewer)`
		code := kittest.Read(t, b, `document.querySelector("#place output").textContent.match(/\/c\/[a-z0-9]+/)[0]`)
		other := kittest.Browser(t)
		kittest.Open(t, other, k.Viewer+code)
		kittest.Press(t, other, "Go on here as the visitor of that phone")
		kittest.See(t, other, "the page", `location.pathname === "/"`)
		if is, was := kittest.Read(t, other, who), kittest.Read(t, b, who); is != was {
			t.Errorf("another browser is %s by the code of %s", is, was)
		}
	}
}

// TestWhoBuysInTheSheetKeepsTheirPlace when the Wi-Fi is full, though no page of theirs is open; who only lies in a pocket does not,
// and the sheet's next page says so.
func TestWhoBuysInTheSheetKeepsTheirPlace(t *testing.T) {
	data := t.TempDir()
	air := airOf(t, data)
	air.most.Store(1)
	k := kittest.StartIn(t, data, "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))
	kittest.Until(t, "the phone that nobody looks at to go", air.rests.Load)
	air.most.Store(0)
	air.looked(t)
	air.rests.Store(false)
	visit := func(method, path string, form url.Values) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, k.Viewer+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		page, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s %v\n%s", method, path, res.Status, err, page)
		}
		return string(page)
	}
	page := visit("GET", "/portal", nil)
	if !strings.Contains(page, "went to somebody else") {
		t.Errorf("the sheet does not say why the phone was let go:\n%s", page)
	}
	_, buy, _ := strings.Cut(page, `action="/portal/buy">`)
	buy, _, _ = strings.Cut(buy, "</form>")
	form := url.Values{}
	for _, m := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(buy, -1) {
		form.Set(m[1], m[2])
	}
	if bought := visit("POST", "/portal/buy", form); !strings.Contains(bought, "Confirmed") {
		t.Fatalf("nothing was bought:\n%s", bought)
	}
	air.most.Store(1)
	air.looked(t)
	if air.rests.Load() {
		t.Error("who has just bought in the sheet was let go")
	}
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
	air := airOf(t, data)
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
	if air.accepted.Load() {
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
