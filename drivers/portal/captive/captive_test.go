package captive

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// asked are the systems' real requests, as they come over the air, and what each takes for "connected".
var asked = []struct {
	name, request string
	system        System
	status        int
	body          string
}{
	{"Android 14", "GET /generate_204 HTTP/1.1\r\nConnection: close\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0.3112.32 Safari/537.36\r\nHost: connectivitycheck.gstatic.com\r\nAccept-Encoding: gzip\r\n\r\n", Android, 204, ""},
	{"Android 14, once more", "GET /gen_204 HTTP/1.1\r\nConnection: close\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0.3112.32 Safari/537.36\r\nHost: www.google.com\r\nAccept-Encoding: gzip\r\n\r\n", Android, 204, ""},
	{"Android 9", "GET /generate_204 HTTP/1.1\r\nUser-Agent: Dalvik/2.1.0 (Linux; U; Android 9)\r\nHost: play.googleapis.com\r\nConnection: Keep-Alive\r\nAccept-Encoding: gzip\r\n\r\n", Android, 204, ""},
	{"iOS 17", "GET /hotspot-detect.html HTTP/1.0\r\nHost: captive.apple.com\r\nConnection: close\r\nUser-Agent: CaptiveNetworkSupport-443.40.2 wispr\r\n\r\n", Apple, 200, appleSuccess},
	{"macOS's sheet", "GET /hotspot-detect.html HTTP/1.1\r\nHost: captive.apple.com\r\nUpgrade-Insecure-Requests: 1\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nUser-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\r\n", Apple, 200, appleSuccess},
	{"iOS 6", "GET /library/test/success.html HTTP/1.0\r\nHost: www.apple.com\r\nConnection: close\r\nUser-Agent: CaptiveNetworkSupport-183 wispr\r\n\r\n", Apple, 200, appleSuccess},
	{"Windows 11", "GET /connecttest.txt HTTP/1.1\r\nConnection: Close\r\nUser-Agent: Microsoft NCSI\r\nHost: www.msftconnecttest.com\r\n\r\n", Windows, 200, "Microsoft Connect Test"},
	{"Windows 7", "GET /ncsi.txt HTTP/1.1\r\nConnection: Close\r\nUser-Agent: Microsoft NCSI\r\nHost: www.msftncsi.com\r\n\r\n", Windows, 200, "Microsoft NCSI"},
	{"Windows's browser", "GET /redirect HTTP/1.1\r\nHost: www.msftconnecttest.com\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/120.0\r\nAccept: text/html\r\n\r\n", Windows, 302, ""},
	{"Firefox 120", "GET /canonical.html HTTP/1.1\r\nHost: detectportal.firefox.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nConnection: keep-alive\r\n\r\n", Firefox, 200, firefoxSuccess},
	{"Firefox's other", "GET /success.txt?ipv4 HTTP/1.1\r\nHost: detectportal.firefox.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n", Firefox, 200, "success\n"},
	{"Debian", "GET /nm HTTP/1.1\r\nHost: network-test.debian.org\r\nAccept: */*\r\nConnection: close\r\n\r\n", NetworkManager, 200, "NetworkManager is online\n"},
	{"Ubuntu", "GET / HTTP/1.1\r\nHost: connectivity-check.ubuntu.com\r\nAccept: */*\r\nConnection: close\r\n\r\n", NetworkManager, 204, ""},
	{"Kindle", "GET /kindle-wifi/wifistub.html HTTP/1.1\r\nHost: spectrum.s3.amazonaws.com\r\nUser-Agent: Mozilla/5.0 (Linux; U; en-us) AppleWebKit/531.2+ Kindle/3.0\r\nConnection: close\r\n\r\n", Kindle, 200, kindleSuccess},
}

func TestEachSystemsQuestion(t *testing.T) {
	for _, c := range asked {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.request)))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		p, ok := Find(r)
		if !ok || p.System != c.system {
			t.Errorf("%s: taken for %q, %v", c.name, p.System, ok)
			continue
		}
		if !slices.Contains(Hosts(), Host(r)) {
			t.Errorf("%s: no name server leads %s here", c.name, Host(r))
		}
		rw := httptest.NewRecorder()
		p.Connected(rw, r, "http://10.66.0.1/")
		if rw.Code != c.status || c.status != 302 && rw.Body.String() != c.body {
			t.Errorf("%s: connected is %d %q, expected %d %q", c.name, rw.Code, rw.Body, c.status, c.body)
		}
		rw = httptest.NewRecorder()
		p.SignIn(rw, r, "http://10.66.0.1/portal")
		if rw.Code != http.StatusFound || rw.Header().Get("Location") != "http://10.66.0.1/portal" || rw.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: to the portal is %d %v", c.name, rw.Code, rw.Header())
		}
	}
}

func TestWhatPeopleAskForIsNoQuestion(t *testing.T) {
	for _, u := range []string{"http://www.apple.com/", "http://www.google.com/search?q=mug", "http://10.66.0.1/generate_204", "http://connectivitycheck.gstatic.com/", "http://example.com/hotspot-detect.html"} {
		if p, ok := Find(httptest.NewRequest(http.MethodGet, u, nil)); ok {
			t.Errorf("%s is taken for %s's", u, p.System)
		}
	}
	if _, ok := Find(httptest.NewRequest(http.MethodPost, "http://captive.apple.com/hotspot-detect.html", nil)); ok {
		t.Error("a POST is taken for a question")
	}
	if p, ok := Find(httptest.NewRequest(http.MethodGet, "http://Captive.Apple.com.:80/hotspot-detect.html", nil)); !ok || p.System != Apple {
		t.Error("a name in other letters, with a dot and a port, is not known")
	}
}

func TestAPI(t *testing.T) {
	rw := httptest.NewRecorder()
	API{Captive: true, UserPortal: "http://10.66.0.1/portal", VenueInfo: "http://10.66.0.1/"}.Answer(rw)
	var is map[string]any
	if err := json.Unmarshal(rw.Body.Bytes(), &is); err != nil {
		t.Fatal(err)
	}
	if rw.Header().Get("Content-Type") != "application/captive+json" || is["captive"] != true || is["user-portal-url"] != "http://10.66.0.1/portal" || is["venue-info-url"] != "http://10.66.0.1/" {
		t.Errorf("%v %v", rw.Header(), is)
	}
}

func FuzzHost(f *testing.F) {
	f.Add("captive.apple.com:80")
	f.Add("[::1]:80")
	f.Fuzz(func(t *testing.T, host string) {
		r := &http.Request{Host: host}
		if h := Host(r); strings.ToLower(h) != h {
			t.Errorf("%q is %q", host, h)
		}
	})
}
