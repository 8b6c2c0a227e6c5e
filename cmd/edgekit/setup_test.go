package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/settings"
)

// TestSettingsInABrowser: a mistake is shown where it is, what is good is saved, and the restart button makes it hold.
func TestSettingsInABrowser(t *testing.T) {
	k := kittest.Start(t)
	browser := kittest.Browser(t, watchful)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }
	const area = `[...document.querySelectorAll("label")].find(l => l.textContent === "edgekit.toml").control`
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	see("the settings", `!!document.querySelector("summary") && `+under("Settings")+`.includes("Edit settings")`)
	kittest.Read(t, browser, `[...document.querySelectorAll("summary")].find(s => s.textContent === "Edit settings").click()`)
	see("they can be edited", `!`+area+`.readOnly`)
	kittest.Read(t, browser, area+`.value = 'stall = "Red Door"\ncamra = "auto"\n'`)
	press(t, browser, "Save settings")
	see("what is wrong, and where", under("Settings")+`.match(/Not saved[^]*Line 2, column 1: unknown key "camra"[^]*did you mean camera/)`)
	see("the cursor is there", area+`.selectionStart === 'stall = "Red Door"\n'.length`)
	if _, err := os.Stat(filepath.Join(k.Data, "edgekit.next.toml")); err == nil {
		t.Error("a bad text was kept")
	}
	kittest.Read(t, browser, area+`.value = 'stall = "Red Door"\n'`)
	press(t, browser, "Save settings")
	see("it is saved", under("Settings")+`.match(/Saved. They hold from the next start/)`)
	press(t, browser, "Restart the kit")
	kittest.Until(t, "the settings to hold", func() bool {
		s, err := settings.Load(k.Data)
		return err == nil && s.Stall == "Red Door"
	})
	if got := kittest.Read(t, browser, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Errorf("after a restart from the console it ends with %d", code)
	}
}

// TestAnUpdateInABrowser: the file goes to the kit, and what it says of it is shown. This kit is no SD card's: what one
// does with an update is proved on the image, see TestBootUpdates.
func TestAnUpdateInABrowser(t *testing.T) {
	k := kittest.Start(t)
	browser := kittest.Browser(t, watchful)
	see := func(what, expr string) { t.Helper(); kittest.See(t, browser, what, expr) }
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, k.Code)
	see("the system", `!!document.querySelector("summary") && `+under("System")+`.includes("Update the kit")`)
	kittest.Read(t, browser, `[...document.querySelectorAll("summary")].find(s => s.textContent === "Update the kit").click()`)
	see("what runs", under("System")+`.match(/does not run from an SD card/)`)
	press(t, browser, "Install the update")
	see("a file is missing", under("System")+`.match(/Choose the file first/)`)
	kittest.Read(t, browser, `(() => { const d = new DataTransfer(); d.items.add(new File([new Uint8Array(60000000)], "edgekit.update")); [...document.querySelectorAll("label")].find(l => l.textContent === "Update file, edgekit.update").control.files = d.files; })()`)
	press(t, browser, "Install the update")
	see("why not", under("System")+`.match(/takes no updates. Install a newer program/)`)
}

// TestSetupSlipOnDemand is the same one that a first boot prints: with the code that pairs, which is nowhere else but on
// standard output.
func TestSetupSlipOnDemand(t *testing.T) {
	k := kittest.Start(t)
	op := k.Pair(t)
	if status, b, err := op.Do("POST", "/api/operator/setup-slip", nil); err != nil || status != 204 {
		t.Fatalf("%d %s %v", status, b, err)
	}
	if fi, err := os.Stat(filepath.Join(k.Data, "tickets", "setup.png")); err != nil || fi.Size() < 1000 {
		t.Errorf("%+v %v", fi, err)
	}
	none := kittest.Start(t, "-printer", "none")
	if status, b, err := none.Pair(t).Do("POST", "/api/operator/setup-slip", nil); err != nil || status != 409 || !strings.Contains(string(b), "switched off") {
		t.Errorf("without a printer: %d %s %v", status, b, err)
	}
}

// TestFirstBootPrintsTheSetupSlipOnce on a kit that others reach, and shows the way in where it has no printer, until a
// device is paired.
func TestFirstBootPrintsTheSetupSlipOnce(t *testing.T) {
	k := kittest.Start(t, "-operator", "0.0.0.0:0")
	slip := filepath.Join(k.Data, "tickets", "setup.png")
	kittest.UntilWithin(t, "the set-up slip", 3*kittest.Limit, func() bool { _, err := os.Stat(slip); return err == nil })
	kittest.Until(t, "that it is out to be noted", func() bool {
		b, err := os.ReadFile(filepath.Join(k.Data, "setup.json"))
		return err == nil && strings.Contains(string(b), `"out":true`)
	})
	k.Kill()
	if err := os.Remove(slip); err != nil {
		t.Fatal(err)
	}
	again := kittest.StartIn(t, k.Data, "-operator", "0.0.0.0:0")
	if again.Code != k.Code {
		t.Errorf("the code on the slip was %s, now it is %s", k.Code, again.Code)
	}
	confirmed(t, again.Visit(t), "pen")
	kittest.Until(t, "a ticket behind it", func() bool { _, err := os.Stat(filepath.Join(k.Data, "tickets", "A-001.png")); return err == nil })
	if _, err := os.Stat(slip); err == nil {
		t.Error("it was printed again")
	}
}

func TestSchemaIsPublished(t *testing.T) {
	k := kittest.Start(t)
	status, b, err := k.Pair(t).Get("/api/operator/settings/schema")
	if err != nil || status != 200 || string(b) != string(settings.Schema()) {
		t.Errorf("%d %.60s %v", status, b, err)
	}
}
