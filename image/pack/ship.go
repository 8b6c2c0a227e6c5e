package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"edgekit.internal/image/pack/licence"
)

// compressedBudget is what a maker should have to download and flash.
const compressedBudget = 80_000_000

func (b *build) time() time.Time { return time.Unix(b.stamp, 0).UTC() }

// ship writes NAME.img.xz, .bmap, .spdx.json, .licences.txt, NAME.update and NAME.img.sha256 into the folder that was
// asked for.
func (b *build) ship() error {
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	base := filepath.Join(b.out, b.name()+".img")
	spans, err := b.written()
	if err != nil {
		return err
	}
	disk, err := os.Open(b.disk())
	if err != nil {
		return err
	}
	defer disk.Close()
	text, err := blockMap(disk, diskSize, spans)
	if err != nil {
		return err
	}
	if err := os.WriteFile(base+".bmap", text, 0o644); err != nil {
		return err
	}
	// Two threads whatever the host has: one and several give different bytes.
	if err := b.run("", "sh", "-c", `xz -2 -T2 --block-size=33554432 -c "$0" >"$1.part" && mv "$1.part" "$1"`, b.disk(), base+".xz"); err != nil {
		return err
	}
	sum, err := sumOf(base + ".xz")
	if err != nil {
		return err
	}
	parts, err := b.parts(filepath.Base(base)+".xz", sum)
	if err != nil {
		return err
	}
	if err := os.WriteFile(base+".spdx.json", parts, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(base+".licences.txt", licence.Notices(b.licences), 0o644); err != nil {
		return err
	}
	bundle := filepath.Join(b.out, b.name()+".update")
	if err := copyFile(bundle, b.at("system.update"), 0o644); err != nil {
		return err
	}
	var list []byte
	for _, path := range []string{base + ".xz", base + ".bmap", base + ".spdx.json", base + ".licences.txt", bundle} {
		sum, err := sumOf(path)
		if err != nil {
			return err
		}
		list = fmt.Appendf(list, "%s  %s\n", sum, filepath.Base(path))
	}
	return os.WriteFile(base+".sha256", list, 0o644)
}

// report says what there is now.
func (b *build) report() error {
	if b.out == "" {
		path, err := filepath.Rel(b.root, b.disk())
		fmt.Println(path)
		return err
	}
	path := filepath.Join(b.out, b.name()+".img.xz")
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %.1f MB\n", path, float64(st.Size())/1e6)
	if st.Size() > compressedBudget {
		fmt.Printf("image: over the budget of %d MB\n", compressedBudget/1_000_000)
	}
	return nil
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
