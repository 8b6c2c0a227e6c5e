package main

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheDaemonIsAsked over its control socket, served by Go's own HTTP as the daemon's is.
func TestTheDaemonIsAsked(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		sick   []string
		fails  bool
	}{
		{"well", 200, `{"sick":null}`, nil, false},
		{"ill", 200, `{"sick":["No offers.","No camera."]}`, []string{"No offers.", "No camera."}, false},
		{"another program", 404, "404 page not found", nil, true},
		{"no JSON", 200, "<html>", nil, true},
	} {
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				rw.WriteHeader(c.status)
				io.WriteString(rw, c.body)
			}
		})}
		go s.Serve(l)
		sick, err := health(socket)(t.Context())
		if d := cmp.Diff(c.sick, sick); d != "" || (err != nil) != c.fails {
			t.Errorf("%s: %s%v", c.name, d, err)
		}
		s.Close()
	}
	if _, err := health(filepath.Join(t.TempDir(), "none"))(t.Context()); err == nil {
		t.Error("nobody answered, and that was well")
	}
}
