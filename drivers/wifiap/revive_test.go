package wifiap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
)

// TestAChipIsDeadWhenItsDriverGetsNoAnswer, three times in a row.
func TestAChipIsDeadWhenItsDriverGetsNoAnswer(t *testing.T) {
	late, broken, cannot := fmt.Errorf("list: %w", unix.ETIMEDOUT), fmt.Errorf("list: %w", unix.EIO), fmt.Errorf("list: %w", unix.EOPNOTSUPP)
	for name, c := range map[string]struct {
		answers []error
		dead    bool
	}{
		"lives":                           {[]error{nil, nil, nil}, false},
		"late":                            {[]error{late, late, late}, true},
		"the bus is down":                 {[]error{nil, broken, broken, broken}, true},
		"of several kinds":                {[]error{late, broken, os.ErrDeadlineExceeded}, true},
		"gone from USB":                   {[]error{unix.EPROTO, unix.EPIPE, unix.EILSEQ}, true},
		"not yet":                         {[]error{nil, late, late}, false},
		"comes to":                        {[]error{late, late, nil, late, late}, false},
		"a driver that has no list":       {[]error{cannot, cannot, cannot, cannot}, false},
		"a driver that has none any more": {[]error{nil, cannot, cannot, cannot}, true},
		"the interface is gone":           {[]error{nil, unix.ENODEV, unix.ENODEV, unix.ENODEV}, false},
		"this program may not":            {[]error{unix.EPERM, unix.EPERM, unix.EPERM}, false},
	} {
		var p pulse
		dead := false
		for _, err := range c.answers {
			dead = p.hear(3, err)
		}
		if dead != c.dead {
			t.Errorf("%s: dead is %v", name, dead)
		}
	}
	p := pulse{}
	p.hear(3, late)
	p.hear(3, late)
	if p.hear(4, late) {
		t.Error("another interface is taken for the one that did not answer")
	}
}

func TestAChipIsStartedAnewSoOften(t *testing.T) {
	var r revivals
	at := time.Now()
	if r.words(at) != "" || !r.may(at) || r.may(at.Add(revivalsApart-1)) || !strings.Contains(r.words(at), "once") {
		t.Errorf("%v", r)
	}
	for range revivalsMost - 1 {
		if at = at.Add(revivalsApart); !r.may(at) {
			t.Fatalf("not after %v", revivalsApart)
		}
	}
	if at = at.Add(revivalsApart); r.may(at) || !strings.Contains(r.words(at), "10 times") {
		t.Errorf("%d times, %q", len(r), r.words(at))
	}
	if at = at.Add(revivalsIn); !r.may(at) || len(r) != 1 {
		t.Errorf("not the next day: %v", r)
	}
}

// TestAHaltedChipIsStartedAnew, with its hostapd content and with one that cannot start on it, and not again and again.
func TestAHaltedChipIsStartedAnew(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m := &machine{}
	m.plug(pi())
	a, _ := start(t, t.TempDir(), m)
	a.Want(network())
	was := await(t, a, is(drivers.Ready))
	halt := func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.halt = unix.ETIMEDOUT
	}
	halt()
	up := await(t, a, func(s State) bool {
		return s.Status.State == drivers.Ready && strings.Contains(s.Reason, "started anew, once")
	})
	if up.PID == was.PID || len(m.rebinds) != 1 || m.rebinds[0].device != "of phy0" {
		t.Errorf("%+v, bound anew %v", up, m.rebinds)
	}
	halt()
	s := await(t, a, is(drivers.Failed))
	if !strings.Contains(s.Reason, "firmware stopped") || strings.Contains(s.Reason, "  ") {
		t.Errorf("%q", s.Reason)
	}
	await(t, a, func(s State) bool { return strings.Contains(s.Reason, "less than a minute ago") })
	if m.rebinds = m.rebinds[1:]; len(m.rebinds) != 0 {
		t.Errorf("bound anew again: %v", m.rebinds)
	}
}

func TestAChipThatHostapdCannotStartOnIsStartedAnew(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "Could not configure driver mode")
	m := &machine{halt: unix.EIO}
	m.plug(pi())
	a, stop := start(t, t.TempDir(), m)
	a.Want(network())
	await(t, a, func(s State) bool { return strings.Contains(s.Reason, "did not become an access point") }) // once it answers it is hostapd's own
	stop()
	if len(m.rebinds) != 1 {
		t.Errorf("bound anew %v", m.rebinds)
	}
}

// TestARadioThatDoesNotComeBackIsBoundAnew unless it was pulled out.
func TestARadioThatDoesNotComeBackIsBoundAnew(t *testing.T) {
	t.Setenv("FAKE_HOSTAPD", "good")
	m := &machine{}
	m.plug(pi())
	a, stop := start(t, t.TempDir(), m)
	a.Want(network())
	await(t, a, is(drivers.Ready))
	m.plug() // its driver gave up
	await(t, a, func(s State) bool {
		return s.Status.State == drivers.Ready && strings.Contains(s.Reason, "started anew, once")
	})
	m.pull()
	await(t, a, is(drivers.Absent))
	missing := time.Now().Add(time.Hour)
	stop()
	if a.misses(missing) || len(m.rebinds) != 1 {
		t.Errorf("bound anew %v", m.rebinds)
	}
	m.out = false
	if !a.misses(missing) || a.misses(missing) {
		t.Error("a radio that is plugged in is not missed, or twice at once")
	}
}

