package upkeep

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/drivers"
	"edgekit.internal/image/perm"
)

// TestTheCardsReportIsOfThisBoot, and a problem is one to the operator too.
func TestTheCardsReportIsOfThisBoot(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	for _, c := range []struct {
		name   string
		report any
		shown  bool
		state  drivers.State
		says   string
	}{
		{"repaired", perm.Report{Boot: "now", State: perm.Mended}, true, drivers.Ready, "is repaired"},
		{"not grown", perm.Report{Boot: "now", State: perm.Clean, Problem: "partition 5 is in the way"}, true, drivers.Failed, "in the way"},
		{"of an earlier boot", perm.Report{Boot: "then", State: perm.Mended}, false, "", ""},
		{"torn", "x", false, "", ""},
		{"none", nil, false, "", ""},
	} {
		dir := t.TempDir()
		if c.report != nil {
			text, err := json.Marshal(c.report)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "first.json"), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d, ok := card(dir, "now", quiet)
		if ok != c.shown || d.State != c.state || !strings.Contains(d.Reason, c.says) {
			t.Errorf("%s: %+v, %v", c.name, d, ok)
		}
	}
}
