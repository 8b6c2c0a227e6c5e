package fanout

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"edgekit.internal/capture/fanout/internal/offer"
)

func TestWHEP(t *testing.T) {
	k := newKit(t, Config{MaxViewers: 2})
	var hooked int
	web := httptest.NewServer(k.WHEP("/whep", func(w http.ResponseWriter, r *http.Request) (Options, bool) {
		if hooked++; r.Header.Get("X-Unwelcome") != "" {
			w.WriteHeader(http.StatusForbidden)
			return Options{}, false
		}
		return Options{}, true
	}))
	t.Cleanup(web.Close)
	do := func(method, path, body string, header ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(method, web.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: no Access-Control-Allow-Origin", method, path)
		}
		return r, string(b)
	}
	sdp, frag := []string{"Content-Type", typeSDP}, []string{"Content-Type", typeFragment}

	r, answer := do("POST", "/whep", testOffer, "Content-Type", "application/sdp; charset=utf-8")
	at, tag := r.Header.Get("Location"), r.Header.Get("ETag")
	if r.StatusCode != 201 || !strings.HasPrefix(at, "/whep/") || tag == "" || r.Header.Get("Accept-Patch") != typeFragment || r.Header.Get("Content-Type") != typeSDP {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, answer)
	}
	if !strings.Contains(answer, " 127.0.0.1 ") {
		t.Errorf("the answer does not name the address that the request came to:\n%s", answer)
	}
	if !strings.Contains(r.Header.Get("Access-Control-Expose-Headers"), "Location") {
		t.Error("another origin's player cannot read Location")
	}

	if r, _ := do("OPTIONS", "/whep", ""); r.StatusCode != 204 || !strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), "POST") || !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("OPTIONS: %d %v", r.StatusCode, r.Header)
	}
	if r, _ := do("OPTIONS", at, ""); r.StatusCode != 204 || !strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("OPTIONS: %d %v", r.StatusCode, r.Header)
	}

	candidates := "a=ice-ufrag:Zk3D\r\na=ice-pwd:9uJYk1vDq0X5mQWw3cO2rT7b\r\nm=video 9 UDP/TLS/RTP/SAVPF 106\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
	restart := strings.ReplaceAll(candidates, "Zk3D", "next")
	renewed := ""
	if r, _ := do("PATCH", at, "", frag...); !regexp.MustCompile(`^picture;dur=\d+$`).MatchString(r.Header.Get("Server-Timing")) {
		t.Errorf("Server-Timing %q", r.Header.Get("Server-Timing"))
	}
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		reason                   string
	}{
		{"candidates", "PATCH", at, candidates, append(frag, "If-Match", tag), 204, ""},
		{"nothing", "PATCH", at, "", frag, 204, ""},
		{"candidates without tag", "PATCH", at, candidates, frag, 204, ""},
		{"restart without tag", "PATCH", at, restart, frag, 428, "precondition-required"},
		{"candidates with a stale tag", "PATCH", at, candidates, append(frag, "If-Match", `"x-1"`), 412, "stale"},
		{"candidates with a weak tag", "PATCH", at, candidates, append(frag, "If-Match", "W/"+tag), 412, "stale"},
		{"candidates with several tags", "PATCH", at, candidates, append(frag, "If-Match", `"x-1", `+tag), 204, ""},
		{"restart with a stale tag", "PATCH", at, restart, append(frag, "If-Match", `"x-1"`), 412, "stale"},
		{"restart", "PATCH", at, restart, append(frag, "If-Match", tag), 200, ""},
		{"restart with the tag of before", "PATCH", at, strings.ReplaceAll(restart, "next", "more"), append(frag, "If-Match", tag), 412, "stale"},
		{"restart whatever the tag", "PATCH", at, strings.ReplaceAll(restart, "next", "more"), append(frag, "If-Match", "*"), 200, ""},
		{"restart with half of it", "PATCH", at, "a=ice-ufrag:half\r\n", append(frag, "If-Match", "*"), 400, "malformed"},
		{"fragment of the wrong type", "PATCH", at, candidates, sdp, 415, "unsupported-type"},
		{"large fragment", "PATCH", at, candidates + strings.Repeat("a=x\r\n", 20000), frag, 413, "too-large"},
		{"unknown session", "PATCH", "/whep/nobody", candidates, frag, 404, "unknown"},
		{"delete unknown session", "DELETE", "/whep/nobody", "", nil, 404, "unknown"},
		{"below a session", "DELETE", at + "/x", "", nil, 404, "unknown"},
		{"beside", "POST", "/whepp", testOffer, sdp, 404, "unknown"},
		{"get", "GET", "/whep", "", nil, 405, "method"},
		{"no offer", "POST", "/whep", "", sdp, 400, "malformed"},
		{"an offer of the server's is awaited", "POST", "/whep", "", []string{"Accept", "application/sdp"}, 400, "malformed"},
		{"bad offer", "POST", "/whep", "v=0\r\nhello", sdp, 400, "malformed"},
		{"large offer", "POST", "/whep", testOffer + strings.Repeat("a=x\r\n", 20000), sdp, 413, "too-large"},
		{"offer of no type", "POST", "/whep", testOffer, []string{"Content-Type", ""}, 415, "unsupported-type"},
		{"offer as JSON", "POST", "/whep", testOffer, []string{"Content-Type", "application/json"}, 415, "unsupported-type"},
		{"no codec", "POST", "/whep", strings.ReplaceAll(testOffer, "H264", "H265"), sdp, 406, "no-codec"},
		{"unwelcome", "POST", "/whep", testOffer, append(sdp, "X-Unwelcome", "1"), 403, ""},
		{"second", "POST", "/whep/", testOffer, sdp, 201, ""},
		{"full", "POST", "/whep", testOffer, sdp, 503, "full"},
		{"delete", "DELETE", at, "", nil, 200, ""},
	} {
		r, body := do(c.method, c.path, c.body, c.header...)
		var p struct {
			Reason, Detail string
			Status         int
		}
		if r.StatusCode >= 400 && c.reason != "" {
			if err := json.Unmarshal([]byte(body), &p); err != nil || r.Header.Get("Content-Type") != typeProblem || p.Detail == "" || p.Status != c.status {
				t.Errorf("%s: %q is no problem+json: %v", c.name, body, err)
			}
		}
		if r.StatusCode != c.status || p.Reason != c.reason {
			t.Errorf("%s: %d %q, expected %d %q: %s", c.name, r.StatusCode, p.Reason, c.status, c.reason, body)
		}
		switch {
		case c.status == 503 && r.Header.Get("Retry-After") == "":
			t.Errorf("%s: no Retry-After", c.name)
		case c.status == 405 && r.Header.Get("Allow") == "":
			t.Errorf("%s: no Allow", c.name)
		case c.method == "PATCH" && c.status == 200:
			ufrag, pwd := offer.Credentials(body)
			if now := r.Header.Get("ETag"); now == "" || now == tag || now == renewed || ufrag == "" || pwd == "" || r.Header.Get("Content-Type") != typeFragment || !strings.Contains(body, "a=candidate:") {
				t.Errorf("%s: %v %s", c.name, r.Header, body)
			} else {
				renewed = now
			}
		}
	}
	until(t, "the place is free", func() bool { return k.Stats().Viewers == 1 })
	if hooked != 6 {
		t.Errorf("asked for options %d times; expected only for readable bodies", hooked)
	}
}