// sysfs makes a tree as the kernel's, of folders, of links ("path -> target") and of files ("path = text").
func sysfs(t *testing.T, entries ...string) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, e := range entries {
		path, target, link := strings.Cut(e, " -> ")
		path, text, file := strings.Cut(path, " = ")
		path = filepath.Join(root, "sys", path)
		dir := path
		if link || file {
			dir = filepath.Dir(path)
		}
		err := os.MkdirAll(dir, 0o700)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(filepath.Join(root, "sys", target), path)
		case file:
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// The devices of a Pi 4's own radio and card, and of an adapter behind a hub.
const (
	mmcnr = "devices/platform/soc/fe300000.mmcnr"
	card  = mmcnr + "/mmc_host/mmc1/mmc1:0001/mmc1:0001:1"
	emmc  = "devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0"
	usb   = "devices/platform/scb/fd500000.pcie/usb1/1-1/1-1.2"
)

func TestARadioIsBoundAnewByWhatSwitchesItsPower(t *testing.T) {
	own := []string{emmc, card, card + "/subsystem -> bus/sdio", "bus/sdio/drivers", "bus/platform/drivers/mmc-bcm2835/unbind = ", "bus/platform/drivers/mmc-bcm2835/bind = ",
		mmcnr + "/driver -> bus/platform/drivers/mmc-bcm2835", "class/ieee80211/phy0/device -> " + card}
	stick := []string{usb + "/1-1.2:1.0", usb + "/1-1.2:1.0/subsystem -> bus/usb", "bus/usb/drivers/usb/unbind = ", "bus/usb/drivers/usb/bind = ",
		usb + "/driver -> bus/usb/drivers/usb", "class/ieee80211/phy0/device -> " + usb + "/1-1.2:1.0"}
	for name, c := range map[string]struct {
		tree         []string
		driver, says string
		no           string
	}{
		"a Pi's own":            {own, "bus/platform/drivers/mmc-bcm2835", "fe300000.mmcnr", ""},
		"a USB adapter":         {stick, "bus/usb/drivers/usb", "1-1.2", ""},
		"on the card's host":    {append([]string{mmcnr + "/mmc_host/mmc1/mmc1:0002/block/mmcblk1"}, own...), "bus/platform/drivers/mmc-bcm2835", "", "carries a disk too"},
		"with a disk in it":     {append([]string{usb + "/1-1.2:1.1/host0/target0:0:0/0:0:0:0/block/sda"}, stick...), "bus/usb/drivers/usb", "", "carries a disk too"},
		"no such radio":         {nil, "", "", "find the device of phy0"},
		"no driver":             {[]string{"devices/virtual/x", "class/ieee80211/phy0/device -> devices/virtual/x"}, "", "", "has no driver"},
		"a card without a host": {[]string{"devices/x", "devices/x/subsystem -> bus/sdio", "bus/sdio", "class/ieee80211/phy0/device -> devices/x"}, "", "", "expected .../mmc_host/"},
	} {
		t.Run(name, func(t *testing.T) {
			root := sysfs(t, c.tree...)
			chip, err := chipOf(root, "phy0")
			if err == nil {
				err = chip.bindAnew(func(time.Duration) { t.Error("it waits") })
			}
			if (err == nil) != (c.no == "") || err != nil && !strings.Contains(err.Error(), c.no) {
				t.Errorf("%v, want %q", err, c.no)
			}
			if c.driver == "" {
				return
			}
			for _, file := range []string{"unbind", "bind"} {
				if b, err := os.ReadFile(filepath.Join(root, "sys", c.driver, file)); err != nil || string(b) != c.says {
					t.Errorf("%s: %q %v, want %q", file, b, err, c.says)
				}
			}
		})
	}
}

// TestADeviceThatWasLetGoIsOfferedAgain until its driver takes it, a few times.
func TestADeviceThatWasLetGoIsOfferedAgain(t *testing.T) {
	tree := []string{"devices/x", "drivers/y/unbind = ", "devices/x/driver -> drivers/y", "class/ieee80211/phy0/device -> devices/x"}
	root, pauses := sysfs(t, tree...), 0
	bind := filepath.Join(root, "sys/drivers/y/bind")
	c, err := chipOf(root, "phy0")
	if err != nil {
		t.Fatal(err)
	}
	err = c.bindAnew(func(time.Duration) {
		if pauses++; pauses == 2 {
			if err := os.WriteFile(bind, nil, 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	if b, e := os.ReadFile(bind); err != nil || e != nil || string(b) != "x" || pauses != 2 {
		t.Errorf("%v %v %q after %d pauses", err, e, b, pauses)
	}
	pauses = 0
	for _, path := range []string{bind, filepath.Join(root, "sys/drivers/y/unbind"), filepath.Join(root, "sys/devices/x/driver")} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.bindAnew(func(time.Duration) { pauses++ }); !errors.Is(err, fs.ErrNotExist) || pauses != bindTries-1 { // which has none any more
		t.Errorf("%v after %d pauses", err, pauses)
	}
}
