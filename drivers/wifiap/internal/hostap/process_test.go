package hostap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestALogGrowsNoFurther than the kernel is told, however much a program says that nobody looks after; and it lives on.
func TestALogGrowsNoFurther(t *testing.T) {
	dir := t.TempDir()
	p := Program{Path: "/bin/sh", Dir: dir, Name: "talker", Args: []string{"-c", `read word <"$0.go"; for i in 1 2 3; do printf '%999999d\n' $i; done 2>/dev/null; echo lives >"$0.lives"; read word <"$0.end"`}}
	words := []string{filepath.Join(dir, "talker.conf.go"), filepath.Join(dir, "talker.conf.end")}
	for _, path := range words {
		if err := unix.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	is, err := p.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer is.Kill()
	for _, path := range words { // it takes each when it comes to it
		if err := os.WriteFile(path, []byte("now\n"), 0); err != nil {
			t.Fatal(err)
		}
	}
	<-is.Done
	if b, err := os.ReadFile(filepath.Join(dir, "talker.conf.lives")); err != nil || string(b) != "lives\n" {
		t.Errorf("%q, %v", b, err)
	}
	if st, err := os.Stat(is.log); err != nil || st.Size() != mostLog {
		t.Errorf("%d bytes of log, want %d; %v", st.Size(), mostLog, err)
	}
}

func TestWhatWasSaidIsReadOnceInWholeLines(t *testing.T) {
	p := &Process{log: filepath.Join(t.TempDir(), "log")}
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	said := func(want string) {
		t.Helper()
		if is := p.Said(); is != want {
			t.Errorf("%.40q of %d, want %.40q", is, len(is), want)
		}
	}
	said("")
	write("one\ntw")
	said("one\n")
	said("")
	write("o\nthree\n")
	said("two\nthree\n")
	write(strings.Repeat("x", maxLog) + "\nlast\n")
	said(strings.Repeat("x", maxLog-len("\nlast\n")) + "\nlast\n")
	p.Trim()
	said("")
	write("anew\n")
	said("anew\n")
}
