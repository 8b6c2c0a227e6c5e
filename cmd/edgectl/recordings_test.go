package main

import (
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

func TestRecordingsFromTheShell(t *testing.T) {
	k := kittest.Start(t, "-printer", "none", "-picture", "640x360@15", "-microphone", "none") // whose sound, when it comes, begins another
	at := func(args ...string) []string {
		return append([]string{"--kit", k.Data, "--json", "recordings"}, args...)
	}
	all := func() (now wire.Recordings) {
		t.Helper()
		if code, errs := ctl(t, &now, at("list")...); code != 0 {
			t.Fatal(errs)
		}
		return now
	}
	if now := all(); now.Now.State != "idle" || now.Files == nil || len(now.Files) > 0 {
		t.Fatalf("%+v", now)
	}
	if code, errs := ctl(t, nil, at("start")...); code != 0 {
		t.Fatal(errs)
	}
	kittest.Until(t, "a recording", func() bool { now := all(); return len(now.Files) == 1 && now.Files[0].LongMS > 1000 })
	live := all().Files[0].Name
	if code, errs := ctl(t, nil, at("delete", live)...); code == 0 || !strings.Contains(errs, "Stop the recording first") {
		t.Errorf("deleting what is being recorded: %d %s", code, errs)
	}
	if code, errs := ctl(t, nil, at("stop")...); code != 0 {
		t.Fatal(errs)
	}
	if now := all(); now.Now.State != "idle" || len(now.Files) != 1 || now.Files[0].Live || now.Files[0].LongMS < 1000 || now.Files[0].Bytes == 0 {
		t.Errorf("%+v", now)
	}
	if code, errs := ctl(t, nil, at("delete", live)...); code != 0 {
		t.Fatal(errs)
	}
	if code, errs := ctl(t, nil, at("delete", live)...); code == 0 || !strings.Contains(errs, "no such recording") {
		t.Errorf("deleting it twice: %d %s", code, errs)
	}
	if now := all(); len(now.Files) > 0 {
		t.Errorf("%+v", now)
	}
}
