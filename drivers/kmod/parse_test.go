package kmod

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// countingLog counts warnings.
type countingLog struct {
	slog.Handler
	n int
}

func (c *countingLog) logger() *slog.Logger                     { return slog.New(c) }
func (c *countingLog) Enabled(context.Context, slog.Level) bool { return true }
func (c *countingLog) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		c.n++
	}
	return nil
}

// TestMatchesAsFnmatch: fnmatch(3) without flags, as depmod's patterns are meant.
func TestMatchesAsFnmatch(t *testing.T) {
	for _, r := range []struct {
		pattern, name string
		want          bool
	}{
		{"usb:v*p*", "usb:v1p2", true}, {"*", "", true}, {"", "", true}, {"", "a", false}, {"a", "", false}, {"a**", "a", true},
		{"a/*", "a/b/c", true}, {"a*c", "abcbc", true}, {"a*c", "abcb", false}, {"?", "ab", false}, {"?b", "ab", true},
		{"d[0-9]*", "d5x", true}, {"d[0-9]", "da", false}, {"d[!0-9]", "da", true}, {"d[^0-9]", "d1", false}, {"[]]", "]", true},
		{"[a", "[a", true}, {"[a-]", "-", true}, {`\*`, "*", true}, {`\*`, "a", false}, {`\`, `\`, true}, {"[z-a]", "m", false},
	} {
		if got := match(r.pattern, r.name); got != r.want {
			t.Errorf("%q against %q: %v", r.pattern, r.name, got)
		}
	}
}

// slowMatch is the same by trying everything.
func slowMatch(p, n string) bool {
	if p == "" {
		return n == ""
	}
	if p[0] == '*' {
		return slowMatch(p[1:], n) || n != "" && slowMatch(p, n[1:])
	}
	if n == "" {
		return false
	}
	w, ok := one(p, n[0])
	return ok && slowMatch(p[w:], n[1:])
}

func FuzzMatch(f *testing.F) {
	f.Add("usb:v*p*d012[0-6]dc*", "usb:v19ABp1000d0126dc00")
	f.Add(`[!a-b]?\*[`, "c.*[")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		got := match(pattern, name)
		if len(pattern) > 12 || len(name) > 12 {
			return // trying everything would take for ever
		}
		if want := slowMatch(pattern, name); got != want {
			t.Errorf("%q against %q: %v, want %v", pattern, name, got, want)
		}
	})
}

func FuzzTables(f *testing.F) {
	f.Add(tableText["modules.dep"], tableText["modules.alias"], tableText["modules.softdep"], webcam)
	f.Fuzz(func(t *testing.T, dep, alias, soft, device string) {
		all, err := readTables(fstest.MapFS{"modules.dep": {Data: []byte(dep)}, "modules.alias": {Data: []byte(alias)}, "modules.softdep": {Data: []byte(soft)}}, "/m")
		if err != nil {
			return
		}
		for _, m := range all.For(device) {
			order, err := all.Order(m)
			if err == nil && !slices.Contains(order, m) {
				t.Errorf("%s is not in its own order %v", m, order)
			}
			for _, o := range order {
				if rel, err := filepath.Rel(all.dir, all.File(o)); err != nil || strings.HasPrefix(rel, "..") {
					t.Errorf("%s leads to %s", o, all.File(o))
				}
			}
		}
	})
}

func TestParseEvent(t *testing.T) {
	const add = "add@/devices/platform/vhci_hcd.0/usb1/1-1/1-1:1.0\x00ACTION=add\x00SUBSYSTEM=usb\x00MODALIAS=" + webcam + "\x00SEQNUM=7\x00"
	for name, r := range map[string]struct {
		text string
		want Event
		ok   bool
	}{
		"plugged":       {add, Event{"add", "/devices/platform/vhci_hcd.0/usb1/1-1/1-1:1.0", webcam}, true},
		"without alias": {"remove@/devices/x\x00ACTION=remove\x00", Event{Action: "remove", Path: "/devices/x"}, true},
		"udev's":        {"libudev\x00\xfe\xed\xca\xfe", Event{}, false},
		"torn":          {"add@/devices/x", Event{}, false},
		"empty":         {"", Event{}, false},
	} {
		got, ok := ParseEvent([]byte(r.text))
		if d := cmp.Diff(r.want, got); d != "" || ok != r.ok {
			t.Errorf("%s: %v %s", name, ok, d)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte("add@/devices/x\x00ACTION=add\x00MODALIAS=usb:v1\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := ParseEvent(b); ok && (e.Action == "" || !strings.HasPrefix(e.Path, "/")) {
			t.Errorf("%+v", e)
		}
	})
}
