package upkeep

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/cmd/edgekit/internal/console"
	"edgekit.internal/cmd/edgekit/internal/seal"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/image/update"
)

// stall is a kit on a card of files, and its console with one paired operator.
type stall struct {
	t       *testing.T
	dir     string // the card
	upkeep  *Upkeep
	key     ed25519.PrivateKey
	server  *httptest.Server
	session *http.Cookie
}

// code is a set-up whose pairing code never changes.
type code struct{ console.Setup }

func (code) Code() string     { return "123-456" }
func (code) Next(bool) string { return "123-456" }

func newStall(t *testing.T) *stall {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &stall{t: t, dir: t.TempDir(), key: key}
	card, err := update.InFolder(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	s.upkeep = New(data, slog.New(slog.DiscardHandler))
	s.upkeep.installer = &update.Installer{Card: card, Dir: filepath.Join(data, Folder), Now: release(5), Keys: []ed25519.PublicKey{public}, Board: []string{"raspberrypi,4-model-b"}}
	c := console.New(console.Config{Setup: code{}, Key: seal.Key("key"), Now: func() time.Duration { return time.Hour }, Metrics: http.NotFoundHandler(), Press: http.NotFoundHandler(), Control: http.NotFoundHandler(),
		System: s.upkeep.Status, Update: s.upkeep, Log: slog.New(slog.DiscardHandler)})
	s.server = httptest.NewServer(c.Handler())
	t.Cleanup(s.server.Close)
	res, err := http.Post(s.server.URL+"/api/operator/pair", "application/json", strings.NewReader(`{"code":"123-456"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if len(res.Cookies()) != 1 {
		t.Fatalf("pairing: %s", res.Status)
	}
	s.session = res.Cookies()[0]
	return s
}

func release(serial int64) update.Release {
	return update.Release{Version: fmt.Sprintf("v%d", serial), Serial: serial, Boards: []string{"raspberrypi,4-model-b"}}
}

// bundle is a system of 3 MB: several pieces of what is written before it is made sure of.
func bundle(t *testing.T, r update.Release, key ed25519.PrivateKey) []byte {
	t.Helper()
	var out bytes.Buffer
	err := update.Write(&out, r, key, []update.Source{{Name: "root.squashfs", Text: bytes.Repeat(fmt.Appendf(nil, "root %d, ", r.Serial), 3<<20/9)},
		{Name: "boot/vmlinuz", Text: bytes.Repeat(fmt.Appendf(nil, "kernel %d, ", r.Serial), 4096), Gzip: true}, {Name: "boot/cmdline.txt", Text: []byte("root=PARTUUID=1234/PARTNROFF=1\n")}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ask sends a request as the operator's browser does. into may be a wire.Problem.
func (s *stall) ask(method, path string, body io.Reader, paired bool, into any) (status int) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.server.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if paired {
		r.AddCookie(s.session)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		s.t.Fatalf("%s: %v", res.Status, err)
	}
	return res.StatusCode
}

// card is every file on it.
func (s *stall) card() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(s.dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(s.dir, path))
		all[path] = string(text)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// watched stops in the middle of an upload, once, to look at how far it is.
type watched struct {
	from io.Reader
	left int
	look func()
}

func (w *watched) Read(p []byte) (int, error) {
	if w.left -= len(p); w.look != nil && w.left < 0 {
		w.look()
		w.look = nil
	}
	return w.from.Read(p)
}

// TestAnUpdateFromTheConsole is on the card when it is answered, says meanwhile how far it is, lets no second one in, and then asks for the
// restart that tries it.
func TestAnUpdateFromTheConsole(t *testing.T) {
	s := newStall(t)
	text := bundle(t, release(6), s.key)
	var during wire.System
	var second wire.Problem
	body := &watched{bytes.NewReader(text), 2 << 20, func() {
		for during.Done < 1<<20 { // what was sent is on its way through the socket
			s.ask("GET", "/api/operator/update", nil, true, &during)
		}
		s.ask("PUT", "/api/operator/update", bytes.NewReader(bundle(t, release(7), s.key)), true, &second)
	}}
	var done wire.Installed
	if status := s.ask("PUT", "/api/operator/update", body, true, &done); status != http.StatusAccepted || done.Version != "v6" {
		t.Fatalf("%d %+v", status, done)
	}
	if !during.Installing || during.Total < 5<<20 || during.Done > during.Total || !during.Appliance || during.Version != "v5" || during.Slot != "a" || during.Trial {
		t.Errorf("half way: %+v", during)
	}
	if second.Reason != "busy" || second.Status != http.StatusConflict {
		t.Errorf("a second one meanwhile: %+v", second)
	}
	select {
	case argument := <-s.upkeep.Restart():
		if argument != "0 tryboot" {
			t.Errorf("the restart is asked for with %q", argument)
		}
	case <-time.After(time.Minute):
		t.Fatal("no restart is asked for")
	}
	card := s.card()
	if !strings.HasPrefix(card["root3"], "root 6, root 6, ") || len(card["root3"]) != 3<<20/9*len("root 6, ") || !strings.HasPrefix(card["boot/b/vmlinuz"], "kernel 6") ||
		!strings.Contains(card["boot/tryboot.txt"], "os_prefix=b/") || !strings.Contains(card["boot/config.txt"], "os_prefix=a/") || card["root2"] != "root 1" {
		t.Errorf("on the card: tryboot %q, config %q", card["boot/tryboot.txt"], card["boot/config.txt"])
	}
	var after wire.Problem
	if s.ask("PUT", "/api/operator/update", bytes.NewReader(bundle(t, release(7), s.key)), true, &after); after.Reason != "busy" {
		t.Errorf("one more, before the restart: %+v", after)
	}
	if d := cmp.Diff(card, s.card()); d != "" {
		t.Error("it was written over")
	}
}

// TestACardThatDoesNotSay which system it starts: none that may be on trial is told to be kept.
func TestACardThatDoesNotSay(t *testing.T) {
	s := newStall(t)
	config := filepath.Join(s.dir, "boot/config.txt")
	away := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	away(config, config+"~")
	if is := s.upkeep.Status(); !is.Trial {
		t.Errorf("it cannot be read: %+v", is)
	}
	away(config+"~", config)
	if is := s.upkeep.Status(); is.Trial {
		t.Errorf("it can: %+v", is)
	}
	away(config, config+"~")
	if is := s.upkeep.Status(); is.Trial {
		t.Errorf("once it is known: %+v", is)
	}
}

// TestARefusedUpdateLeavesTheCard as it was to the byte, unless it is damaged behind its signature: then only what does not start was touched.
func TestARefusedUpdateLeavesTheCard(t *testing.T) {
	s := newStall(t)
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := release(6)
	elsewhere.Boards = []string{"raspberrypi,5-model-b"}
	good := bundle(t, release(6), s.key)
	for _, c := range []struct {
		name, reason string
		status       int
		paired       bool
		body         []byte
		touched      bool
	}{
		{"nobody's device", "not-paired", http.StatusUnauthorized, false, good, false},
		{"no bundle", "not-a-bundle", http.StatusBadRequest, true, []byte("<html>"), false},
		{"another's signature", "signature", http.StatusForbidden, true, bundle(t, release(6), other), false},
		{"another board", "board", http.StatusConflict, true, bundle(t, elsewhere, s.key), false},
		{"older", "downgrade", http.StatusConflict, true, bundle(t, release(4), s.key), false},
		{"the same", "same", http.StatusConflict, true, bundle(t, release(5), s.key), false},
		{"cut off in its root", "damaged", http.StatusBadRequest, true, good[:1<<20], true},
	} {
		before := s.card()
		var p wire.Problem
		if status := s.ask("PUT", "/api/operator/update", bytes.NewReader(c.body), c.paired, &p); status != c.status || p.Reason != c.reason || p.Detail == "" {
			t.Errorf("%s: %d %+v, want %d %s", c.name, status, p, c.status, c.reason)
		}
		after := s.card()
		if c.touched {
			if strings.TrimLeft(after["root3"][:4096], "\x00") != "" {
				t.Errorf("%s: what was written so far could start", c.name)
			}
			delete(before, "root3")
			delete(after, "root3")
		}
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("%s: the card has changed: %s", c.name, d)
		}
		select {
		case <-s.upkeep.Restart():
			t.Errorf("%s: a restart is asked for", c.name)
		default:
		}
		if st := s.upkeep.Status(); st.Installing {
			t.Errorf("%s: it seems to be going on: %+v", c.name, st)
		}
	}
	var done wire.Installed
	if status := s.ask("PUT", "/api/operator/update?allow", bytes.NewReader(bundle(t, release(4), s.key)), true, &done); status != http.StatusAccepted || done.Version != "v4" {
		t.Errorf("an older one, allowed: %d %+v", status, done)
	}
}

// TestAKitOnNoCardTakesNoUpdates, and says why.
func TestAKitOnNoCardTakesNoUpdates(t *testing.T) {
	s := newStall(t)
	s.upkeep.installer, s.upkeep.why = nil, errors.New("no such file")
	var p wire.Problem
	if status := s.ask("PUT", "/api/operator/update", strings.NewReader("x"), true, &p); status != http.StatusConflict || p.Reason != "not-an-appliance" || !strings.Contains(p.Detail, "no such file") {
		t.Errorf("%d %+v", status, p)
	}
	var st wire.System
	if s.ask("GET", "/api/operator/update", nil, true, &st); st.Appliance {
		t.Errorf("%+v", st)
	}
}
