package kernel

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const dep = `kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko:
kernel/lib/crc16.ko:
kernel/drivers/usb/class/cdc-acm.ko: kernel/drivers/usb/core/usbcore.ko kernel/drivers/usb/common/usb-common.ko
kernel/drivers/usb/core/usbcore.ko: kernel/drivers/usb/common/usb-common.ko
kernel/drivers/usb/common/usb-common.ko:
`

func TestModulesComeAfterWhatTheyNeed(t *testing.T) {
	got, err := parseTable("", dep).order("# a card\next4\n\n# a printer\ncdc_acm\next4\n")
	want := []string{"kernel/fs/jbd2/jbd2.ko", "kernel/lib/crc16.ko", "kernel/fs/ext4/ext4.ko",
		"kernel/drivers/usb/common/usb-common.ko", "kernel/drivers/usb/core/usbcore.ko", "kernel/drivers/usb/class/cdc-acm.ko"}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%s%v", d, err)
	}
	if got, err := parseTable("", dep).order("btrfs"); err == nil || !strings.Contains(err.Error(), "btrfs") {
		t.Errorf("one that there is not: %v, %v", got, err)
	}
}

// TestWhatTheInitramfsLoadsIsInTheRootToo: what needs these modules as well finds them in the root's tables.
func TestWhatTheInitramfsLoadsIsInTheRootToo(t *testing.T) {
	root := strings.Fields(modules)
	for line := range strings.Lines(early) {
		if m := strings.TrimSpace(line); !strings.HasPrefix(m, "#") && !slices.Contains(root, m) {
			t.Errorf("%s is in the file early, and not in the file modules", m)
		}
	}
}

// TestCpioReadsTheArchive has GNU cpio read what the kernel will.
func TestCpioReadsTheArchive(t *testing.T) {
	program, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("no cpio here; CI has it")
	}
	files := []file{{name: "dev", mode: dirMode}, {name: "init", mode: programMode, text: []byte("12345")}, {name: "modules", mode: dirMode}, {name: "modules/order", mode: fileMode}}
	var b, again bytes.Buffer
	for _, w := range []*bytes.Buffer{&b, &again} {
		if err := writeArchive(w, files, time.Unix(86400, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same files make other bytes")
	}
	c := exec.Command(program, "-tvn", "--quiet")
	c.Env = append(c.Environ(), "TZ=UTC", "LC_ALL=C")
	c.Stdin = &b
	out, err := c.CombinedOutput()
	want := "drwxr-xr-x 2 0 0 0 Jan 2 1970 dev\n-rwxr-xr-x 1 0 0 5 Jan 2 1970 init\ndrwxr-xr-x 2 0 0 0 Jan 2 1970 modules\n-rw-r--r-- 1 0 0 0 Jan 2 1970 modules/order\n"
	if got := spaces(string(out)); got != want || err != nil {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
}

// spaces makes one of several.
func spaces(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}
