package control

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheSocketIsTheOwnersAlone, replaces one that a crash left, and is not taken from a kit that runs.
func TestTheSocketIsTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, Socket)})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close() // as a crash leaves it
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if fi, err := os.Stat(filepath.Join(dir, Socket)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	if _, err := Listen(dir); err == nil || !strings.Contains(err.Error(), "another edgekit") {
		t.Errorf("a second one: %v", err)
	}
	if _, err := Listen(filepath.Join(dir, strings.Repeat("d", 200))); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("a path too long for sockets: %v", err)
	}
}
