package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// Whatever a server answers instead of taking the stream, people are told what it means, and the kit asks again.
func TestRefusalsAreToldInWords(t *testing.T) {
	w := newServer(t, serverConfig{feedback: true})
	status := func(code int, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(rw http.ResponseWriter, _ *http.Request) bool {
			for i := 0; i < len(header); i += 2 {
				rw.Header().Set(header[i], header[i+1])
			}
			rw.WriteHeader(code)
			return true
		}
	}
	answer := func(text string, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			rw.Header().Set("Content-Type", "application/sdp")
			for i := 0; i < len(header); i += 2 {
				rw.Header().Set(header[i], header[i+1])
			}
			rw.WriteHeader(http.StatusCreated)
			io.WriteString(rw, text)
			return true
		}
	}
	section := "m=video 9 UDP/TLS/RTP/SAVPF 106\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n"
	head := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
	for _, c := range []struct {
		name string
		does func(http.ResponseWriter, *http.Request) bool
		says string
	}{
		{"no token", status(401), "does not take the token (401)"},
		{"not for this stream", status(403), "(403)"},
		{"no such stream", status(404), "knows no such stream (404)"},
		{"no WHIP", status(405), "no WHIP server (405)"},
		{"other media type", status(415), "no WHIP server (415)"},
		{"other codec", status(406), "another video than H.264"},
		{"taken", status(409), "from elsewhere (409)"},
		{"slow down", status(429, "Retry-After", "1"), "asks the kit to wait"},
		{"trouble", status(500), "trouble of its own (500)"},
		{"busy", status(503, "Retry-After", "3600"), "busy (503)"},
		{"a page", status(200), "it answers 200, expected 201"},
		{"a redirect that loses the offer", status(302, "Location", "/whip2"), "loses the offer (302)"},
		{"round and round", status(307, "Location", "/whip"), "again and again"},
		{"redirect to nowhere", status(307), "not safe"},
		{"redirect to a file", status(308, "Location", "file:///etc/passwd"), "not safe"},
		{"other answer", answer("<html>", "Content-Type", "text/html"), "no session description"},
		{"no answer", answer(""), "does not fit the offer"},
		{"endless answer", answer(head + section + strings.Repeat("a=x\r\n", 20000)), "larger than 64 KiB"},
		{"no video", answer(head + strings.Replace(section, "video 9", "video 0", 1)), "does not take the video"},
		{"more than was offered", answer(head + section + section), "does not fit the offer"},
		{"a street of addresses", answer(head + section + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 65)), "too many addresses"},
		{"an answer without keys", answer(head + section), "does not fit the offer"},
		{"a header without end", answer(head, "X-Long", strings.Repeat("x", 2*maxHeader)), "not reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.instead(c.does)
			s := newStall(t, Config{URL: w.web.URL + "/whip?key=k3y", Token: secret})
			s.film(t)
			is := s.until(t, "it waits", func(is Status) bool { return is.State == Waiting })
			if !strings.Contains(is.Reason, c.says) || is.Again <= 0 {
				t.Errorf("%+v, expected %q", is, c.says)
			}
			if c.name == "busy" && is.Again < 9*time.Minute || c.name == "slow down" && is.Again < time.Second/2 {
				t.Errorf("comes back in %v, against the server's wish", is.Again)
			}
			if text := fmt.Sprintf("%+v", is); strings.Contains(text, "k3y") || strings.Contains(text, secret) {
				t.Errorf("a secret is told: %s", text)
			}
			s.stop()
		})
	}
}

// The offer follows 307 and 308; the token goes along to the server's own domain alone.
func TestRedirectsAreFollowed(t *testing.T) {
	w := newServer(t, serverConfig{})
	w.instead(func(rw http.ResponseWriter, r *http.Request) bool {
		to, ok := map[string]string{"/a": "/b", "/b": "/whip"}[r.URL.Path]
		if ok {
			http.Redirect(rw, r, to, http.StatusPermanentRedirect)
		}
		return ok
	})
	s := newStall(t, Config{URL: w.web.URL + "/a", Token: secret})
	s.film(t)
	s.picture(t, w)

	for _, c := range []struct {
		from, to string
		carries  bool
	}{
		{"https://whip.example.com/in", "https://whip.example.com/other", true},
		{"https://global.example.com/in", "https://fra1.example.com:8443/in", true},
		{"https://global.example.com/in", "https://example.org/in", false},
		{"https://global.example.com/in", "http://global.example.com/in", false},
		{"https://one.co.uk/in", "https://two.co.uk/in", false},
		{"https://192.0.2.1/in", "https://192.0.2.2/in", false},
		{"http://kit.example.com/in", "http://hub.example.com/in", false},
		{"http://192.0.2.1:80/in", "http://192.0.2.1:80/session/1", true},
	} {
		from, err := endpointAt(c.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(c.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&endpoint{at: from}).trusts(to); got != c.carries {
			t.Errorf("%s → %s: the token goes along: %v", c.from, c.to, got)
		}
	}
	if _, err := (&endpoint{}).next(&url.URL{Scheme: "https", Host: "a.example"}, "http://a.example/"); err == nil {
		t.Error("a redirect leads out of TLS")
	}
}

// A server that takes the request and says nothing holds nothing up: it is given up, and switching off works meanwhile.
func TestAServerThatHangsIsLeft(t *testing.T) {
	w := newServer(t, serverConfig{})
	asked := make(chan struct{}, 16)
	w.instead(func(_ http.ResponseWriter, r *http.Request) bool {
		io.Copy(io.Discard, r.Body) // or the server does not see that the kit has gone
		asked <- struct{}{}
		<-r.Context().Done()
		return true
	})
	s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret})
	s.film(t)
	wait(t, asked, "the request")
	s.Set(false)
	s.until(t, "it is off", func(is Status) bool { return is.State == Off })
	s.Set(true)
	wait(t, asked, "another request")
	w.instead(nil)
	if is := s.until(t, "it is given up", func(is Status) bool { return is.State == Waiting || is.State == Live }); is.State == Waiting && !strings.Contains(is.Reason, "does not answer") {
		t.Errorf("%+v", is)
	}
	s.picture(t, w)
}

