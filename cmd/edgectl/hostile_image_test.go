package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/edgectl/internal/flash"
)

// meanwhile does something as the person who is asked answers.
type meanwhile struct {
	do     func() error
	answer *strings.Reader
}

func (m meanwhile) Read(p []byte) (int, error) {
	if err := m.do(); err != nil {
		return 0, err
	}
	return m.answer.Read(p)
}

// TestAnotherCardIsNotWrittenTo: between question and answer people swap cards, and the kernel gives names to others.
func TestAnotherCardIsNotWrittenTo(t *testing.T) {
	from, _ := image(t)
	for name, change := range map[string]func(disk string) error{
		"another card":     func(disk string) error { return os.WriteFile(filepath.Join(disk, "size"), []byte("99999"), 0o600) },
		"another disk":     func(disk string) error { return os.WriteFile(filepath.Join(disk, "dev"), []byte("8:16"), 0o600) },
		"a fixed disk":     func(disk string) error { return os.WriteFile(filepath.Join(disk, "removable"), []byte("0"), 0o600) },
		"nothing any more": os.RemoveAll,
	} {
		device, h := slot(t, 4<<20)
		disk := filepath.Join(h.Sys, "class/block/sdq")
		v := flashVerb{Image: from, Device: device, in: meanwhile{func() error { return change(disk) }, strings.NewReader("sdq\n")}, host: h}
		err := v.Run(nil, &printer{out: &strings.Builder{}, errs: &strings.Builder{}})
		got, e := os.ReadFile(device)
		if e != nil {
			t.Fatal(e)
		}
		if !errors.As(err, new(flash.Refusal)) || len(bytes.Trim(got, "\x00")) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
