package store

import (
	"context"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"

	"edgekit.internal/pipeline"
)

// TestAnUpdateCanGoBack: what the first system wrote is read by this one, and what this one writes by that. The first knew
// version 1 and refuses any other; it looks for tables and columns by name.
func TestAnUpdateCanGoBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	conn, err := sqlite.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	first := sqlitemigration.Schema{AppID: schema.AppID, Migrations: schema.Migrations[:1]}
	if err := sqlitemigration.Migrate(context.Background(), conn, first); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also when there is nothing to add any more
		s, stop := running(t, path, Options{})
		if out, err := s.Press(t.Context(), pipeline.Press{ID: "01J0000000000000000000ZYXW", Button: "call-help", Gesture: "short", Action: pipeline.CallHelp, Via: pipeline.ViaConsole}); err != nil || !out.OK() {
			t.Errorf("%+v, %v", out, err)
		}
		stop()
		if conn, err = sqlite.OpenConn(path); err != nil {
			t.Fatal(err)
		}
		if version, err := number(conn, "PRAGMA user_version"); err != nil || version != 1 {
			t.Errorf("version %d, %v: the system before an update would not open it, and the kit could not go back", version, err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
