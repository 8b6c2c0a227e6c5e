package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/edgectl/internal/flash"
)

// slot is a card reader as sysfs tells of it, with a plain file for a card.
func slot(t *testing.T, size int64) (device string, h flash.Host) {
	t.Helper()
	h = flash.Host{Sys: t.TempDir(), Proc: t.TempDir()}
	device = filepath.Join(t.TempDir(), "sdq")
	disk := filepath.Join(h.Sys, "class/block/sdq")
	err := errors.Join(os.MkdirAll(disk, 0o755), os.MkdirAll(filepath.Join(h.Proc, "self"), 0o755),
		os.WriteFile(device, nil, 0o600), os.Truncate(device, size))
	for path, text := range map[string]string{filepath.Join(disk, "removable"): "1", filepath.Join(disk, "size"): fmt.Sprint(size / 512),
		filepath.Join(disk, "dev"): "8:240", filepath.Join(h.Proc, "self/mountinfo"): ""} {
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return device, h
}

// image is an image of 2 MB with a map of its first half.
func image(t *testing.T) (path string, text []byte) {
	t.Helper()
	text = bytes.Repeat([]byte("edgekit!"), 2<<20/8)
	path = filepath.Join(t.TempDir(), "kit.img")
	m := fmt.Sprintf("<bmap version=\"2.0\"><ImageSize>%d</ImageSize><BlockSize>4096</BlockSize><ChecksumType>sha256</ChecksumType>"+
		"<BmapFileChecksum>%064d</BmapFileChecksum><BlockMap><Range chksum=\"%x\">0-255</Range></BlockMap></bmap>", len(text), 0, sha256.Sum256(text[:1<<20]))
	m = strings.Replace(m, fmt.Sprintf("%064d", 0), fmt.Sprintf("%x", sha256.Sum256([]byte(m))), 1)
	if err := errors.Join(os.WriteFile(path, text, 0o600), os.WriteFile(path+".bmap", []byte(m), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path, text
}

func TestACardIsFlashedOnceItsNameIsTyped(t *testing.T) {
	from, text := image(t)
	for typed, want := range map[string]string{"sdq\n": "", "DEVICE\n": "", "sdq": "", "": "not confirmed", "yes\n": "not confirmed", "sda\n": "not confirmed"} {
		device, h := slot(t, 4<<20)
		var out, errs strings.Builder
		v := flashVerb{Image: from, Device: device, in: strings.NewReader(strings.Replace(typed, "DEVICE", device, 1)), host: h}
		err := v.Run(nil, &printer{out: &out, errs: &errs})
		got, e := os.ReadFile(device)
		if e != nil {
			t.Fatal(e)
		}
		switch {
		case want == "" && (err != nil || !bytes.Equal(got[:1<<20], text[:1<<20]) || got[1<<20] != 0 || !strings.Contains(out.String(), "written and read back")):
			t.Errorf("%q: %v\n%s%s", typed, err, errs.String(), out.String())
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(bytes.Trim(got, "\x00")) > 0):
			t.Errorf("%q: %v, expected %q and nothing written", typed, err, want)
		}
		if !strings.Contains(errs.String(), "Everything on it will be lost") {
			t.Errorf("not asked: %q", errs.String())
		}
	}
}

func TestFlashingTellsProgramsHowFarItIs(t *testing.T) {
	from, _ := image(t)
	device, h := slot(t, 4<<20)
	var out, errs strings.Builder
	if err := (flashVerb{Image: from, Device: device, Yes: true, host: h}).Run(nil, &printer{out: &out, errs: &errs, json: true}); err != nil {
		t.Fatal(err)
	}
	var last struct {
		Step        string
		Done, Total int64
	}
	for line := range strings.Lines(errs.String()) {
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
	}
	if last.Step != "verify" || last.Done != 1<<20 || last.Total != 1<<20 || !strings.Contains(out.String(), `"ready"`) {
		t.Errorf("%+v, %s", last, out.String())
	}
}

func TestFlashingWithoutWhatItTakesWritesNothing(t *testing.T) {
	from, _ := image(t)
	bad, _ := image(t)
	if err := os.WriteFile(bad+".bmap", []byte("<bmap/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		image string
		size  int64
		want  string
	}{
		"no image":         {filepath.Join(t.TempDir(), "none.img.xz"), 4 << 20, "none.img.xz"},
		"a bad map":        {bad, 4 << 20, "take the .bmap away"},
		"a card too small": {from, 1 << 20, "use a larger card"},
	} {
		device, h := slot(t, c.size)
		err := (flashVerb{Image: c.image, Device: device, Yes: true, host: h}).Run(nil, &printer{out: &strings.Builder{}, errs: &strings.Builder{}})
		got, e := os.ReadFile(device)
		if e != nil {
			t.Fatal(e)
		}
		if !errors.As(err, new(fault)) || !strings.Contains(err.Error(), c.want) || len(bytes.Trim(got, "\x00")) > 0 {
			t.Errorf("%s: %v, expected %q and nothing written", name, err, c.want)
		}
	}
}

// TestSettingsGoOntoTheCard flashes an image with a FAT on it, and has mtools say what is there.
func TestSettingsGoOntoTheCard(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, program := range []string{"mcopy", "mkfs.fat"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	const at = 1 << 20
	fat := filepath.Join(t.TempDir(), "fat")
	if err := errors.Join(os.WriteFile(fat, nil, 0o600), os.Truncate(fat, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.fat", "-F", "16", fat).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(fat)
	if err != nil {
		t.Fatal(err)
	}
	disk := append(make([]byte, at), text...)
	disk[446+4] = 0x0c
	binary.LittleEndian.PutUint32(disk[446+8:], at/512)
	from := filepath.Join(t.TempDir(), "kit.img")
	if err := os.WriteFile(from, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	good, bad := filepath.Join(t.TempDir(), "mine.toml"), filepath.Join(t.TempDir(), "bad.toml")
	if err := errors.Join(os.WriteFile(good, []byte("stall = \"Blue Door\"\n"), 0o600), os.WriteFile(bad, []byte("stall = \n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	device, h := slot(t, 32<<20)
	to := &printer{out: &strings.Builder{}, errs: &strings.Builder{}}
	if err := (flashVerb{Image: from, Device: device, Yes: true, Settings: bad, host: h}).Run(nil, to); !errors.As(err, new(fault)) || !strings.Contains(err.Error(), "bad.toml:1:") {
		t.Errorf("bad settings: %v", err)
	}
	if got, err := os.ReadFile(device); err != nil || len(bytes.Trim(got, "\x00")) > 0 {
		t.Errorf("written with bad settings (%v)", err)
	}
	if err := (flashVerb{Image: from, Device: device, Yes: true, Settings: good, host: h}).Run(nil, to); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("mcopy", "-i", fmt.Sprintf("%s@@%d", device, at), "::edgekit.toml", "-").Output()
	if err != nil || string(out) != "stall = \"Blue Door\"\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestAnImageIsBuiltInACheckoutOnly(t *testing.T) {
	if root, err := checkout(); err != nil || filepath.Base(root) == "edgectl" {
		t.Errorf("%s, %v", root, err)
	}
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"image", "build"}, "not in a checkout"},
		{[]string{"image", "flash", "kit.img.xz", "/dev/null"}, "kit.img.xz"},
		{[]string{"image", "flash", "kit.img.xz"}, "edgectl --help"},
	} {
		if code, errs := ctl(t, nil, c.args...); code != 2 || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, want one line with %q", c.args, code, errs, c.want)
		}
	}
}
