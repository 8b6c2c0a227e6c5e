package crash

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain is also the program that crashes.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CRASH_IN"); dir != "" {
		if err := Arm(dir, "victim"); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		panic("as the test wants " + os.Getenv("CRASH_WITH"))
	}
	os.Exit(m.Run())
}

func victim(t *testing.T, dir, with string) {
	t.Helper()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(me)
	c.Env = append(os.Environ(), "CRASH_IN="+dir, "CRASH_WITH="+with)
	if out, err := c.CombinedOutput(); err == nil || c.ProcessState.ExitCode() != 2 {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestACrashLeavesItsReport, found at once and after the program has started again, and their number is bounded.
func TestACrashLeavesItsReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crashes")
	if all, err := Reports(dir); err != nil || all != nil {
		t.Errorf("before any: %v, %v", all, err)
	}
	for i := range mostReports + 3 {
		victim(t, dir, fmt.Sprint("number ", i))
		all, err := Reports(dir)
		if err != nil || len(all) != min(i+1, mostReports+1) {
			t.Fatalf("after %d: %d reports, %v", i+1, len(all), err)
		}
		for j, r := range all {
			if r.Program != "victim" || r.At.IsZero() || !strings.Contains(r.Text, fmt.Sprint("panic: as the test wants number ", i-j)) || !strings.Contains(r.Text, "goroutine 1") {
				t.Fatalf("after %d, report %d: %+v", i+1, j, r)
			}
		}
	}
	if st, err := os.Stat(filepath.Join(dir, "victim.now")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
}

func TestALongReportIsCut(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "victim.now"), bytes.Repeat([]byte("\xff1234567"), mostBytes/4), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := Reports(dir); err != nil || len(all) != 1 || len(all[0].Text) > mostBytes {
		t.Errorf("%v", err)
	}
	victim(t, dir, "a start behind it")
	all, err := Reports(dir)
	if err != nil || len(all) != 2 || len(all[1].Text) > mostBytes {
		t.Fatalf("%d, %v", len(all), err)
	}
	if st, err := os.Stat(filepath.Join(dir, all[1].Name)); err != nil || st.Size() != mostBytes {
		t.Errorf("%v, %v", st, err)
	}
}

func TestTheNextStartKnowsHowTheLastRunEnded(t *testing.T) {
	dir := t.TempDir()
	began := func(want End) {
		t.Helper()
		if got, err := Began(dir, "victim"); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	began(Orderly)
	began(Killed)
	if err := Ended(dir, "victim"); err != nil {
		t.Fatal(err)
	}
	began(Orderly)
	if err := os.WriteFile(filepath.Join(dir, "victim.runs"), []byte("another boot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	began(Reset)
}

// TestAProgramThatCrashesEachSecond keeps its own last reports, and leaves the others theirs.
func TestAProgramThatCrashesEachSecond(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crashes")
	for _, program := range []string{"guard", "first", "guard"} {
		if err := Keep(dir, program, "an early one of "+program); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 * mostReports {
		if err := Keep(dir, "edgecam", fmt.Sprintf("panic: %d%s", i, strings.Repeat(".", mostBytes))); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Reports(dir)
	if err != nil || len(all) != mostReports {
		t.Fatalf("%d reports, %v", len(all), err)
	}
	count := map[string]int{}
	for _, r := range all {
		if count[r.Program]++; len(r.Text) > mostBytes {
			t.Errorf("%s is %d bytes long", r.Name, len(r.Text))
		}
	}
	if count["guard"] != 2 || count["first"] != 1 || !strings.HasPrefix(all[0].Text, fmt.Sprintf("panic: %d.", 3*mostReports-1)) {
		t.Errorf("%v, the last is %.20q", count, all[0].Text)
	}
}
