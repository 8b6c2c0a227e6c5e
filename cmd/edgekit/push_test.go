package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

func remoteStream(t *testing.T, op *kittest.Operator) *wire.Push {
	t.Helper()
	var s struct{ Push *wire.Push }
	_, b, err := op.Get("/api/operator/state")
	if err != nil || json.Unmarshal(b, &s) != nil {
		t.Fatal(string(b), err)
	}
	if text := string(b); strings.Contains(text, "the-token") || strings.Contains(text, "the-key") {
		t.Fatalf("the console is told a secret: %s", text)
	}
	return s.Push
}

// TestTheStreamGoesToAWHIPServer: pictures get there; whatever the server does the stall's own viewers see theirs and taps are
// served; it is off the air when an operator says so, and stays off through a start.
func TestTheStreamGoesToAWHIPServer(t *testing.T) {
	server := kittest.NewIngest(t)
	token := kittest.File(t, "token", "the-token\n")
	data := t.TempDir()
	flags := []string{"-push", server.URL, "-push-token-file", token, "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue)}
	k := kittest.StartIn(t, data, flags...)
	op, viewer := k.Pair(t), k.Watch(t)
	more := func(what string, n interface{ Load() int64 }) {
		t.Helper()
		from := n.Load()
		kittest.Until(t, what, func() bool { return n.Load() > from+30 })
	}
	on := func(want bool) {
		t.Helper()
		if status, b, err := op.Do("POST", "/api/operator/push", wire.PushSwitch{On: want}); err != nil || status != http.StatusNoContent {
			t.Fatal(status, string(b), err)
		}
	}
	is := func(state string) {
		t.Helper()
		kittest.Until(t, "the remote stream is "+state, func() bool { p := remoteStream(t, op); return p != nil && p.State == state })
	}
	more("pictures at the server", &server.Pictures)
	is("live")

	server.Refuse.Store(http.StatusBadGateway)
	server.HangUp()
	is("waiting")
	more("pictures at the stall while the server refuses", &viewer.Pictures)
	server.Hang.Store(true)
	asked := server.Asked.Load()
	kittest.Until(t, "the server is asked again", func() bool { return server.Asked.Load() > asked })
	more("pictures at the stall while the server hangs", &viewer.Pictures)
	confirmed(t, viewer.Visitor, "pen")
	on(false) // which does not wait for the server either
	is("off")
	server.Hang.Store(false)
	server.Refuse.Store(0)
	on(true)
	more("pictures at the server that is back", &server.Pictures)

	on(false)
	is("off")
	k.Stop()
	asked = server.Asked.Load()
	again := kittest.StartIn(t, data, flags...)
	op = again.Pair(t)
	is("off")
	on(true)
	more("pictures at the server once it is on", &server.Pictures)
	if n := server.Asked.Load() - asked; n != 1 {
		t.Errorf("the server was asked %d times, expected not before it was switched on", n)
	}
	again.Stop()
	for _, log := range []string{k.Log(), again.Log()} {
		if strings.Contains(log, "the-token") || strings.Contains(log, "the-key") {
			t.Errorf("the log has a secret:\n%s", log)
		}
	}
}

// TestAKitWithoutAServerSaysSo, and what cannot be a server is refused before anything starts.
func TestAKitWithoutAServerSaysSo(t *testing.T) {
	k := kittest.Start(t)
	op := k.Pair(t)
	if p := remoteStream(t, op); p != nil {
		t.Errorf("%+v", p)
	}
	if status, b, err := op.Do("POST", "/api/operator/push", wire.PushSwitch{On: true}); err != nil || status != http.StatusConflict || !strings.Contains(string(b), "[push]") {
		t.Errorf("%d %s %v", status, b, err)
	}
	k.Stop()
	empty := kittest.File(t, "empty", "\n")
	for _, c := range []struct {
		flags []string
		says  string
	}{
		{[]string{"-push", "ftp://example.org/the-key"}, "--push: expected the address of a WHIP server"},
		{[]string{"-push", "https://me:the-key@example.org/"}, "expected no name or password"},
		{[]string{"-push-token-file", kittest.File(t, "token", "x")}, "expected --push URL too"},
		{[]string{"-push", "https://example.org/", "-push-token-file", empty}, "holds no token"},
		{[]string{"-push", "https://example.org/", "-push-token-file", os.TempDir() + "/none-there"}, "no such file"},
	} {
		_, err := kittest.Launch(kittest.Programs(t), t.TempDir(), c.flags...)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "the-key") || !strings.Contains(err.Error(), "exit status 2") {
			t.Errorf("%v: %v, expected %q", c.flags, err, c.says)
		}
	}
}