// As players send it, by their own sources. Each gets the picture's answer, and its candidates are no restart.
func TestPlayersRequestsAreTaken(t *testing.T) {
	k := newKit(t, Config{MaxViewers: 16})
	web := httptest.NewServer(k.WHEP("/whep", nil))
	t.Cleanup(web.Close)
	fragment := "a=ice-ufrag:Zk3D\r\na=ice-pwd:9uJYk1vDq0X5mQWw3cO2rT7b\r\n"
	for _, c := range []struct {
		player  string
		options []string // headers of an OPTIONS request first; nil: none
		post    []string
		patch   string
		match   string // If-Match of the PATCH; TAG: the one of the answer
	}{
		// bluenviron/mediamtx, internal/servers/webrtc/reader.js: asks for Link, and trickles with a fragment whose m-line has a kind alone.
		{"MediaMTX's page", []string{"Authorization", "Basic eDp5"}, []string{"Origin", "http://elsewhere.example", "Authorization", "Basic eDp5"},
			fragment + "m=video\r\na=mid:0\r\na=candidate:1 1 udp 2113937151 5cd0e1e0-6d1f-4f06-ae2f-0f1d83e43f32.local 5000 typ host generation 0 ufrag Zk3D network-cost 999\r\n", "*"},
		// bluenviron/mediamtx, internal/protocols/whip/client.go: credentials within the section, and the tag.
		{"MediaMTX as a reader", []string{}, nil, "m=video 9 UDP/TLS/RTP/SAVPF 106\r\na=mid:0\r\na=ice-ufrag:Zk3D\r\na=ice-pwd:9uJYk1vDq0X5mQWw3cO2rT7b\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", "TAG"},
		// draft-ietf-wish-whep-03, section on Trickle ICE.
		{"the draft's example", []string{"Origin", "http://elsewhere.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"}, []string{"Accept", "application/sdp"},
			"a=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 106\r\na=mid:0\r\n" + fragment + "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0\r\na=end-of-candidates\r\n", "TAG"},
		// sdroege/gst-plugin-rs, net/webrtchttp/src/whepsrc: all candidates in the offer.
		{"GStreamer's whepsrc", nil, []string{"Accept", "*/*"}, "", ""},
	} {
		t.Run(c.player, func(t *testing.T) {
			ask := func(method, at, body string, header ...string) *http.Response {
				t.Helper()
				req, err := http.NewRequest(method, at, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				for i := 0; i < len(header); i += 2 {
					req.Header.Set(header[i], header[i+1])
				}
				r, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				r.Body.Close()
				return r
			}
			if c.options != nil {
				if r := ask("OPTIONS", web.URL+"/whep", "", c.options...); r.StatusCode != 204 || r.Header.Get("Link") != "" || r.Header.Get("Accept-Post") != typeSDP {
					t.Errorf("OPTIONS: %d %v", r.StatusCode, r.Header)
				}
			}
			r := ask("POST", web.URL+"/whep", testOffer, append(c.post, "Content-Type", "application/sdp")...)
			at, err := r.Location()
			if r.StatusCode != 201 || err != nil || r.Header.Get("Content-Type") != "application/sdp" || r.Header.Get("ETag") == "" {
				t.Fatalf("POST: %d %v", r.StatusCode, r.Header)
			}
			if c.patch != "" {
				r := ask("PATCH", at.String(), c.patch, "Content-Type", "application/trickle-ice-sdpfrag", "If-Match", strings.Replace(c.match, "TAG", r.Header.Get("ETag"), 1))
				if r.StatusCode != 204 || r.Header.Get("ETag") != "" {
					t.Errorf("PATCH: %d %v", r.StatusCode, r.Header)
				}
			}
			if r := ask("DELETE", at.String(), "", "If-Match", `"any"`); r.StatusCode != 200 {
				t.Errorf("DELETE: %d", r.StatusCode)
			}
		})
	}
}
