package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgekit.internal/image/pack/kernel"
	"edgekit.internal/image/update"
)

// boards are what an instance runs on: the first word of "compatible" in the device trees that are started from.
var boards = map[string][]string{
	"edgekit": {"raspberrypi,3-model-b", "raspberrypi,3-model-b-plus", "raspberrypi,4-model-b", "raspberrypi,400",
		"raspberrypi,5-model-b", "raspberrypi,model-zero-2-w"},
	"edgekit-vm":  {"linux,dummy-virt"}, // QEMU's
	"edgekit-lab": {"linux,dummy-virt"},
}

// notDebian are boards that Debian 12's kernel has no device tree for.
var notDebian = []string{"raspberrypi,5-model-b"}

// release names what is built by its commit.
func (b *build) release() (r update.Release, err error) {
	commit, err := b.output(b.root, "git", "describe", "--always", "--dirty=+", "--abbrev=8", "--exclude=*")
	if err != nil {
		commit = "source" // not a checkout
	}
	r = update.Release{Version: b.time().Format("2006.01.02") + "-" + commit, Serial: b.stamp, Boards: boards[b.instance]}
	if b.kernel == debianKernel {
		r.Boards = slices.DeleteFunc(slices.Clone(r.Boards), func(board string) bool { return slices.Contains(notDebian, board) })
	}
	if len(r.Boards) == 0 {
		return r, fmt.Errorf("no boards are listed for instance %q", b.instance)
	}
	return r, nil
}

// writeRelease lets the system say what it is, and whose updates it takes.
func (b *build) writeRelease() error {
	r, err := b.release()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	key, err := b.updateKey()
	if err != nil {
		return err
	}
	public := base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)) + "\n"
	for path, text := range map[string]string{update.ReleaseFile: string(text) + "\n", update.KeysFile: public} {
		at := filepath.Join(b.at("extra"), path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ownKey finds out where the maker's key is, before the build has a home of its own.
func (b *build) ownKey() (err error) {
	if b.key == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return fmt.Errorf("-update-key: %w", err)
		}
		b.key = filepath.Join(dir, "edgekit", "update.key")
	}
	b.key, err = filepath.Abs(b.key)
	return err
}

// updateKey reads the maker's key, an Ed25519 seed in base64, or makes one: the kits that are flashed with this image
// take updates that are signed with it, and no others.
func (b *build) updateKey() (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(b.key)
	if errors.Is(err, fs.ErrNotExist) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		text = []byte(base64.StdEncoding.EncodeToString(seed) + "\n")
		if err := os.MkdirAll(filepath.Dir(b.key), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(b.key, text, 0o600); err != nil {
			return nil, err
		}
		fmt.Printf("image: made %s: it signs updates, and kits flashed with this image take no others. Keep it safe, and a copy of it.\n", b.key)
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("-update-key: %w", err)
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("-update-key: %s is no key: expected 44 characters of base64", b.key)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// slotOverlays tells the firmware that the slot has overlays of its own (Raspberry Pi documentation, "config.txt",
// overlay_prefix: without a README there the prefix does not count).
const slotOverlays = "Device tree overlays of this system. The firmware takes them from here because this file is here.\n"

// intoSlot moves a system's own files into the folder of slot a, and tells both boot loaders.
func (b *build) intoSlot(files string) error {
	slot := filepath.Join(files, update.SlotA.String())
	if err := os.MkdirAll(slot, 0o755); err != nil {
		return err
	}
	trees, err := filepath.Glob(filepath.Join(files, "*.dtb"))
	if err != nil {
		return err
	}
	initrd := b.kernel == debianKernel
	if initrd { // gok leaves it where it is
		if err := copyFile(filepath.Join(slot, update.Initrd), filepath.Join(b.at(kernelDir), kernel.Initrd), 0o644); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(files, "overlays"), 0o755); err != nil {
			return err
		}
	}
	move := append(trees, filepath.Join(files, "vmlinuz"), filepath.Join(files, "overlays"), filepath.Join(files, "cmdline.txt"))
	for _, from := range move {
		if err := os.Rename(from, filepath.Join(slot, filepath.Base(from))); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(slot, "overlays", "README"), []byte(slotOverlays), 0o644); err != nil {
		return err
	}
	line, err := os.ReadFile(filepath.Join(slot, "cmdline.txt"))
	if err != nil {
		return err
	}
	own, err := update.Cmdline(strings.TrimSpace(string(line))+"\n", update.SlotA)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(slot, "cmdline.txt"), []byte(own), 0o644); err != nil {
		return err
	}
	entries := filepath.Join(files, "loader", "entries")
	if err := os.RemoveAll(entries); err != nil { // gok's own
		return err
	}
	if err := os.MkdirAll(entries, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(entries, "edgekit-1.conf"), update.UEFIEntry(update.SlotA, own, initrd), 0o644); err != nil {
		return err
	}
	return b.prefix(filepath.Join(files, "config.txt"))
}

// prefix has the Pi's firmware start slot a. The line keeps its length, and is the first: an update changes its letter.
func (b *build) prefix(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	head := "# The system's folder. Updates change its letter; leave the line as it is.\nos_prefix=" + update.SlotA.String() + "/\n"
	return os.WriteFile(config, append([]byte(head), text...), 0o644)
}

// makeUpdate signs the system that was built, as an update for kits that have an older one.
func (b *build) makeUpdate() error {
	r, err := b.release()
	if err != nil {
		return err
	}
	key, err := b.updateKey()
	if err != nil {
		return err
	}
	files, err := b.systemFiles()
	if err != nil {
		return err
	}
	out, err := os.Create(b.at("system.update"))
	if err != nil {
		return err
	}
	defer out.Close()
	w := bufio.NewWriter(out)
	if err := errors.Join(update.Write(w, r, key, files), w.Flush()); err != nil {
		return err
	}
	return out.Close()
}

// systemFiles are the root file system and slot a's folder.
func (b *build) systemFiles() (list []update.Source, err error) {
	disk, err := os.Open(b.disk())
	if err != nil {
		return nil, err
	}
	defer disk.Close()
	size := make([]byte, 8)
	if _, err := disk.ReadAt(size, rootA+40); err != nil { // bytes_used, squashfs 4.0's superblock
		return nil, err
	}
	n := (int64(binary.LittleEndian.Uint64(size)) + 4095) / 4096 * 4096 // the kernel reads whole blocks
	root := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(disk, rootA, n), root); err != nil {
		return nil, err
	}
	list = append(list, update.Source{Name: "root.squashfs", Text: root})
	slot := filepath.Join(b.at("boot"), update.SlotA.String())
	var paths []string
	err = filepath.WalkDir(slot, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	slices.Sort(paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(slot, path)
		if err != nil {
			return nil, err
		}
		list = append(list, update.Source{Name: "boot/" + rel, Text: text, Gzip: rel == "vmlinuz"})
	}
	return list, err
}
