package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// TestGuestsComeIn: a list that the console imports, a ticket at the scanner, once; somebody without one; all through a kill; and the list is deleted.
func TestGuestsComeIn(t *testing.T) {
	far, near := line(t)
	data := t.TempDir()
	args := []string{"-catalog", kittest.File(t, "c.json", kittest.Catalogue), "-printer", "none", "-config", kittest.File(t, "edgekit.toml", fmt.Sprintf("[scanner]\ndevice = \"serial:%s\"\n", near))}
	k := kittest.StartIn(t, data, args...)
	browser := kittest.Browser(t, watchful)
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	kittest.See(t, browser, "the door", `document.querySelector("#door summary").checkVisibility()`)
	kittest.Read(t, browser, `document.querySelector("#door summary").click()`)
	kittest.See(t, browser, "that there is no list", under("At the door")+`.includes("There is no list yet")`)
	upload := func(doc string) {
		t.Helper()
		kittest.Read(t, browser, fmt.Sprintf(`(() => { const d = new DataTransfer(), f = document.querySelector("#door-file"); d.items.add(new File([%q], "guests.csv")); f.files = d.files; f.dispatchEvent(new Event("change")); })()`, doc))
	}
	upload("code,name\nA1,Ada\nA1,Bob\n,Cid\n")
	kittest.See(t, browser, "what is wrong with it", under("At the door")+`.match(/Nothing was imported. 2 things are wrong[^]*guests.csv:3:1: code: it is that of line 2 too/)`)
	upload("code,name,kind\nT-0001,Ada Lovelace,Day\nT-0002,Bob,Weekend\n")
	kittest.See(t, browser, "the list", under("At the door")+`.match(/0 of 2 are in[^]*2 guests; 2 new[^]*Ada Lovelace, Day[^]*Bob, Weekend/)`)
	for n, c := range []struct{ code, says string }{
		{"T-0001", "Ada Lovelace, Day: come in."}, {"T-0001", "Ada Lovelace, Day came in just now by that ticket: let nobody in."}, {"T-0003", "That is no ticket's code."},
	} {
		if _, err := far.WriteString(c.code + "\r"); err != nil {
			t.Fatal(err)
		}
		kittest.See(t, browser, "what it says", fmt.Sprintf(`document.querySelectorAll("#scans li").length === %d && document.querySelector("#scans li").innerText.includes(%q)`, n+1, c.says))
	}
	kittest.See(t, browser, "who is in", under("At the door")+`.match(/1 of 2 are in[^]*Bob, Weekend[^]*Ada Lovelace, Day, in/)`)
	press(t, browser, "In: Bob")
	kittest.See(t, browser, "both", under("At the door")+`.includes("2 of 2 are in")`)
	kittest.Read(t, browser, `document.querySelector("#door-name").value = "Grace"`)
	press(t, browser, "Let them in")
	kittest.See(t, browser, "all three", under("At the door")+`.match(/2 of 2 are in, and 1 who was not on the list[^]*Grace: come in/)`)
	if wrongs := kittest.Read(t, browser, "wrongs.join()"); wrongs != "" {
		t.Error(wrongs)
	}
	k.Kill()
	k = kittest.StartIn(t, data, args...)
	var g wire.Guests
	if inquire(t, k, "GET", "/guests?find=ada", nil, &g); g.In != 2 || g.WalkIns != 1 || len(g.Guests) != 1 || g.Guests[0].In == nil {
		t.Errorf("after a kill: %+v", g)
	}
	var said wire.DoorSaid
	act := []byte(`{"id":"` + kittest.NewTap() + `","do":"out","code":"T-0002"}`)
	for range 2 {
		if inquire(t, k, "POST", "/door", act, &said); !said.OK || said.Detail != "Bob, Weekend is out again." {
			t.Errorf("%+v", said)
		}
	}
	res, err := local(k).Get("http://kit/guests.csv")
	if err != nil || res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/csv") {
		t.Fatalf("%+v, %v", res, err)
	}
	res.Body.Close()
	if inquire(t, k, "DELETE", "/guests", nil, &g); g.Listed != 0 {
		t.Errorf("%+v", g)
	}
	if inquire(t, k, "GET", "/guests", nil, &g); g.Listed != 0 || len(g.Guests) != 0 {
		t.Errorf("%+v", g)
	}
	k.Stop()
	if err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, gone := range []string{"Lovelace", "Grace", "Weekend", "T-0001"} {
			if bytes.Contains(text, []byte(gone)) {
				t.Errorf("%s is still in %s", gone, path)
			}
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
