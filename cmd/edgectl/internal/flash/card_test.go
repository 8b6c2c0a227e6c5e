package flash

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lay out sysfs and procfs as the kernel does: a USB card reader sdb with two partitions, an SD slot, an internal disk, a
// soldered MMC.
func machine(t *testing.T, change map[string]string) Host {
	t.Helper()
	h := Host{Sys: t.TempDir(), Proc: t.TempDir()}
	files := map[string]string{
		"proc/self/mountinfo": "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n23 22 0:5 / /dev rw - devtmpfs udev rw\n",
		"proc/swaps":          "Filename\tType\tSize\tUsed\tPriority\n/dev/nvme0n1p3  partition 1 0 -2\n",
	}
	disk := func(at, name, number string, parts ...string) {
		for n, p := range append([]string{""}, parts...) {
			dir := "sys/devices/" + at + "/block/" + name + "/"
			if n > 0 {
				dir += p + "/"
				files[dir+"partition"] = string(rune('0' + n))
				files["link/"+p] = dir
			} else {
				files["link/"+name] = dir
				files[dir+"removable"], files[dir+"ro"] = "0", "0"
			}
			files[dir+"size"], files[dir+"dev"] = "62333952", number+":"+string(rune('0'+n))
		}
	}
	disk("pci0/usb1/1-4/host6/target6", "sdb", "8", "sdb1", "sdb2")
	files["sys/devices/pci0/usb1/1-4/host6/target6/block/sdb/device/vendor"] = "Generic "
	files["sys/devices/pci0/usb1/1-4/host6/target6/block/sdb/device/model"] = "STORAGE DEVICE  "
	disk("platform/mmc_host/mmc0/mmc0:1", "mmcblk0", "179")
	files["sys/devices/platform/mmc_host/mmc0/mmc0:1/block/mmcblk0/device/type"] = "SD"
	files["sys/devices/platform/mmc_host/mmc0/mmc0:1/block/mmcblk0/device/name"] = "SC32G"
	disk("platform/mmc_host/mmc1/mmc1:1", "mmcblk1", "180")
	files["sys/devices/platform/mmc_host/mmc1/mmc1:1/block/mmcblk1/device/type"] = "MMC"
	disk("pci0/nvme/nvme0", "nvme0n1", "259", "nvme0n1p1", "nvme0n1p2")
	disk("pci0/ata1/host0/target0", "sda", "9", "sda1")
	for name, text := range change {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(h.Sys, strings.TrimPrefix(name, "sys/"))
		var err error
		switch {
		case strings.HasPrefix(name, "link/"):
			path = filepath.Join(h.Sys, "class/block", strings.TrimPrefix(name, "link/"))
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink("../../"+strings.TrimPrefix(text, "sys/"), path))
		case strings.HasPrefix(name, "proc/"):
			path = filepath.Join(h.Proc, strings.TrimPrefix(name, "proc/"))
			fallthrough
		default:
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text+"\n"), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

const usb = "sys/devices/pci0/usb1/1-4/host6/target6/block/sdb/"

func TestCardsAreTakenAndAllElseIsRefused(t *testing.T) {
	for _, c := range []struct {
		device string
		change map[string]string
		want   string // in the refusal; empty: it is taken
	}{
		{"/dev/sdb", nil, ""},
		{"/dev/mmcblk0", nil, ""},
		{"/dev/sda", map[string]string{"sys/devices/pci0/ata1/host0/target0/block/sda/removable": "1"}, ""},
		{"/dev/sdz", nil, "lsblk"},
		{"/dev/sdb1", nil, "name the whole one, /dev/sdb"},
		{"/dev/sda", nil, "not a removable disk"},
		{"/dev/nvme0n1", nil, "not a removable disk"},
		{"/dev/mmcblk1", nil, "not a removable disk"},
		{"/dev/sdb", map[string]string{usb + "size": "0"}, "no card"},
		{"/dev/sdb", map[string]string{usb + "ro": "1"}, "write-protected"},
		{"/dev/sdb", map[string]string{usb + "sdb2/holders/dm-0": ""}, "part of /dev/dm-0"},
		{"/dev/sdb", map[string]string{usb + "holders/md0": ""}, "part of /dev/md0"},
		{"/dev/sdb", map[string]string{"proc/self/mountinfo": `40 22 8:1 / /media/my\040card rw - vfat /dev/sdb1 rw`}, "mounted on /media/my card"},
		{"/dev/sdb", map[string]string{"proc/self/mountinfo": `40 22 8:0 / /mnt rw shared:3 master:1 - ext4 /dev/root rw`}, "mounted on /mnt"},
		{"/dev/sdb", map[string]string{"proc/self/mountinfo": `40 22 0:39 /sub /mnt rw - btrfs /dev/sdb2 rw`}, "mounted on /mnt"},
		{"/dev/sdb", map[string]string{"proc/self/mountinfo": `22 1 8:2 / / rw shared:1 - ext4 /dev/sdb2 rw`}, "runs from"},
		{"/dev/sdb", map[string]string{"proc/self/mountinfo": `22 1 8:1 / /boot/firmware rw shared:1 - vfat /dev/sdb1 rw`}, "runs from"},
		{"/dev/sdb", map[string]string{"proc/swaps": "Filename Type\n/dev/sdb2 partition"}, "swapoff /dev/sdb2"},
	} {
		card, err := machine(t, c.change).Inspect(c.device)
		var r Refusal
		switch {
		case c.want == "" && (err != nil || card.Size != 62333952*512):
			t.Errorf("%s: %+v, %v", c.device, card, err)
		case c.want != "" && (!errors.As(err, &r) || !strings.Contains(r.Why, c.want)):
			t.Errorf("%s with %v: %v, expected %q", c.device, c.change, err, c.want)
		}
	}
	if c, err := machine(t, nil).Inspect("/dev/sdb"); err != nil || c.Model != "Generic STORAGE DEVICE" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := machine(t, nil).Inspect("/dev/mmcblk0"); err != nil || c.Model != "SC32G" {
		t.Errorf("%+v, %v", c, err)
	}
	blind := machine(t, nil)
	blind.Proc = t.TempDir()
	if _, err := blind.Inspect("/dev/sdb"); err == nil {
		t.Error("taken without knowing what is mounted")
	}
}

// TestThisMachinesOwnDiskIsRefused asks the real kernel.
func TestThisMachinesOwnDiskIsRefused(t *testing.T) {
	disks, err := filepath.Glob("/sys/class/block/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range disks {
		at, err := filepath.EvalSymlinks(d)
		if err != nil || removable(at) {
			continue
		}
		if _, err := (Host{}).Inspect("/dev/" + filepath.Base(d)); !errors.As(err, new(Refusal)) {
			t.Errorf("%s: %v", d, err)
		}
	}
}
