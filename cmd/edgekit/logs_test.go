package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

func logsOf(t *testing.T, op *kittest.Operator, query string) (l wire.Logs) {
	t.Helper()
	status, b, err := op.Get("/api/operator/logs" + query)
	if err != nil || status != http.StatusOK || json.Unmarshal(b, &l) != nil {
		t.Fatalf("logs: %d %.200s %v", status, b, err)
	}
	return l
}

func says(l wire.Logs, text string) bool {
	for _, rec := range l.Records {
		b, _ := json.Marshal(rec)
		if strings.Contains(string(b), text) {
			return true
		}
	}
	return false
}

// TestTheLogOutlivesAPowerCut: what went wrong, in the daemon and in the camera program, is found after it, with how it
// ended.
func TestTheLogOutlivesAPowerCut(t *testing.T) {
	k := kittest.Start(t)
	if err := syscall.Kill(kittest.Child(t, k.PID(), "edgecam"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	kittest.Until(t, "the lost camera program to be on the disk", func() bool { return strings.Contains(textIn(t, filepath.Join(k.Data, "logs")), "signal: killed") })
	k.Kill()
	k = kittest.StartIn(t, k.Data)
	op := k.Pair(t)
	l := logsOf(t, op, "?level=warn")
	for _, want := range []string{"camera program ended", "the last run did not end in order", "killed or crashed"} {
		if !says(l, want) {
			t.Errorf("the log does not say %q: %+v", want, l.Records)
		}
	}
	if says(l, `"level":"INFO"`) {
		t.Error("warnings were asked for, and there is more")
	}
	if l.Disk.Size == 0 || l.Disk.Written == 0 || l.Disk.LogsDay == 0 {
		t.Errorf("%+v", l.Disk)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Fatalf("exit %d", code)
	}
	k = kittest.StartIn(t, k.Data)
	n := 0
	for _, rec := range logsOf(t, k.Pair(t), "").Records {
		if rec.Text == "the last run did not end in order" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d runs are said not to have ended in order, of one that was killed and one that was stopped", n)
	}
}

// textIn is all text in a folder's files.
func textIn(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // not made yet
			}
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestCrashesOfBothProgramsAreReported in the console and to the shell.
func TestCrashesOfBothProgramsAreReported(t *testing.T) {
	k := kittest.Start(t)
	op := k.Pair(t)
	reported := func(op *kittest.Operator, program string) bool {
		for _, c := range logsOf(t, op, "?level=error").Crashes {
			if c.Program == program && strings.Contains(c.Text, "goroutine ") && strings.Contains(c.Text, "SIGABRT") {
				return true
			}
		}
		return false
	}
	w := k.Watch(t)
	kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > 3 }) // it is past its start
	if err := syscall.Kill(kittest.Child(t, k.PID(), "edgecam"), syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	kittest.Until(t, "the camera program's report", func() bool { return reported(op, "edgecam") })
	if err := syscall.Kill(k.PID(), syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	<-k.Gone()
	k = kittest.StartIn(t, k.Data)
	op = k.Pair(t)
	if !reported(op, "edgekit") || !reported(op, "edgecam") {
		t.Errorf("%+v", logsOf(t, op, "").Crashes)
	}
}

// TestNothingSecretIsLogged, nor anything of a person's: after a busy run that ends in a crash, what the kit keeps of it and
// what it said on standard error is searched for all of them.
func TestNothingSecretIsLogged(t *testing.T) {
	const password = "correct horse battery"
	file := kittest.File(t, "edgekit.toml", "[wifi]\nmode = \"ap\"\npassword = \""+password+"\"\n")
	k := kittest.Start(t, "-config", file)
	secrets := map[string]string{"pairing code": k.Code, "Wi-Fi password": password}
	session := pair(t, k, k.Code)
	secrets["operator's session"] = session.Value
	secrets["next pairing code"] = state(t, k, session).Pairing
	for _, a := range []asked{pairing("000-000"), {method: "PUT", path: "/api/operator/settings", body: `{"text":"[wifi]\npassword = \"short 1\"\n"}`},
		{method: "POST", path: "/api/operator/setup-slip"}, {method: "PUT", path: "/api/operator/offers/mug", body: `{"state":"over"}`}} {
		a.cookie = session
		ask(t, k.Console, a)
	}
	secrets["refused password"] = "short 1"
	v := k.Visit(t)
	secrets["visitor"] = v.ID
	secrets["visitor's session"] = visitorsCookie(t, k)
	o, err := v.Offer("pen")
	if err != nil {
		t.Fatal(err)
	}
	secrets["token"] = o.Token
	for range 2 {
		if _, err := v.Tap(kittest.NewTap(), "pen", o.Token); err != nil {
			t.Fatal(err)
		}
	}
	confirmed(t, v, "set")
	w := k.Watch(t)
	secrets["watcher"] = w.ID
	kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > 3 })
	if err := syscall.Kill(kittest.Child(t, k.PID(), "edgecam"), syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	kittest.Until(t, "the log to be on the disk", func() bool { return strings.Contains(textIn(t, filepath.Join(k.Data, "logs")), "camera program ended") })
	syscall.Kill(k.PID(), syscall.SIGABRT)
	<-k.Gone()
	kept := textIn(t, filepath.Join(k.Data, "logs")) + textIn(t, filepath.Join(k.Data, "crashes"))
	if !strings.Contains(kept, "operator paired") || !strings.Contains(kept, "goroutine 1") {
		t.Fatal("this searches in vain")
	}
	for name, secret := range secrets {
		if secret == "" {
			t.Errorf("there was no %s to look for", name)
		} else if strings.Contains(kept, secret) || strings.Contains(kept, strings.ReplaceAll(secret, "-", "")) {
			t.Errorf("%s is in what is kept of the log", name)
		} else if strings.Contains(k.Log(), secret) {
			t.Errorf("%s is on standard error", name)
		}
	}
}

// TestAFillingDiskStopsLogsBeforeSales on a real disk with less room than logs need.
func TestAFillingDiskStopsLogsBeforeSales(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"); err != nil {
		if os.Getenv("CI") == "" && errors.Is(err, unix.EPERM) {
			t.Skip("only root can mount a small disk")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	data := filepath.Join(disk, "data")
	k := kittest.StartIn(t, data, "-printer", "none", "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))
	for range 20 {
		confirmed(t, k.Visit(t), "pen")
	}
	l := logsOf(t, k.Pair(t), "")
	if strings.Join(l.Disk.Stopped, " ") != "recordings logs" || !says(l, "kit started") {
		t.Errorf("%+v", l.Disk)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if got := textIn(t, filepath.Join(data, "logs")); got != "" {
		t.Errorf("logs were written to a disk without room for them: %.200s", got)
	}
}

// TestLogsInABrowser: the level chosen is what is shown, a crash with its report.
func TestLogsInABrowser(t *testing.T) {
	k := kittest.Start(t)
	w := k.Watch(t)
	kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > 3 })
	if err := syscall.Kill(kittest.Child(t, k.PID(), "edgecam"), syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	browser := kittest.Browser(t, watchful)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	see("the log is offered", under("Logs")+`.includes("Show the log")`)
	kittest.Read(t, browser, `[...document.querySelectorAll("summary")].find(s => s.textContent === "Show the log").click()`)
	see("the warning, and no more", under("Logs")+`.match(/camera program ended/) && !`+under("Logs")+`.match(/kit started/)`)
	see("the disk", under("Logs")+`.match(/Disk: \d+ MB of \d+ MB free/)`)
	see("the crash", `[...document.querySelectorAll("summary")].some(s => s.textContent.startsWith("Crash of edgecam"))`)
	const level = `[...document.querySelectorAll("label")].find(l => l.textContent === "Level").control`
	kittest.Read(t, browser, level+`.value = "info"`)
	kittest.Read(t, browser, level+`.dispatchEvent(new Event("change"))`)
	see("all of it", under("Logs")+`.match(/kit started/)`)
	press(t, browser, "Refresh the log")
	see("it is still there", under("Logs")+`.match(/kit started/)`)
	press(t, browser, "Log out")
	see("nothing of it is left", button("Pair")+` && !document.body.textContent.includes("camera program")`)
	if got := kittest.Read(t, browser, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
}
