package kmod

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
)

// The test binary, run by the kernel for a module, loads it: see TestLabKernelAsksForAModule.
func TestMain(m *testing.M) {
	if name, ok := IsRequest(os.Args[1:]); ok {
		if Request(Config{}, name) != nil {
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// Lines of the tables that come with the Pi's kernel 6.12.47-v8, and two of softdep, of which it has none.
var tableText = map[string]string{
	"modules.dep": `kernel/drivers/net/wireless/broadcom/brcm80211/brcmutil/brcmutil.ko:
kernel/drivers/net/wireless/broadcom/brcm80211/brcmfmac/brcmfmac.ko: kernel/drivers/net/wireless/broadcom/brcm80211/brcmutil/brcmutil.ko
kernel/drivers/net/wireless/broadcom/brcm80211/brcmfmac/wcc/brcmfmac-wcc.ko: kernel/drivers/net/wireless/broadcom/brcm80211/brcmfmac/brcmfmac.ko kernel/drivers/net/wireless/broadcom/brcm80211/brcmutil/brcmutil.ko
kernel/drivers/media/common/videobuf2/videobuf2-common.ko:
kernel/drivers/media/common/videobuf2/videobuf2-memops.ko:
kernel/drivers/media/common/videobuf2/videobuf2-vmalloc.ko: kernel/drivers/media/common/videobuf2/videobuf2-memops.ko kernel/drivers/media/common/videobuf2/videobuf2-common.ko
kernel/drivers/media/common/uvc.ko:
kernel/drivers/media/usb/uvc/uvcvideo.ko: kernel/drivers/media/common/videobuf2/videobuf2-vmalloc.ko kernel/drivers/media/common/videobuf2/videobuf2-memops.ko kernel/drivers/media/common/uvc.ko kernel/drivers/media/common/videobuf2/videobuf2-common.ko
kernel/drivers/bluetooth/hci_uart.ko:
kernel/lib/torn.ko: kernel/lib/gone.ko
../../../tmp/evil.ko:
no colon
`,
	"modules.alias": `# Aliases extracted from modules themselves.
alias sdio:c*v02D0d4345* brcmfmac
alias usb:v*p*d*dc*dsc*dp*ic0Eisc01ip01in* uvcvideo
alias usb:v*p*d*dc*dsc*dp*ic0Eisc01ip00in* uvcvideo
alias usb:v1234p*d*dc*dsc*dp*ic*isc*ip*in* torn
alias usb:v0403p6001d*dc*dsc*dp*ic*isc*ip*in* ftdi_sio
alias usb:v19ABp1000d012[0-6]dc*dsc*dp*ic0Eisc01ip00in* uvcvideo
alias of:N*T*Cbrcm,bcm43438-btC* hci_uart
alias acpi*:BCM2EAC:* hci_uart
alias fs-brcm brcmfmac
alias short
`,
	"modules.builtin": "kernel/drivers/usb/serial/ftdi_sio.ko\nkernel/drivers/media/mc/mc.ko\n",
	"modules.softdep": "softdep brcmfmac pre: uvc nothing-like-it post: brcmfmac-wcc\n",
}

const (
	webcam = "usb:v046Dp0825d0012dcEFdsc02dp01ic0Eisc01ip00in00"
	wifi   = "sdio:c00v02D0d4345"
	serial = "usb:v0403p6001d0600dc00dsc00dp00icFFiscFFipFFin00"
	broken = "usb:v1234p0001d0000dc00dsc00dp00ic00isc00ip00in00"
)

func tablesDir(t testing.TB, text map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range text {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func tables(t testing.TB) *Tables {
	t.Helper()
	got, err := ReadTables(tablesDir(t, tableText))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDevicesFindTheirModules(t *testing.T) {
	all := tables(t)
	for name, r := range map[string]struct {
		alias string
		want  []string
	}{
		"webcam":                 {webcam, []string{"uvcvideo"}},
		"Wi-Fi chip":             {wifi, []string{"brcmfmac"}},
		"driver in the kernel":   {serial, nil},
		"keyboard":               {"usb:v046DpC31Cd4920dc00dsc00dp00ic03isc01ip01in00", nil},
		"bus without a prefix":   {"acpi0:BCM2EAC:", []string{"hci_uart"}},
		"range, in":              {"usb:v19ABp1000d0126dc00dsc00dp00ic0Eisc01ip00in00", []string{"uvcvideo"}},
		"dash for an underscore": {"of:NbluetoothT(null)Cbrcm,bcm43438_btC", []string{"hci_uart"}},
		"module's own name":      {"brcmfmac-wcc", []string{"brcmfmac_wcc"}},
		"by an alias":            {"fs-brcm", []string{"brcmfmac"}},
		"outside the folder":     {"evil", nil},
		"nothing":                {"", nil},
	} {
		if d := cmp.Diff(r.want, all.For(r.alias)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestModulesComeAfterWhatTheyNeed(t *testing.T) {
	all := tables(t)
	for module, want := range map[string]string{
		"uvcvideo": "videobuf2_common uvc videobuf2_memops videobuf2_vmalloc uvcvideo",
		"brcmfmac": "uvc brcmutil brcmfmac brcmfmac_wcc",
		"ftdi_sio": "",
		"torn":     "torn needs gone: no such module came with this kernel",
		"nothing":  "nothing: no such module came with this kernel",
	} {
		order, err := all.Order(module)
		got := strings.Join(order, " ")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", module, got, want)
		}
	}
}

// TestModulesThatNeedOneAnotherEnd: tables are read from a card, which may hold anything.
func TestModulesThatNeedOneAnotherEnd(t *testing.T) {
	all, err := ReadTables(tablesDir(t, map[string]string{"modules.dep": "a.ko: b.ko\nb.ko: a.ko\n", "modules.softdep": "softdep a pre: b\nsoftdep b post: a\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if order, err := all.Order("a"); err != nil || len(order) != 2 {
		t.Errorf("%v, %v", order, err)
	}
}

// board is a laid-out /sys with devices, and a kernel that keeps the modules it is given.
type board struct {
	sys    string
	loaded []string
	refuse map[string]error
}

func newBoard(t *testing.T, devices ...string) *board {
	t.Helper()
	b := &board{sys: t.TempDir(), refuse: map[string]error{}}
	for i, alias := range devices {
		dir := filepath.Join(b.sys, "bus", strings.Split(alias, ":")[0], "devices", string(rune('a'+i)))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "modalias"), []byte(alias+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *board) insert(path string) error {
	m := name(path)
	if err := b.refuse[m]; err != nil {
		return err
	}
	b.loaded = append(b.loaded, m)
	dir := filepath.Join(b.sys, "module", m)
	return errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "initstate"), []byte("live\n"), 0o600))
}

func (b *board) loader(t *testing.T) *Loader {
	t.Helper()
	l := New(Config{Sys: b.sys, Dir: tablesDir(t, tableText), Insert: b.insert})
	l.tables = tables(t)
	return l
}

func TestWhatIsThereIsLoadedOnce(t *testing.T) {
	b := newBoard(t, webcam, wifi, serial, "of:NbluetoothT(null)Cbrcm,bcm43438-btC")
	l := b.loader(t)
	l.look()
	l.look()
	l.device(webcam)
	want := "uvc brcmutil brcmfmac brcmfmac_wcc videobuf2_common videobuf2_memops videobuf2_vmalloc uvcvideo"
	if got := strings.Join(b.loaded, " "); got != want {
		t.Errorf("loaded %s, want %s", got, want)
	}
	if s, _ := l.Watch().Get(); s.State != drivers.Ready || !strings.Contains(s.Name, "uvcvideo") {
		t.Errorf("%+v", s)
	}
}

func TestARefusedModuleStopsNoOther(t *testing.T) {
	b := newBoard(t, broken, webcam, wifi)
	b.refuse["brcmutil"] = unix.ENOEXEC
	l := b.loader(t)
	l.look()
	if got := strings.Join(b.loaded, " "); got != "uvc videobuf2_common videobuf2_memops videobuf2_vmalloc uvcvideo" {
		t.Errorf("loaded %s", got)
	}
	s, _ := l.Watch().Get()
	if s.State != drivers.Failed || !strings.Contains(s.Reason, "brcmutil") || !strings.Contains(s.Reason, "torn needs gone") {
		t.Errorf("%+v", s)
	}
	delete(b.refuse, "brcmutil")
	l.look()
	if s, _ := l.Watch().Get(); strings.Contains(s.Reason, "brcmutil") {
		t.Errorf("after it could be loaded: %+v", s)
	}
}

func TestTroubleIsLoggedOnceADevice(t *testing.T) {
	b := newBoard(t, broken)
	l := b.loader(t)
	lines := &countingLog{}
	l.cfg.Log = lines.logger()
	for range 3 {
		l.look()
	}
	if lines.n != 1 {
		t.Errorf("%d lines", lines.n)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	b := newBoard(t, webcam)
	l := New(Config{Sys: b.sys, Dir: tablesDir(t, tableText), Insert: b.insert})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	for s, changed := l.Watch().Get(); !strings.Contains(s.Name, "uvcvideo"); s, changed = l.Watch().Get() {
		<-changed
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWithoutTablesTheReasonIsShown(t *testing.T) {
	l := New(Config{Sys: t.TempDir(), Dir: filepath.Join(t.TempDir(), "none")})
	if err := l.Run(t.Context()); err == nil {
		t.Error("no error")
	}
	if s, _ := l.Watch().Get(); s.State != drivers.Failed || s.Reason == "" {
		t.Errorf("%+v", s)
	}
}

func TestRequestsOfTheKernel(t *testing.T) {
	b := newBoard(t)
	cfg := Config{Sys: b.sys, Dir: tablesDir(t, tableText), Insert: b.insert}
	for name, ok := range map[string]bool{"brcmfmac-wcc": true, "mc": true, "fs-brcm": true, "fs-btrfs": false, "torn": false} {
		if err := Request(cfg, name); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, r := range []struct {
		args string
		name string
		ok   bool
	}{{"-q -- brcmfmac-wcc", "brcmfmac-wcc", true}, {"-q -- ", "", true}, {"-q brcmfmac", "", false}, {"-listen -- :80", "", false}, {"-q -- a b", "", false}} {
		if name, ok := IsRequest(strings.Split(r.args, " ")); ok != r.ok || name != r.name {
			t.Errorf("%q: %q, %v", r.args, name, ok)
		}
	}
}
