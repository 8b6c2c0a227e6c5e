package kit

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/edgekit/internal/setup"
)

// TestAKitThatDoesNotStartSaysWhy on its screen, on the card, once, and to who opens its page. On a laptop, where somebody
// sees standard error, it ends at once.
func TestAKitThatDoesNotStartSaysWhy(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	screen := filepath.Join(t.TempDir(), "tty")
	if err := os.WriteFile(screen, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	var noted []string
	card := setup.Card{
		Read: func(string) ([]byte, error) {
			if len(noted) == 0 {
				return nil, fs.ErrNotExist
			}
			return []byte(noted[len(noted)-1]), nil
		},
		Write: func(name string, text []byte) error { noted = append(noted, string(text)); return nil },
	}
	reason := fault("edgekit: --data: mkdir /perm/edgekit: read-only <file system>")
	args := []string{"-listen", at, "-boot-settings", "edgekit.toml", "-screen", screen}
	for range 2 {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			showClosed(ctx, args, reason, quiet, card)
		}()
		page := ""
		for page == "" {
			res, err := http.Get("http://" + at + "/anything")
			if err != nil {
				continue // it does not listen yet
			}
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusServiceUnavailable {
				t.Fatalf("%s %v", res.Status, err)
			}
			page = string(text)
		}
		if !strings.Contains(page, "cannot sell here just now") || !strings.Contains(page, "read-only &lt;file system&gt;") {
			t.Errorf("the page: %s", page)
		}
		stop()
		<-ended
	}
	if len(noted) != 1 || !strings.Contains(noted[0], "read-only <file system>\r\n") {
		t.Errorf("on the card: %q", noted)
	}
	if text, err := os.ReadFile(screen); err != nil || !strings.Contains(string(text), "does not start: edgekit: --data") {
		t.Errorf("on the screen: %q, %v", text, err)
	}
	showClosed(t.Context(), []string{"-listen", at}, reason, quiet, card) // returns
}
