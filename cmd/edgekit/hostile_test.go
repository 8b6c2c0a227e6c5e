package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/hardware/identity"
	"edgekit.internal/pipeline/token"
)

// send makes a request with the visitor's cookies and reads the refusal's reason.
func send(t *testing.T, v *kittest.Visitor, method, path, kind, body string, header ...string) (status int, reason string, h http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, v.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.Client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var problem struct {
		Reason string `json:"reason"`
		Status int    `json:"status"`
	}
	if res.StatusCode >= 400 {
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s %s: a refusal of type %q: %s", method, path, got, b)
		} else if err := json.Unmarshal(b, &problem); err != nil || problem.Status != res.StatusCode {
			t.Errorf("%s %s: status %d, problem %s", method, path, res.StatusCode, b)
		}
	}
	return res.StatusCode, problem.Reason, res.Header
}

// TestEveryRefusalHasItsReason: what is malformed, forged, foreign, expired or replayed is refused with its status and
// its stable reason, and a good tap is still taken after all of it.
func TestEveryRefusalHasItsReason(t *testing.T) {
	k := kittest.Start(t)
	v, other, nobody := k.Visit(t), k.Visit(t), &kittest.Visitor{Base: k.Viewer, Client: &http.Client{Timeout: kittest.Limit}}
	offer := func(v *kittest.Visitor, id string) string {
		t.Helper()
		o, err := v.Offer(id)
		if err != nil {
			t.Fatal(err)
		}
		return o.Token
	}
	who, err := identity.Open(k.Data)
	if err != nil {
		t.Fatal(err)
	}
	mint, err := token.New(who.Secret("tokens"), who.ID)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := token.New(bytes.Repeat([]byte("x"), 32), who.ID)
	if err != nil {
		t.Fatal(err)
	}
	good, used := offer(v, "pen"), offer(v, "pen")
	if a, err := v.Tap(kittest.NewTap(), "pen", used); err != nil || a.Status != 200 {
		t.Fatalf("%+v, %v", a, err)
	}
	tap := func(id, offer, token string) string {
		b, err := json.Marshal(map[string]string{"id": id, "offer": offer, "token": token})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	id, js := kittest.NewTap, "application/json"
	for _, c := range []struct {
		name               string
		as                 *kittest.Visitor
		method, path, kind string
		body               string
		status             int
		reason             string
	}{
		{"no session", nobody, "POST", "/api/taps", js, tap(id(), "pen", good), 401, "token-invalid"},
		{"no JSON", v, "POST", "/api/taps", js, "{", 400, "malformed"},
		{"another type", v, "POST", "/api/taps", js, `{"id":7}`, 400, "malformed"},
		{"a field too many", v, "POST", "/api/taps", js, `{"id":"x","admin":true}`, 400, "malformed"},
		{"two values", v, "POST", "/api/taps", js, tap(id(), "pen", good) + "{}", 400, "malformed"},
		{"no ULID", v, "POST", "/api/taps", js, tap("1", "pen", good), 400, "malformed"},
		{"too large", v, "POST", "/api/taps", js, `{"id":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "too-large"},
		{"unknown offer", v, "POST", "/api/taps", js, tap(id(), "yacht", mint.Page(v.ID, "yacht", 0, 0, time.Minute)), 404, "unknown-offer"},
		{"forged token", v, "POST", "/api/taps", js, tap(id(), "pen", forger.Page(v.ID, "pen", 0, 0, time.Minute)), 401, "token-invalid"},
		{"another's token", v, "POST", "/api/taps", js, tap(id(), "pen", offer(other, "pen")), 401, "token-invalid"},
		{"token for another offer", v, "POST", "/api/taps", js, tap(id(), "set", good), 401, "token-invalid"},
		{"cut token", v, "POST", "/api/taps", js, tap(id(), "pen", good[:len(good)-1]), 401, "token-invalid"},
		{"no token", v, "POST", "/api/taps", js, tap(id(), "pen", ""), 401, "token-invalid"},
		{"expired token", v, "POST", "/api/taps", js, tap(id(), "pen", mint.Page(v.ID, "pen", 0, 0, 0)), 410, "token-expired"},
		{"replayed token", v, "POST", "/api/taps", js, tap(id(), "pen", used), 409, "token-used"},
		{"consent to another text", v, "PUT", "/api/consent", js, `{"version":99,"choice":"agreed"}`, 400, "malformed"},
		{"another choice", v, "PUT", "/api/consent", js, `{"version":1,"choice":"maybe"}`, 400, "malformed"},
		{"another's ticket", other, "GET", "/api/tickets/A-001", "", "", 404, "not-found"},
		{"no page", v, "GET", "/console", "", "", 404, "not-found"},
		{"operator's API", v, "GET", "/api/operator/state", "", "", 404, "not-found"},
		{"metrics", v, "GET", "/metrics", "", "", 404, "not-found"},
		{"SDP that is none", v, "POST", "/whep", "application/sdp", "v=0\r\nhello", 400, "malformed"},
		{"SDP of another type", v, "POST", "/whep", js, "v=0", 415, "unsupported-type"},
		{"SDP too large", v, "POST", "/whep", "application/sdp", "v=0\r\n" + strings.Repeat("a=x\r\n", 1<<16), 413, "too-large"},
		{"no such player", v, "PATCH", "/whep/0123", "application/trickle-ice-sdpfrag", "", 404, "unknown"},
		{"unknown code", v, "GET", "/t/hello", "", "", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.reason == "" { // a page for people
				res, err := c.as.Client.Get(c.as.Base + c.path)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != c.status {
					t.Errorf("status %d, want %d", res.StatusCode, c.status)
				}
				return
			}
			var status int
			var reason string
			kittest.Until(t, "an answer that is no limit", func() bool { // this visitor taps faster than visitors do
				status, reason, _ = send(t, c.as, c.method, c.path, c.kind, c.body)
				return status != http.StatusTooManyRequests
			})
			if status != c.status || reason != c.reason {
				t.Errorf("%d %q, want %d %q", status, reason, c.status, c.reason)
			}
		})
	}
	if status, _, _ := send(t, v, "POST", "/api/session", js, "", "Origin", "http://elsewhere.example", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("from another site's page: status %d", status)
	}
	kittest.Until(t, "a good tap after all that", func() bool {
		a, err := v.Tap(id(), "pen", good)
		return err == nil && a.Status == 200
	})
}

// TestBytesOnTheChannel: whatever comes over the data channel is answered or dropped, and the channel goes on.
func TestBytesOnTheChannel(t *testing.T) {
	k := kittest.Start(t)
	w := k.Watch(t)
	for _, b := range []string{"", "{", "null", `{"type":"tap"}`, `{"type":"launch"}`, `{"type":"tap","id":1}`, "\x00\xff\xfe", strings.Repeat("[", 10_000), strings.Repeat("x", 16_000)} {
		if err := w.SendRaw([]byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	kittest.Until(t, "prompt", func() bool { _, ok := w.Prompt("pen"); return ok })
	kittest.Until(t, "good tap", func() bool {
		p, _ := w.Prompt("pen")
		out, err := w.TapSignal(kittest.NewTap(), "pen", p.Token)
		if err != nil {
			t.Fatal(err)
		}
		return out.Outcome == "confirmed"
	})
}

// TestTenThousandTapsFromOnePhone: the phone is told to wait, nothing is sold beyond its limit, memory stays bounded, and
// every other visitor's tap goes through meanwhile.
func TestTenThousandTapsFromOnePhone(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	loud := k.Visit(t)
	loud.Client.Transport = &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8}
	o, err := loud.Offer("pen")
	if err != nil {
		t.Fatal(err)
	}
	before := rss(t, k.PID())
	var sold, limited, other atomic.Int64
	var flood sync.WaitGroup
	for range 8 {
		flood.Go(func() {
			for range 1250 {
				a, err := loud.Tap(kittest.NewTap(), "pen", o.Token)
				switch {
				case err != nil:
					t.Error(err)
					return
				case a.Status == http.StatusOK:
					sold.Add(1)
				case a.Status == http.StatusTooManyRequests && a.Reason == "rate-limited":
					limited.Add(1)
				default:
					other.Add(1) // token-used
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { flood.Wait(); close(done) }()
	quiet := 0
	for flooding := true; flooding; quiet++ {
		a, err := k.Visit(t).Buy("pen")
		if err != nil || a.Status != http.StatusOK {
			t.Errorf("a quiet visitor got %+v, %v", a, err)
		}
		select {
		case <-done:
			flooding = false
		default:
		}
	}
	t.Logf("%d sold, %d told to wait, %d replays refused; %d quiet visitors bought meanwhile", sold.Load(), limited.Load(), other.Load(), quiet)
	if sold.Load() != 1 || limited.Load() < 9000 {
		t.Errorf("one token sold %d times; %d of 10,000 taps were told to wait", sold.Load(), limited.Load())
	}
	if grew := rss(t, k.PID()) - before; grew > 64<<20 {
		t.Errorf("memory grew by %d MiB", grew>>20)
	}
	status, reason, h := 0, "", http.Header{}
	for range 30 {
		if status, reason, h = send(t, loud, "POST", "/api/taps", "application/json", fmt.Sprintf(`{"id":%q,"offer":"pen","token":%q}`, kittest.NewTap(), o.Token)); status == http.StatusTooManyRequests {
			break
		}
	}
	if wait, err := strconv.Atoi(h.Get("Retry-After")); reason != "rate-limited" || err != nil || wait < 1 {
		t.Errorf("%d %q, Retry-After %q", status, reason, h.Get("Retry-After"))
	}
}

// rss is a process's memory in bytes (proc_pid_status(5)).
func rss(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
