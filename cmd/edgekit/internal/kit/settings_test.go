package kit

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadSettingsOnTheCardLeaveTheLastGoodOnes goes through a card's life, start by start.
func TestBadSettingsOnTheCardLeaveTheLastGoodOnes(t *testing.T) {
	data, cam := t.TempDir(), filepath.Join(t.TempDir(), "edgecam")
	if err := os.WriteFile(cam, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{"-listen", "127.0.0.1:0", "-operator", "127.0.0.1:0", "-data", data, "-edgecam", cam, "-boot-settings", "edgekit.toml"}
	start := func(text string, readErr error) (stall, paper, said string) {
		t.Helper()
		var log bytes.Buffer
		k, _, err := openArgs(args, slog.New(slog.NewTextHandler(&log, nil)), io.Discard, func(string) ([]byte, error) { return []byte(text), readErr })
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		defer k.Close()
		return k.config.Stall, k.config.Paper, log.String()
	}
	for _, c := range []struct {
		name, text  string
		err         error
		stall, said string
	}{
		{"a new card", "", fs.ErrNotExist, "edgekit", ""},
		{"a bad one first", "stall = \"A\"\ncolour = 3\n", nil, "edgekit", "edgekit.toml:2:1: unknown key"},
		{"a good one", "stall = \"Blue Door\"\npaper = \"58\"\n", nil, "Blue Door", ""},
		{"a bad key", "stall = \"B\"\ncolour = 3\n", nil, "Blue Door", "edgekit.toml:2:1: unknown key"},
		{"a torn one", "stall = \"C", nil, "Blue Door", "edgekit.toml:1:"},
		{"a value that opens nothing", "stall = \"D\"\nprinter = \"parallel:1\"\n", nil, "Blue Door", "parallel:1"},
		{"a catalogue that is not there", "stall = \"E\"\ncatalog = \"/none.json\"\n", nil, "Blue Door", "/none.json"},
		{"a card that cannot be read", "", errors.New("input/output error"), "Blue Door", "input/output error"},
		{"none any more", "", fs.ErrNotExist, "Blue Door", ""},
		{"another good one", "stall = \"Red Door\"\n", nil, "Red Door", ""},
	} {
		stall, paper, said := start(c.text, c.err)
		if stall != c.stall || (paper == "58") != (stall == "Blue Door") {
			t.Errorf("%s: the stall is %q, paper %s", c.name, stall, paper)
		}
		if (c.said == "") != (said == "") || !strings.Contains(said, c.said) {
			t.Errorf("%s: the log has %q, want %q", c.name, said, c.said)
		}
	}
	if st, err := os.Stat(filepath.Join(data, lastGood)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: expected nobody else to read it", st, err)
	}
}