// A certificate nobody vouches for is refused, and a kit that does not know the date says so instead of blaming the server.
func TestCertificatesAreJudged(t *testing.T) {
	w := newServer(t, serverConfig{tls: true})
	s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret})
	s.film(t)
	is := s.until(t, "it is refused", func(is Status) bool { return is.State == Waiting })
	if !strings.Contains(is.Reason, "vouches") {
		t.Errorf("%+v", is)
	}
	s.stop()

	pool := x509.NewCertPool()
	pool.AddCert(w.web.Certificate())
	trusting := func(now time.Time) *http.Client {
		c := client()
		c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool, Time: func() time.Time { return now }}
		return c
	}
	s = newStall(t, Config{URL: w.web.URL + "/whip", Token: secret, Client: trusting(w.web.Certificate().NotBefore.Add(-time.Hour)), Dated: func() bool { return false }})
	s.film(t)
	if is := s.until(t, "it is refused", func(is Status) bool { return is.State == Waiting }); !strings.Contains(is.Reason, "does not know the date") {
		t.Errorf("%+v", is)
	}
	s.stop()
	s = newStall(t, Config{URL: w.web.URL + "/whip", Token: secret, Client: trusting(w.web.Certificate().NotAfter.Add(-time.Hour))})
	s.film(t)
	s.picture(t, w)
}

func TestFaultsOfTheNetworkAreToldInWords(t *testing.T) {
	for _, c := range []struct {
		err  error
		says string
	}{
		{&net.DNSError{IsNotFound: true}, "name is not found"},
		{fmt.Errorf("push: ask server: %w", context.DeadlineExceeded), "does not answer"},
		{x509.HostnameError{}, "another name"},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, "not reached"},
		{errNoWay, "may block UDP"},
		{tls.RecordHeaderError{}, "speaks no TLS"},
		{x509.CertificateInvalidError{Cert: &x509.Certificate{NotBefore: time.Now().Add(time.Hour)}, Reason: x509.Expired}, "not valid yet"},
		{x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired}, "expired"},
	} {
		if got := reason(c.err, true); !strings.Contains(got, c.says) {
			t.Errorf("%v: %q, expected %q", c.err, got, c.says)
		}
	}
}

func TestAddressesAreCheckedAndNotRepeated(t *testing.T) {
	for _, bad := range []string{"", "whip", "ftp://example.org/k3y", "https:///k3y", "https://user:k3y@example.org/", "http://[k3y", "https://example.org/\x7fk3y"} {
		if _, err := New(Config{URL: bad}); err == nil || strings.Contains(err.Error(), "k3y") || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// STUN and TURN servers that the answer names are asked.
func TestTheServersICEServersAreUsed(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	asked := make(chan struct{}, 16)
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			if stun.IsMessage(b[:n]) {
				select {
				case asked <- struct{}{}:
				default:
				}
			}
		}
	}()
	w := newServer(t, serverConfig{})
	w.instead(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.Header().Add("Link", `</other>; rel="next", <stun:`+udp.LocalAddr().String()+`>; rel="ice-server"`)
		return false
	})
	s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret})
	s.film(t)
	wait(t, asked, "a question at the STUN server")
	s.picture(t, w)
}

func TestLinksAreRead(t *testing.T) {
	got := iceServers([]string{
		`<stun:stun.example.net>; rel="ice-server"`,
		`<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="a \"word\", and; more"; credential-type="password", <turns:b.example:443>;rel=ice-server;username=u;credential=c`,
		`<https://example.net/>; rel="next"`, `<turn:no.word>; rel="ice-server"; username="u"`, `<javascript:x>; rel=ice-server`, `<stun:cut; rel="ice-server"`, `nonsense`,
	})
	var text []string
	for _, s := range got {
		text = append(text, fmt.Sprint(s.URLs, s.Username, s.Credential))
	}
	want := []string{`[stun:stun.example.net]<nil>`, `[turn:turn.example.net?transport=udp]usera "word", and; more`, `[turns:b.example:443]uc`}
	if fmt.Sprintf("%q", text) != fmt.Sprintf("%q", want) {
		t.Errorf("%q, expected %q", text, want)
	}
}

func FuzzLink(f *testing.F) {
	f.Add(`<turn:t?transport=udp>; rel="ice-server"; username="u\"x"; credential="c", <stun:s>;rel=ice-server`)
	f.Add(`<;="\`)
	f.Fuzz(func(t *testing.T, header string) {
		for _, s := range iceServers([]string{header, header}) {
			if len(s.URLs) != 1 || !strings.Contains(header, s.URLs[0]) || !strings.ContainsAny(s.URLs[0], ":") {
				t.Fatalf("%+v of %q", s, header)
			}
		}
	})
}
