//go:build bench

package main

import (
	"encoding/json"
	"os"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/image/boottest"
)

// benchImage boots the image as `make image-vm` left it, and weighs the one that `make image` left.
func benchImage(t *testing.T, b *bench) {
	const shipped, disk, uefi = "../../bin/edgekit.img.xz", "../../.cache/image/instances/edgekit-vm/disk.img", "../../.cache/image/QEMU_EFI.fd"
	if st, err := os.Stat(shipped); err == nil {
		b.put(imageSize, float64(st.Size())/1e6, "bin/edgekit.img.xz")
	} else {
		b.miss(imageSize, "%v: make image", err)
	}
	m, err := boottest.New(disk, uefi, t.TempDir())
	if err != nil {
		b.miss(imageBoot, "%v", err)
		b.miss(imageMemory, "%v", err)
		return
	}
	defer m.PowerCut()
	best := 0.0
	for range 3 {
		m.PowerCut()
		if err := m.PowerOn(); err != nil {
			t.Fatal(err)
		}
		took, err := m.Serving(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s := took.Seconds(); best == 0 || s < best {
			best = s
		}
	}
	b.put(imageBoot, best, "2 emulated cores; the first start makes a kit of it")
	code, err := m.Code(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	op, err := kittest.PairWith(m.Console, code)
	if err != nil {
		t.Fatal(err)
	}
	var state wire.KitStatus
	status, answer, err := op.Get("/api/operator/status")
	if err == nil {
		err = json.Unmarshal(answer, &state)
	}
	if err != nil || status != 200 || state.Board.MemoryMB == 0 {
		t.Fatalf("%d %s %v", status, answer, err)
	}
	b.put(imageMemory, float64(state.Board.MemoryMB-state.Board.FreeMB), "all programs and the kernel, of %d MB; a Zero 2 W has 512", state.Board.MemoryMB)
}
