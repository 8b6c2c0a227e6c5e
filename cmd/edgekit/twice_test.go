package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// TestWhatIsAskedTwiceIsDoneOnce, and answered alike, by edgectl's way and by the console's, also when the kit was killed in between.
func TestWhatIsAskedTwiceIsDoneOnce(t *testing.T) {
	data := t.TempDir()
	args := []string{"-catalog", kittest.File(t, "c.json", kittest.Catalogue), "-printer", "virtual"}
	k := kittest.StartIn(t, data, args...)
	ask := func(method, path, key, body string) string {
		t.Helper()
		r, err := http.NewRequest(method, "http://kit"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(wire.KeyHeader, key)
		res, err := local(k).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(res.StatusCode, " ", string(b))
	}
	print, roll, set, bad := kittest.NewTap(), kittest.NewTap(), kittest.NewTap(), kittest.NewTap()
	first := []string{ask("POST", "/code/print", print, `{"offer":"pen"}`), ask("POST", "/till/print", roll, `{"closing":0}`), ask("PUT", "/settings", set, "stall = \"Red Door\""), ask("PUT", "/settings", bad, "stal = 1")}
	if !strings.HasPrefix(first[0], "200 ") || !strings.HasPrefix(first[1], "200 ") || !strings.HasPrefix(first[2], "200 ") || !strings.HasPrefix(first[3], "400 ") {
		t.Fatal(first)
	}
	were, _ := os.ReadDir(filepath.Join(data, "tickets"))
	ask("PUT", "/settings", kittest.NewTap(), "stall = \"Green Door\"")
	for range 2 {
		again := []string{ask("POST", "/code/print", print, `{"offer":"pen"}`), ask("POST", "/till/print", roll, `{"closing":0}`), ask("PUT", "/settings", set, "stall = \"Red Door\""), ask("PUT", "/settings", bad, "stal = 1")}
		if fmt.Sprint(again) != fmt.Sprint(first) {
			t.Errorf("%q, and before %q", again, first)
		}
		k.Kill()
		k = kittest.StartIn(t, data, args...)
	}
	if are, _ := os.ReadDir(filepath.Join(data, "tickets")); len(are) != len(were) {
		t.Errorf("%d slips, and %d before what was asked again", len(are), len(were))
	}
	if got := ask("GET", "/settings", "", ""); !strings.Contains(got, "Green Door") {
		t.Errorf("what was asked again undid what came after it: %s", got)
	}
	if got := ask("POST", "/code/print", print, `{"offer":"mug"}`); !strings.HasPrefix(got, "422 ") {
		t.Errorf("the same key for something else: %s", got)
	}
}
